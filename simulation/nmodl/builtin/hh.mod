COMMENT
NEURON's own squid axon channels (Hodgkin and Huxley 1952), for the kernels: NEURON has them built in
and does not compile this file.
ENDCOMMENT

NEURON {
    SUFFIX hh
    USEION na READ ena WRITE ina
    USEION k READ ek WRITE ik
    NONSPECIFIC_CURRENT il
    RANGE gnabar, gkbar, gl, el
}

PARAMETER {
    gnabar = .12 (S/cm2)
    gkbar = .036 (S/cm2)
    gl = .0003 (S/cm2)
    el = -54.3 (mV)
}

ASSIGNED {
    v (mV)
    celsius (degC)
    ena (mV)
    ek (mV)
    ina (mA/cm2)
    ik (mA/cm2)
    il (mA/cm2)
}

STATE { m h n }

BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gnabar * m^3 * h * (v - ena)
    ik = gkbar * n^4 * (v - ek)
    il = gl * (v - el)
}

INITIAL {
    m = rise(m_opening(), m_closing(), 0)
    h = rise(0.07 * exp(-(v + 65) / 20), 1 / (exp(-(v + 35) / 10) + 1), 0)
    n = rise(n_opening(), 0.125 * exp(-(v + 65) / 80), 0)
}

DERIVATIVE states { LOCAL q
    q = 3^((celsius - 6.3) / 10)
    m' = q * rise(m_opening(), m_closing(), m)
    h' = q * rise(0.07 * exp(-(v + 65) / 20), 1 / (exp(-(v + 35) / 10) + 1), h)
    n' = q * rise(n_opening(), 0.125 * exp(-(v + 65) / 80), n)
}

FUNCTION rise(a, b, x) {
    rise = a - (a + b) * x
}

FUNCTION m_opening() {
    m_opening = linoid(-(v + 40) / 10)
}

FUNCTION m_closing() {
    m_closing = 4 * exp(-(v + 65) / 18)
}

FUNCTION n_opening() {
    n_opening = 0.1 * linoid(-(v + 55) / 10)
}

FUNCTION linoid(x) {
    if (fabs(x) < 1e-6) {
        linoid = 1 - x / 2
    } else {
        linoid = x / (exp(x) - 1)
    }
}
