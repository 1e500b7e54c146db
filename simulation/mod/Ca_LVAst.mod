TITLE Low-voltage-activated calcium current

COMMENT
Kinetics of Avery and Johnston 1996 and Randall and Tsien 1997 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX Ca_LVAst
    USEION ca READ eca WRITE ica
    RANGE gCa_LVAstbar
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gCa_LVAstbar = 0 (S/cm2)
}

ASSIGNED {
    v (mV)
    ica (mA/cm2)
    eca (mV)
    minf (1)
    mtau (ms)
    hinf (1)
    htau (ms)
}

STATE { m h }

BREAKPOINT {
    SOLVE states METHOD cnexp
    ica = gCa_LVAstbar * m^2 * h * (v - eca)
}

INITIAL {
    rates(v)
    m = minf
    h = hinf
}

DERIVATIVE states {
    rates(v)
    m' = (minf - m) / mtau
    h' = (hinf - h) / htau
}

UNITSOFF
: q = 2.3^((34 - 21) / 10); 10 mV is the junction potential
PROCEDURE rates(v (mV)) { LOCAL u, q
    q = 2.952882641412121
    u = v + 10
    minf = 1 / (1 + exp(-(u + 30) / 6))
    mtau = (5 + 20 / (1 + exp((u + 25) / 5))) / q
    hinf = 1 / (1 + exp((u + 80) / 6.4))
    htau = (20 + 50 / (1 + exp((u + 40) / 7))) / q
}
UNITSON
