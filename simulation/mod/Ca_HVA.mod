TITLE High-voltage-activated calcium current

COMMENT
Kinetics of Reuveni et al. 1993 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX Ca_HVA
    USEION ca READ eca WRITE ica
    RANGE gCa_HVAbar
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gCa_HVAbar = 0 (S/cm2)
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
    ica = gCa_HVAbar * m^2 * h * (v - eca)
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
PROCEDURE rates(v (mV)) { LOCAL a, b
    a = 0.055 * 3.8 * linoid((-27 - v) / 3.8)
    b = 0.94 * exp((-75 - v) / 17)
    minf = a / (a + b)
    mtau = 1 / (a + b)
    a = 0.000457 * exp((-13 - v) / 50)
    b = 0.0065 / (exp((-v - 15) / 28) + 1)
    hinf = a / (a + b)
    htau = 1 / (a + b)
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
