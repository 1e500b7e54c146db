TITLE NMDA synapse

COMMENT
Dual-exponential conductance with a magnesium block (Jahr and Stevens 1990, with the voltage
dependence used by Hay et al. and Beniaguev et al.). An event of weight w (uS) makes a conductance
that would peak at w without the block. States and normalisation are those of NEURON's Exp2Syn.
ENDCOMMENT

NEURON {
    POINT_PROCESS NMDA
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e, mg
    THREADSAFE
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
    (mM) = (milli/liter)
}

PARAMETER {
    tau1 = 2 (ms) <1e-9, 1e9>
    tau2 = 70 (ms) <1e-9, 1e9>
    e = 0 (mV)
    mg = 1 (mM)
}

ASSIGNED {
    v (mV)
    i (nA)
    factor (1)
}

STATE {
    A (uS)
    B (uS)
}

INITIAL { LOCAL tp
    tp = (tau1 * tau2) / (tau2 - tau1) * log(tau2 / tau1)
    factor = 1 / (exp(-tp / tau2) - exp(-tp / tau1))
    A = 0
    B = 0
}

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = (B - A) / (1 + exp(-0.08 (/mV) * v) * (mg / 3.57 (mM))) * (v - e)
}

DERIVATIVE states {
    A' = -A / tau1
    B' = -B / tau2
}

NET_RECEIVE(weight (uS)) {
    A = A + weight * factor
    B = B + weight * factor
}
