: calcium with a buffer that saturates
NEURON {
    SUFFIX TPool
    USEION ca READ cai, ica WRITE cai
    RANGE depth, total, bound
}
UNITS { FARADAY = (faraday) (coulombs) }
PARAMETER { depth = 0.2 (um) total = 0.02 (mM) kf = 40 (/mM /ms) kb = 0.1 (/ms) pump = 0.05 (/ms) }
ASSIGNED { ica (mA/cm2) diam (um) }
STATE { cai (mM) bound (mM) }
INITIAL { cai = 6e-5 bound = total * cai / (cai + kb / kf) }
BREAKPOINT { SOLVE pool METHOD derivimplicit }
DERIVATIVE pool { LOCAL flux
    flux = kf * cai * (total - bound) - kb * bound
    cai' = -(10000) * ica / (2 * FARADAY * depth) * 0.2 - flux - pump * (cai - 6e-5) * 4 / (4 + diam)
    bound' = flux
}
