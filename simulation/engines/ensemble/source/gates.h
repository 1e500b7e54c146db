// Steady state and rate of every gate as a function of the membrane voltage (mV, ms).
//
// The equations are those of simulation/mod/*.mod, rearranged so that each gate costs one
// reciprocal and as few exponentials as it can, and has no singularity to step around.
#pragma once

#include "vector.h"

namespace ensemble {

using namespace simd;  // the kernel is written in its terms throughout

constexpr double kQ10Factor = 2.952882641412121;  // 2.3^((34 - 21) / 10)

// A gate relaxes towards `steady` with `rate` = 1 / tau (1/ms).
template <class V>
struct Kinetics {
  V steady, rate;
};

// 1 / (1 + exp(scale u)).
template <class V>
KERNEL_INLINE V logistic(V u, double scale) {
  return reciprocal(exp_of(u, scale) + Real<V>(1));
}

// x / (1 - exp(-x)) near x = 0.
template <class V>
KERNEL_INLINE V linoid_series(V x) {
  using R = Real<V>;
  const V x2 = x * x;
  return x2 * (R(1.0 / 12) - x2 * R(1.0 / 720)) + (x * R(0.5) + R(1));
}

// Where x is too near 0 for x / (1 - exp(-x)) to be exact; there the series is, to rounding.
template <class V>
KERNEL_INLINE auto near_zero(V x) {
  using R = Real<V>;
  return x * x < (sizeof(R) == 4 ? R(0.0625) : R(1e-4));
}

// Both gates of a current whose rates are linoids of u = v - half with slope `slope`:
//   a + b = factor * u (a0 + a1 e) / (1 - e),   a / (a + b) = steady(e) / (a0 + a1 e),
//   e = exp(-u / slope).
template <class V>
KERNEL_INLINE Kinetics<V> linoid_pair(V u, double slope, double a0, double a1, double s0, double s1,
                               double factor) {
  using R = Real<V>;
  const V e = exp_of(u, -1 / slope);
  const V x = u * R(1 / slope);
  const V sum = e * R(a1) + R(a0);
  const V one = splat<V>(1);
  const V difference = near_zero(x) ? one : one - e;
  const V inverse = reciprocal(sum * difference);
  const V quotient = near_zero(x) ? linoid_series(x) : x * (sum * inverse);
  return {(e * R(s1) + R(s0)) * (difference * inverse), quotient * sum * R(slope * factor)};
}

// x / (1 - exp(-x)).
template <class V>
KERNEL_INLINE V linoid(V x) {
  using R = Real<V>;
  const V quotient = x * reciprocal(R(1) - exp_of(x, -1));
  return near_zero(x) ? linoid_series(x) : quotient;
}

// Activation of the transient sodium currents: a = 0.182 u / (1 - e), b = 0.124 u e / (1 - e).
template <class V>
KERNEL_INLINE Kinetics<V> sodium_activation(V u) {
  return linoid_pair(u, 6, 0.182, 0.124, 0.182, 0, kQ10Factor);
}

// Their inactivation: a = 0.015 u e / (1 - e), b = 0.015 u / (1 - e).
template <class V>
KERNEL_INLINE Kinetics<V> sodium_inactivation(V u) {
  return linoid_pair(u, 6, 0.015, 0.015, 0, 0.015, kQ10Factor);
}

struct NaTa_m {
  static constexpr int index = 0;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    return sodium_activation<V>(v + Real<V>(38));
  }
};
struct NaTa_h {
  static constexpr int index = 1;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    return sodium_inactivation<V>(v + Real<V>(66));
  }
};
struct NaTs2_m {
  static constexpr int index = 2;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    return sodium_activation<V>(v + Real<V>(32));
  }
};
struct NaTs2_h {
  static constexpr int index = 3;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    return sodium_inactivation<V>(v + Real<V>(60));
  }
};

struct Nap_m {
  static constexpr int index = 4;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V rate = NaTa_m::at(v).rate * R(1.0 / 6);
    return {logistic<V>(v + R(52.6), -1 / 4.6), rate};
  }
};
struct Nap_h {
  static constexpr int index = 5;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V a = linoid<V>((v + R(17)) * R(-1 / 4.63)) * R(2.88e-6 * 4.63);
    const V b = linoid<V>((v + R(64.4)) * R(1 / 2.63)) * R(6.94e-6 * 2.63);
    return {logistic<V>(v + R(48.8), 1 / 10.0), (a + b) * R(kQ10Factor)};
  }
};

