// What the generated membrane calls.
#pragma once

#include <type_traits>

#include "cell.h"
#include "gate_tables.h"

namespace ensemble {

using namespace simd;

// x limited to [-largest, largest]; `largest` where it is not a number.
template <class V>
KERNEL_INLINE V within(V x, Real<V> largest) {
  return larger(smaller(x, splat<V>(largest)), splat<V>(-largest));
}

// What 2^t is computed from, as vectors in memory: an instruction takes one of them as it is, where
// a number would first have to be spread over the lanes.
template <class V>
struct Powers {
  using C = Exp2Coefficients<Real<V>>;
  static constexpr int kWhole = sizeof C::whole / sizeof C::whole[0];
  static constexpr int kQuotient = sizeof C::quotient / sizeof C::quotient[0];
  V one, round_to_integer, whole[kWhole], quotient[kQuotient];

  Powers() : one(splat<V>(1)), round_to_integer(splat<V>(Format<Real<V>>::round_to_integer)) {
    for (int k = 0; k < kWhole; k++) whole[k] = splat<V>(C::whole[k]);
    for (int k = 0; k < kQuotient; k++) quotient[k] = splat<V>(C::quotient[k]);
  }
};

// t as the nearest whole number and what is left of it: as simd::Rounded.
template <class V>
struct Split {
  V fraction;
  Integer<V> exponent;

  KERNEL_INLINE Split(V t, const Powers<V>& e) {
    const V shifted = t + e.round_to_integer;
    fraction = t - (shifted - e.round_to_integer);
    exponent = reinterpret_bits<Integer<V>>(shifted) << Format<Real<V>>::mantissa_bits;
  }

  // x 2^whole.
  KERNEL_INLINE V scale(V x) const {
    return reinterpret_bits<V>(reinterpret_bits<Integer<V>>(x) + exponent);
  }

  // The polynomial of the fraction with these coefficients, lowest first.
  template <int kTerms>
  KERNEL_INLINE V polynomial(const V (&coefficients)[kTerms]) const {
    V sum = fraction * coefficients[kTerms - 1] + coefficients[kTerms - 2];
    for (int k = kTerms - 3; k >= 0; k--) sum = sum * fraction + coefficients[k];
    return sum;
  }
};

// As simd::exp2_of and one_minus_exp2 of vector.h.
template <class V>
KERNEL_INLINE V exp2_of(V t, const Powers<V>& e) {
  const Split<V> split(t, e);
  return split.scale(split.polynomial(e.whole));
}
template <class V>
KERNEL_INLINE V one_minus_exp2(V t, const Powers<V>& e) {
  const Split<V> split(t, e);
  const V power = split.scale(e.one);
  return (e.one - power) - power * (split.fraction * split.polynomial(e.quotient));
}

// 2^t for any t, limited to exponents whose powers are normal numbers.
template <class V>
KERNEL_INLINE V exp2_within(V t, Real<V> largest, const Powers<V>& e) {
  return exp2_of<V>(within<V>(t, largest), e);
}

template <class V>
KERNEL_INLINE V square_root(V x) {
  if constexpr (Lanes<V>::count == 1) {
    return __builtin_sqrt(x);
  } else {
    V out;
    for (int lane = 0; lane < Lanes<V>::count; lane++) out[lane] = __builtin_sqrt(x[lane]);
    return out;
  }
}

// plus = x / (exp(x) - 1) and minus = x / (1 - exp(-x)), with their limit 1 at 0.
template <class V>
struct Linoid {
  V plus, minus;

  // e is exp(x).
  KERNEL_INLINE Linoid(V x, V e, const Powers<V>& powers) {
    using R = Real<V>;
    const V x2 = x * x;
    // Near 0, where exp(x) - 1 loses digits, the series is exact to rounding.
    const auto near = x2 < (sizeof(R) == 4 ? R(0.0625) : R(1e-4));
    const V quotient = x * reciprocal(near ? powers.one : e - powers.one);
    const V series = x2 * (R(1.0 / 12) - x2 * R(1.0 / 720)) + (R(1) - x * R(0.5));
    plus = near ? series : quotient;
    minus = near ? series + x : quotient * e;
  }
};

// The numbers of a node's group: constants of the cell, the node's own parameters, gate tables.
template <class V>
struct Numbers {
  const V* constants;
  const Real<V>* parameters;
  const Real<V>* tables;
  const Powers<V>& powers;
};

// One lane of vectors that follow one another, of which the first value is given.
template <class V>
struct OneLane {
  using Value = Real<std::remove_const_t<V>>;
  using R = std::conditional_t<std::is_const_v<V>, const Value, Value>;
  R* first;
  KERNEL_INLINE R& operator[](int k) const {
    return first[k * Lanes<std::remove_const_t<V>>::count];
  }
};

}  // namespace ensemble
