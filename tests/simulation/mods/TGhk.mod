TITLE T-type calcium current by the GHK equation, gates moved on by a procedure
NEURON {
    SUFFIX TGhk
    USEION ca READ cai, cao WRITE ica
    RANGE pbar, minf
    GLOBAL slope
}
UNITS { FARADAY = (faraday) (kilocoulombs) R = (k-mole) (joule/degC) }
PARAMETER { pbar = 2e-5 (cm/s) slope = 7.4 (mV) celsius (degC) dt (ms) v (mV) cai (mM) cao (mM) }
ASSIGNED { ica (mA/cm2) minf mexp hinf hexp }
STATE { m h }
BREAKPOINT {
    SOLVE states
    ica = pbar * m * m * h * ghk(v, cai, cao)
}
INITIAL { rates(v) m = minf h = hinf }
PROCEDURE states() {
    rates(v)
    m = m + mexp * (minf - m)
    h = h + hexp * (hinf - h)
}
PROCEDURE rates(v (mV)) { LOCAL tau
    if (v == -57) { v = v + 0.0001 }
    minf = 1 / (1 + exp(-(v + 57) / slope))
    tau = 0.6 + 1 / (0.06 * (v + 57) / (1 - exp(-(v + 57) / 5)) + exp(-(v + 130) / 17))
    mexp = 1 - exp(-dt / tau)
    hinf = 1 / (1 + exp((v + 81) / 4))
    if (v < -80) { tau = exp((v + 467) / 66.6) / 3 } else { tau = 10 + exp(-(v + 22) / 10.5) / 3 }
    hexp = 1 - exp(-dt / tau)
}
FUNCTION ghk(v (mV), ci (mM), co (mM)) (.001 coul/cm3) { LOCAL z
    z = 0.001 * 2 * FARADAY * v / (R * (celsius + 273.15) / 1000) / 1000
    ghk = 0.001 * 2 * FARADAY * 1000 * (ci * efun(-z) - co * efun(z))
}
FUNCTION efun(z) {
    if (fabs(z) < 1e-4) { efun = 1 - z / 2 } else { efun = z / (exp(z) - 1) }
}
