: depression and facilitation (Tsodyks and Markram), each connection with its own
NEURON {
    POINT_PROCESS TStp
    NONSPECIFIC_CURRENT i
    RANGE tau, e, tau_rec, tau_facil, u0
}
PARAMETER { tau = 3 (ms) e = 0 (mV) tau_rec = 80 (ms) tau_facil = 40 (ms) u0 = 0.3 }
ASSIGNED { v (mV) i (nA) }
STATE { g (uS) }
INITIAL { g = 0 }
BREAKPOINT { SOLVE decay METHOD cnexp i = g * (v - e) }
DERIVATIVE decay { g' = -g / tau }
NET_RECEIVE(weight (uS), x, u, last (ms)) {
    INITIAL { x = 1 u = u0 last = t }
    x = 1 - (1 - x) * exp(-(t - last) / tau_rec)
    u = u * exp(-(t - last) / tau_facil)
    u = u + u0 * (1 - u)
    g = g + weight * x * u
    if (x * u > 0.01) { x = x - x * u }
    last = t
}
