TITLE Intracellular calcium under the membrane

COMMENT
A shell of fixed depth that calcium currents fill and that empties exponentially towards a resting
concentration; Destexhe et al. 1994 as used by Hay et al. 2011. A trial starts from NEURON's own
default concentration (startCai), not from the resting one: so do the published simulations.
ENDCOMMENT

NEURON {
    SUFFIX CaDynamics_E2
    USEION ca READ ica WRITE cai
    RANGE decay, gamma, depth, minCai, startCai
    THREADSAFE
}

UNITS {
    (mM) = (milli/liter)
    (mA) = (milliamp)
    (um) = (micron)
    FARADAY = (faraday) (coulombs)
}

PARAMETER {
    gamma = 0.05 (1)
    decay = 80 (ms)
    depth = 0.1 (um)
    minCai = 1e-4 (mM)
    startCai = 5e-5 (mM)
}

ASSIGNED {
    ica (mA/cm2)
}

STATE { cai (mM) }

BREAKPOINT {
    SOLVE states METHOD cnexp
}

INITIAL {
    cai = startCai
}

DERIVATIVE states {
    cai' = -(10000) * ica * gamma / (2 * FARADAY * depth) - (cai - minCai) / decay
}
