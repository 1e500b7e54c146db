: a leak that rectifies, through functions that few channels use
NEURON {
    SUFFIX TLeak
    NONSPECIFIC_CURRENT i
    NONSPECIFIC_CURRENT j
    RANGE g, e
}
PARAMETER { g = 2e-5 (S/cm2) e = -65 (mV) }
ASSIGNED { v (mV) i (mA/cm2) j (mA/cm2) area (um2) }
BREAKPOINT {
    i = g * sqrt(1 + fabs(v - e) / 20) * (v - e) * (1 + tanh(v / 40)) * area / (100 + area)
    j = 1e-5 * log(1 + exp((v + 40) / 10)) - 1e-5 * log10(2)
}
