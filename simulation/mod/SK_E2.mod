TITLE Calcium-activated potassium current of small conductance

COMMENT
Kinetics of Kohler et al. 1996 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX SK_E2
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gSK_E2bar
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
    (mM) = (milli/liter)
}

PARAMETER {
    gSK_E2bar = 0 (S/cm2)
    ztau = 1 (ms)
}

ASSIGNED {
    v (mV)
    ek (mV)
    ik (mA/cm2)
    cai (mM)
}

STATE { z }

BREAKPOINT {
    SOLVE states METHOD cnexp
    ik = gSK_E2bar * z * (v - ek)
}

INITIAL {
    z = zinf(cai)
}

DERIVATIVE states {
    z' = (zinf(cai) - z) / ztau
}

UNITSOFF
FUNCTION zinf(ca) {
    if (ca < 1e-7) {
        zinf = 0
    } else {
        zinf = 1 / (1 + (0.00043 / ca)^4.8)
    }
}
UNITSON