struct KTst_m {
  static constexpr int index = 6;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10), w = (u + R(71)) * R(1 / 59.0);
    const V tau = exp_of<V>(w * w, -1) * R(0.92) + R(0.34);
    return {logistic(u, -1 / 19.0), reciprocal(tau) * R(kQ10Factor)};
  }
};
struct KTst_h {
  static constexpr int index = 7;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10), w = (u + R(73)) * R(1 / 23.0);
    const V tau = exp_of<V>(w * w, -1) * R(49) + R(8);
    return {logistic<V>(u + R(66), 1 / 10.0), reciprocal(tau) * R(kQ10Factor)};
  }
};
struct KPst_m {
  static constexpr int index = 8;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10);
    const V low = exp_of(u, 0.026) * R(175.03), high = exp_of(u, -0.026) * R(13);
    const V tau = (u < R(-50) ? low : high) + R(1.25);
    return {logistic<V>(u + R(1), -1 / 12.0), reciprocal(tau) * R(kQ10Factor)};
  }
};
struct KPst_h {
  static constexpr int index = 9;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10), w = (u + R(75)) * R(1 / 48.0);
    const V tau = (u * R(24) + R(1010 + 24 * 55)) * exp_of<V>(w * w, -1) + R(360);
    return {logistic<V>(u + R(54), 1 / 11.0), reciprocal(tau) * R(kQ10Factor)};
  }
};

struct SKv3_m {
  static constexpr int index = 10;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V rate = exp_of<V>(v + R(46.56), -1 / 44.14) * R(0.25) + R(0.25);
    return {logistic<V>(v - R(18.7), -1 / 9.7), rate};
  }
};

struct Im_m {
  static constexpr int index = 11;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V e = exp_of<V>(v + R(35), 0.1);  // a = 3.3e-3 e, b = 3.3e-3 / e
    const V e2 = e * e, sum = e2 + R(1);
    const V inverse = reciprocal(e * sum);
    return {e2 * e * inverse, sum * sum * inverse * R(3.3e-3 * kQ10Factor)};
  }
};

// The voltage is that of the gate's own shifted axis.
struct Ih_m {
  static constexpr int index = 12;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V x = (v + R(154.9)) * R(1 / 11.9);
    const V one = splat<V>(1);
    const V e = exp_of(x, -1);  // a = 0.00643 * 11.9 x e / (1 - e)
    const V b = exp_of(v, 1 / 33.1) * R(0.193);
    const V scaled_a = (near_zero(x) ? linoid_series(x) : x) * e * R(0.00643 * 11.9);
    const V difference = near_zero(x) ? one : one - e;
    const V scaled_sum = b * difference + scaled_a;
    const V inverse = reciprocal(scaled_sum * difference);
    return {scaled_a * difference * inverse, scaled_sum * scaled_sum * inverse};
  }
};

struct CaHVA_m {
  static constexpr int index = 13;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V x = (v + R(27)) * R(1 / 3.8);
    const V one = splat<V>(1);
    const V b = exp_of<V>(v + R(75), -1 / 17.0) * R(0.94);
    const V e = exp_of(x, -1);  // a = 0.055 * 3.8 x / (1 - e)
    const V scaled_a = (near_zero(x) ? linoid_series(x) : x) * R(0.055 * 3.8);
    const V difference = near_zero(x) ? one : one - e;
    const V scaled_sum = b * difference + scaled_a;
    const V inverse = reciprocal(scaled_sum * difference);
    return {scaled_a * difference * inverse, scaled_sum * scaled_sum * inverse};
  }
};
struct CaHVA_h {
  static constexpr int index = 14;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V a = exp_of<V>(v + R(13), -1 / 50.0) * R(0.000457);
    const V e = exp_of<V>(v + R(15), -1 / 28.0) + R(1);  // b = 0.0065 / e
    const V scaled_sum = a * e + R(0.0065);
    const V inverse = reciprocal(scaled_sum * e);
    return {a * e * e * inverse, scaled_sum * scaled_sum * inverse};
  }
};
struct CaLVA_m {
  static constexpr int index = 15;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10);
    const V e = exp_of<V>(u + R(30), -1 / 6.0) + R(1);
    const V f = exp_of<V>(u + R(25), 1 / 5.0) + R(1);  // tau = (5 + 20 / f) / q
    const V tau_f = f * R(5) + R(20);
    const V inverse = reciprocal(e * tau_f);
    return {tau_f * inverse, f * (e * inverse) * R(kQ10Factor)};
  }
};
struct CaLVA_h {
  static constexpr int index = 16;
  template <class V>
  KERNEL_INLINE static Kinetics<V> at(V v) {
    using R = Real<V>;
    const V u = v + R(10);
    const V e = exp_of<V>(u + R(80), 1 / 6.4) + R(1);
    const V f = exp_of<V>(u + R(40), 1 / 7.0) + R(1);  // tau = (20 + 50 / f) / q
    const V tau_f = f * R(20) + R(50);
    const V inverse = reciprocal(e * tau_f);
    return {tau_f * inverse, f * (e * inverse) * R(kQ10Factor)};
  }
};

constexpr int kGates = 17;

// Block of NMDA receptors by magnesium (Jahr and Stevens 1990): the concentration that blocks half
// of them at 0 mV, and how steeply the voltage moves the block.
constexpr double kHalfBlock_mM = 3.57, kBlockSlope_per_mV = 0.08;

// Open fraction of the NMDA conductance; `magnesium` is in units of kHalfBlock_mM.
template <class V>
KERNEL_INLINE V magnesium_block(V v, Real<V> magnesium) {
  return reciprocal(exp_of(v, -kBlockSlope_per_mV) * magnesium + Real<V>(1));
}

}  // namespace ensemble
