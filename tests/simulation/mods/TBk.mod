: a potassium channel opened by voltage and calcium, with arrays and a loop
NEURON {
    SUFFIX TBk
    USEION k READ ek WRITE ik
    USEION ca READ cai
    RANGE gbar
}
PARAMETER { gbar = 0.004 (S/cm2) }
CONSTANT { half = 0.0008 }
ASSIGNED { v (mV) ek (mV) ik (mA/cm2) cai (mM) tau[2] }
STATE { n0 n1 }
BREAKPOINT { LOCAL sum
    SOLVE states METHOD derivimplicit
    sum = n0^1.5 + n1^1.5 / 2
    ik = gbar * sum * (v - ek)
}
INITIAL { n0 = ninf(cai, 0) n1 = ninf(cai, 1) }
DERIVATIVE states {
    FROM i = 0 TO 1 { tau[i] = 1 + 5 * (i + 1) / (1 + exp((v + 20) / 11)) }
    n0' = (ninf(cai, 0) - n0) / tau[0]
    n1' = (ninf(cai, 1) - n1) / tau[1]
}
FUNCTION ninf(c (mM), i) { LOCAL x
    x = c / (c + half * exp(-v / 30)) * (1 - 0.2 * i)
    if (x > 0.9 || x < 1e-9 && !(v > 0)) { ninf = 0.9 } else { ninf = pow(x, 1.2) }
}
