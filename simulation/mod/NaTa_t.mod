TITLE Fast inactivating sodium current of the axon

COMMENT
Kinetics of Colbert and Pan 2002 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX NaTa_t
    USEION na READ ena WRITE ina
    RANGE gNaTa_tbar
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gNaTa_tbar = 0 (S/cm2)
}

ASSIGNED {
    v (mV)
    ina (mA/cm2)
    ena (mV)
    minf (1)
    mtau (ms)
    hinf (1)
    htau (ms)
}

STATE { m h }

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gNaTa_tbar * m^3 * h * (v - ena)
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
: q = 2.3^((34 - 21) / 10): rates measured at 21 degC, used at 34 degC
PROCEDURE rates(v (mV)) { LOCAL a, b, x, q
    q = 2.952882641412121
    x = (v + 38) / 6
    a = 0.182 * 6 * linoid(-x)
    b = 0.124 * 6 * linoid(x)
    minf = a / (a + b)
    mtau = 1 / (a + b) / q
    x = (v + 66) / 6
    a = 0.015 * 6 * linoid(x)
    b = 0.015 * 6 * linoid(-x)
    hinf = a / (a + b)
    htau = 1 / (a + b) / q
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
