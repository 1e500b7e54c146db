TITLE Persistent sodium current

COMMENT
Kinetics of Magistretti and Alonso 1999 as used by Hay et al. 2011.
ENDCOMMENT

NEURON {
    SUFFIX Nap_Et2
    USEION na READ ena WRITE ina
    RANGE gNap_Et2bar
    THREADSAFE
}

UNITS {
    (S) = (siemens)
    (mV) = (millivolt)
    (mA) = (milliamp)
}

PARAMETER {
    gNap_Et2bar = 0 (S/cm2)
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
    ina = gNap_Et2bar * m^3 * h * (v - ena)
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
: q = 2.3^((34 - 21) / 10)
PROCEDURE rates(v (mV)) { LOCAL a, b, x, q
    q = 2.952882641412121
    minf = 1 / (1 + exp(-(v + 52.6) / 4.6))
    x = (v + 38) / 6
    a = 0.182 * 6 * linoid(-x)
    b = 0.124 * 6 * linoid(x)
    mtau = 6 / ((a + b) * q)
    hinf = 1 / (1 + exp((v + 48.8) / 10))
    a = 2.88e-6 * 4.63 * linoid((v + 17) / 4.63)
    b = 6.94e-6 * 2.63 * linoid(-(v + 64.4) / 2.63)
    htau = 1 / ((a + b) * q)
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
