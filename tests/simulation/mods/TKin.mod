: a sodium channel as a kinetic scheme; rates of the caller's shift
NEURON {
    SUFFIX TKin
    USEION na READ ena WRITE ina
    RANGE gbar, shift, open
    GLOBAL q10
}
UNITS { (mV) = (millivolt) }
PARAMETER {
    gbar = 0.02 (S/cm2)
    shift = 3 (mV)
    q10 = 2.3
    celsius (degC)
}
ASSIGNED { v (mV) ena (mV) ina (mA/cm2) a b c d open }
STATE { C O I }
BREAKPOINT {
    SOLVE scheme METHOD sparse
    open = O
    ina = gbar * open * (v - ena)
}
INITIAL { SOLVE scheme STEADYSTATE sparse }
KINETIC scheme {
    rates(v - shift)
    ~ C <-> O (a, b)
    ~ O <-> I (c, d)
    CONSERVE C + O + I = 1
}
PROCEDURE rates(u (mV)) { LOCAL q
    TABLE a, b, c, d DEPEND celsius FROM -150 TO 150 WITH 300
    q = q10^((celsius - 24) / 10)
    a = q * 0.6 * vtrap(-(u + 38), 7)
    b = q * 0.8 * vtrap(u + 38, 9)
    c = q * 0.3
    d = q * 0.02 * exp(-(u + 60) / 15)
}
FUNCTION vtrap(x, y) {
    if (fabs(x / y) < 1e-6) { vtrap = y * (1 - x / y / 2) } else { vtrap = x / (exp(x / y) - 1) }
}
