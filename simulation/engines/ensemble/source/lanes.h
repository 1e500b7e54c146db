// Values that hold one number for each trial of a lane group.
//
// Everything else in the kernel is a template on such a value type V, which is either one of the
// vector types below (one lane for each trial) or a plain float or double (one trial; the form in
// which a GPU thread would run it). Nothing here allocates or calls a library.
#pragma once

#include <cstdint>
#if defined(__AVX__)
#include <immintrin.h>
#endif

// Everything that a time step calls is inlined, so that cursors and lanes stay in registers.
#define KERNEL_INLINE inline __attribute__((always_inline))

namespace ensemble {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

typedef float FloatLanes __attribute__((vector_size(kVectorBytes)));
typedef double DoubleLanes __attribute__((vector_size(kVectorBytes)));
typedef int32_t IntLanes __attribute__((vector_size(kVectorBytes)));
typedef int64_t LongLanes __attribute__((vector_size(kVectorBytes)));

template <class V>
struct Lanes;

template <class R, class I, int kCount>
struct LanesOf {
  using Real = R;
  using Integer = I;
  static constexpr int count = kCount;
};
template <>
struct Lanes<float> : LanesOf<float, int32_t, 1> {};
template <>
struct Lanes<double> : LanesOf<double, int64_t, 1> {};
template <>
struct Lanes<FloatLanes> : LanesOf<float, IntLanes, kVectorBytes / 4> {};
template <>
struct Lanes<DoubleLanes> : LanesOf<double, LongLanes, kVectorBytes / 8> {};

template <class V>
using Real = typename Lanes<V>::Real;
template <class V>
using Integer = typename Lanes<V>::Integer;

template <class To, class From>
KERNEL_INLINE To reinterpret_bits(From from) {
  To to;
  static_assert(sizeof to == sizeof from, "");
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

template <class V>
KERNEL_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}

// The larger of two; b where a is not a number.
template <class V>
KERNEL_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}

// 1 / x. Where the hardware has an estimate, by Newton's iteration from it, which is several times
// faster than the divider and as exact to a unit or two in the last place.
template <class V>
KERNEL_INLINE V reciprocal(V x) {
  return Real<V>(1) / x;
}
#if defined(__AVX512F__)
template <>
KERNEL_INLINE FloatLanes reciprocal(FloatLanes x) {
  FloatLanes r = (FloatLanes)_mm512_maskz_rcp14_ps(__mmask16(-1), (__m512)x);
  return r + r * (1.0f - x * r);
}
template <>
KERNEL_INLINE DoubleLanes reciprocal(DoubleLanes x) {
  DoubleLanes r = (DoubleLanes)_mm512_maskz_rcp14_pd(__mmask8(-1), (__m512d)x);
  r = r + r * (1.0 - x * r);
  return r + r * (1.0 - x * r);
}
#elif defined(__AVX__)
template <>
KERNEL_INLINE FloatLanes reciprocal(FloatLanes x) {
  FloatLanes r = (FloatLanes)_mm256_rcp_ps((__m256)x);
  return r + r * (1.0f - x * r);
}
#endif

template <class R>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr int32_t exponent_bias = 127;
  static constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the sum has no fraction
};
template <>
struct FloatFormat<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr int64_t exponent_bias = 1023;
  static constexpr double round_to_integer = 6755399441055744.0;  // 1.5 * 2^52
};

// Polynomials for |f| <= 1/2, minimax in relative error: 2^f (7e-8 and 1e-14), and
// (2^f - 1) / f (4e-7 and 8e-14).
template <class R>
struct Exp2Coefficients;
template <>
struct Exp2Coefficients<float> {
  static constexpr float whole[] = {1.00000007165464164f, 0.693146967065264928f,
                                    0.24022119723969178f, 0.0555071327287539118f,
                                    0.00967554133102139f, 0.00132764721678199433f};
  static constexpr float quotient[] = {0.693147143506158683f, 0.24022351343132513f,
                                       0.0555050021342932154f, 0.00966624542579086079f,
                                       0.00133335387322320445f};
};
template <>
struct Exp2Coefficients<double> {
  static constexpr double whole[] = {
      1.00000000000001276,    0.693147180559870971,   0.240226506956496532, 0.055504108668685623,
      0.00961812919206719251, 0.00133335576176024249, 1.54034349481035293e-4,
      1.52529848398145573e-5, 1.32594056035736963e-6, 1.01503364951486182e-7};
  static constexpr double quotient[] = {
      0.693147180559937723,   0.240226506958140856,   0.0555041086657345532,
      0.00961812915905088628, 0.0013333557983846877,  1.54034561340394478e-4,
      1.52528119299381203e-5, 1.32551604802168913e-6, 1.01780817262710751e-7};
};

