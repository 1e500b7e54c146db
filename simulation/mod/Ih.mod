TITLE Hyperpolarisation-activated cation current

COMMENT
Kinetics of Kole et al. 2006 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX Ih
    NONSPECIFIC_CURRENT i
    RANGE gIhbar, e, vshift
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gIhbar = 0 (S/cm2)
    e = -45 (mV)
    vshift = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (mA/cm2)
    minf (1)
    mtau (ms)
}

STATE { m }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = gIhbar * m * (v - e)
}

INITIAL {
    rates(v)
    m = minf
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m) / mtau
}

UNITSOFF
: vshift moves both rates along the voltage axis
PROCEDURE rates(v (mV)) { LOCAL a, b, u
    u = v - vshift
    a = 0.00643 * 11.9 * linoid((u + 154.9) / 11.9)
    b = 0.193 * exp(u / 33.1)
    minf = a / (a + b)
    mtau = 1 / (a + b)
}

: x / (exp(x) - 1), with its limit at 0
FUNCTION linoid(x) {
    if (fabs(x) < 1e-5) {
        linoid = 1 - x / 2
    } else {
        linoid = x / (exp(x) - 1)
    }
}
UNITSON
