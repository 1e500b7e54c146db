COMMENT
NEURON's own dual-exponential synapse, for the kernels: NEURON has it built in and does not compile
this file.
ENDCOMMENT

NEURON {
    POINT_PROCESS Exp2Syn
    NONSPECIFIC_CURRENT i
    RANGE tau1, tau2, e
}

PARAMETER {
    tau1 = 0.1 (ms)
    tau2 = 10 (ms)
    e = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (nA)
    factor
}

STATE { A B }

INITIAL { LOCAL peak
    peak = tau1 * tau2 / (tau2 - tau1) * log(tau2 / tau1)
    factor = 1 / (exp(-peak / tau2) - exp(-peak / tau1))
    A = 0
    B = 0
}

BREAKPOINT {
    SOLVE state METHOD cnexp
    i = (B - A) * (v - e)
}

DERIVATIVE state {
    A' = -A / tau1
    B' = -B / tau2
}

NET_RECEIVE(weight (uS)) {
    A = A + weight * factor
    B = B + weight * factor
}
