: every third event of a connection counts five times; what a connection counts decides, and no voltage
NEURON {
    POINT_PROCESS TCount
    NONSPECIFIC_CURRENT i
    RANGE tau, e
}
PARAMETER { tau = 4 (ms) e = 0 (mV) }
ASSIGNED { v (mV) i (nA) }
STATE { g (uS) }
INITIAL { g = 0 }
BREAKPOINT { SOLVE decay METHOD cnexp i = g * (v - e) }
DERIVATIVE decay { g' = -g / tau }
NET_RECEIVE(weight (uS), n) {
    INITIAL { n = 0 }
    n = n + 1
    if (n == 3) {
        g = g + 5 * weight
        n = 0
    } else {
        g = g + weight
    }
}