// The polynomial with these coefficients, lowest first.
template <class V, int kTerms>
KERNEL_INLINE V polynomial(const Real<V> (&coefficients)[kTerms], V x) {
  V sum = x * coefficients[kTerms - 1] + coefficients[kTerms - 2];
  for (int k = kTerms - 3; k >= 0; k--) sum = sum * x + coefficients[k];
  return sum;
}

// 2^t where the result neither overflows nor underflows.
template <class V>
KERNEL_INLINE V exp2_of(V t) {
  using Format = FloatFormat<Real<V>>;
  const V shifted = t + Format::round_to_integer;
  const V fraction = t - (shifted - Format::round_to_integer);
  const V scaled = polynomial(Exp2Coefficients<Real<V>>::whole, fraction);
  const auto exponent = reinterpret_bits<Integer<V>>(shifted) << Format::mantissa_bits;
  return reinterpret_bits<V>(reinterpret_bits<Integer<V>>(scaled) + exponent);
}

// 1 - 2^t, exact to rounding where t is near 0 too.
template <class V>
KERNEL_INLINE V one_minus_exp2(V t) {
  using R = Real<V>;
  using Format = FloatFormat<R>;
  const V shifted = t + Format::round_to_integer;
  const V fraction = t - (shifted - Format::round_to_integer);
  const auto exponent = reinterpret_bits<Integer<V>>(shifted) << Format::mantissa_bits;
  const V one = V{} + R(1);
  const V power = reinterpret_bits<V>(reinterpret_bits<Integer<V>>(one) + exponent);
  const V above_one = fraction * polynomial(Exp2Coefficients<R>::quotient, fraction);
  return (R(1) - power) - power * above_one;
}

constexpr double kLog2E = 1.4426950408889634;

// exp(x), with the constant factor of x folded into `scale`: exp_of(x, 0.1) = exp(0.1 x).
template <class V>
KERNEL_INLINE V exp_of(V x, double scale = 1) {
  return exp2_of(x * Real<V>(scale * kLog2E));
}

// log2(x) for x > 0, by the series of atanh on a mantissa in [0.75, 1.5).
template <class V>
KERNEL_INLINE V log2_of(V x) {
  using R = Real<V>;
  using I = Integer<V>;
  using Format = FloatFormat<R>;
  constexpr int bits = Format::mantissa_bits;
  const I three_quarters = reinterpret_bits<I>(V{} + R(0.75));
  const I above = reinterpret_bits<I>(x) - three_quarters;
  const I exponent_bits = (above >> bits) << bits;
  const V mantissa = reinterpret_bits<V>(reinterpret_bits<I>(x) - exponent_bits);
  const V biased = reinterpret_bits<V>((above >> bits) +
                                       reinterpret_bits<I>(V{} + Format::round_to_integer));
  const V exponent = biased - Format::round_to_integer;
  const V s = (mantissa - R(1)) * reciprocal(mantissa + R(1));
  const V s2 = s * s;
  V p = V{} + R(sizeof(R) == 4 ? 1.0 / 7 : 1.0 / 19);
  for (int k = sizeof(R) == 4 ? 5 : 17; k >= 1; k -= 2) p = p * s2 + R(1.0 / k);
  return s * p * R(2 * kLog2E) + exponent;
}

// table[index] for every lane; a table has 32 entries and index wraps around at 32.
template <class V>
KERNEL_INLINE V look_up(const Real<V>* table, Integer<V> index) {
  if constexpr (Lanes<V>::count == 1) {
    return table[index & 31];
  } else {
    V out;
    for (int lane = 0; lane < Lanes<V>::count; lane++) out[lane] = table[index[lane] & 31];
    return out;
  }
}
#if defined(__AVX512F__)
template <>
KERNEL_INLINE FloatLanes look_up<FloatLanes>(const float* table, IntLanes index) {
  return (FloatLanes)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)index,
                                            _mm512_loadu_ps(table + 16));
}
#endif

}  // namespace ensemble
