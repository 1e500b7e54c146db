: a synapse whose block takes time and which lets calcium in
NEURON {
    POINT_PROCESS TNmda
    USEION ca READ eca WRITE ica
    NONSPECIFIC_CURRENT i
    RANGE tau, e, share
}
PARAMETER { tau = 40 (ms) e = 0 (mV) share = 0.1 }
ASSIGNED { v (mV) i (nA) ica (nA) eca (mV) }
STATE { g (uS) b }
INITIAL { g = 0 b = opening(v) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = (1 - share) * g * b * (v - e)
    ica = share * g * b * (v - eca)
}
DERIVATIVE states {
    g' = -g / tau
    b' = (opening(v) - b) / 2
}
FUNCTION opening(u (mV)) { opening = 1 / (1 + exp(-0.062 * u) / 3.57) }
NET_RECEIVE(w (uS)) { g = g + w }
