// Vectors of float or double as wide as the machine has them, and the exponential family.
//
// Everything is a template on a value type V, which is either a vector type below or a plain float
// or double (one lane: what a GPU thread would run). Nothing here allocates or calls a library.
#pragma once

#include <cstdint>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

// Inlined at any size, so that vectors stay in registers. Compilers judge vector code too large.
#define KERNEL_INLINE inline __attribute__((always_inline))

namespace simd {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

typedef float FloatVector __attribute__((vector_size(kVectorBytes)));
typedef double DoubleVector __attribute__((vector_size(kVectorBytes)));
typedef int32_t Int32Vector __attribute__((vector_size(kVectorBytes)));
typedef int64_t Int64Vector __attribute__((vector_size(kVectorBytes)));

// ---- Value types: the number in a lane, the integer of its size, the number of lanes.

template <class R, class I, int kCount>
struct LanesOf {
  using Real = R;
  using Integer = I;
  static constexpr int count = kCount;
};
template <class V>
struct Lanes;
template <>
struct Lanes<float> : LanesOf<float, int32_t, 1> {};
template <>
struct Lanes<double> : LanesOf<double, int64_t, 1> {};
template <>
struct Lanes<FloatVector> : LanesOf<float, Int32Vector, kVectorBytes / 4> {};
template <>
struct Lanes<DoubleVector> : LanesOf<double, Int64Vector, kVectorBytes / 8> {};

template <class V>
using Real = typename Lanes<V>::Real;
template <class V>
using Integer = typename Lanes<V>::Integer;

template <class R>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = FloatVector;
};
template <>
struct VectorOf<double> {
  using Type = DoubleVector;
};
template <class R>
using Vec = typename VectorOf<R>::Type;
template <class R>
constexpr int kLanes = Lanes<Vec<R>>::count;

template <class To, class From>
KERNEL_INLINE To reinterpret_bits(From from) {
  To to;
  static_assert(sizeof to == sizeof from, "");
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

// x in every lane. (Subtracting 0 keeps the sign of -0, which adding it would not.)
template <class V>
KERNEL_INLINE V splat(Real<V> x) {
  return x - V{};
}

template <class R>
KERNEL_INLINE Vec<R> load(const R* p) {
  Vec<R> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class R>
KERNEL_INLINE void store(R* p, Vec<R> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// The smaller of two; b where either is not a number. So is the larger.
template <class V>
KERNEL_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}
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
KERNEL_INLINE FloatVector reciprocal(FloatVector x) {
  FloatVector r = (FloatVector)_mm512_maskz_rcp14_ps(__mmask16(-1), (__m512)x);
  return r + r * (1.0f - x * r);
}
template <>
KERNEL_INLINE DoubleVector reciprocal(DoubleVector x) {
  DoubleVector r = (DoubleVector)_mm512_maskz_rcp14_pd(__mmask8(-1), (__m512d)x);
  r = r + r * (1.0 - x * r);
  return r + r * (1.0 - x * r);
}
#elif defined(__AVX__)
template <>
KERNEL_INLINE FloatVector reciprocal(FloatVector x) {
  FloatVector r = (FloatVector)_mm256_rcp_ps((__m256)x);
  return r + r * (1.0f - x * r);
}
#endif

// ---- Powers of two, from the bits of floating-point numbers.

constexpr double kLog2E = 1.4426950408889634;

template <class R>
struct Format;
template <>
struct Format<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the sum has no fraction
};
template <>
struct Format<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr double round_to_integer = 6755399441055744.0;  // 1.5 * 2^52
};

// The whole number nearest to t, also as what has to be added to the bits of a number to multiply
// it by 2^whole. A sum so large that it has no fraction holds the integer in its low bits.
template <class V>
struct Rounded {
  V whole;
  Integer<V> exponent;

  KERNEL_INLINE explicit Rounded(V t) {
    using F = Format<Real<V>>;
    const V shifted = t + F::round_to_integer;
    whole = shifted - F::round_to_integer;
    exponent = reinterpret_bits<Integer<V>>(shifted) << F::mantissa_bits;
  }

  // x 2^whole where neither overflows nor underflows.
  KERNEL_INLINE V scale(V x) const {
    return reinterpret_bits<V>(reinterpret_bits<Integer<V>>(x) + exponent);
  }
};

// The polynomial with these coefficients, lowest first.
template <class V, int kTerms>
KERNEL_INLINE V polynomial(const Real<V> (&coefficients)[kTerms], V x) {
  V sum = x * coefficients[kTerms - 1] + coefficients[kTerms - 2];
  for (int k = kTerms - 3; k >= 0; k--) sum = sum * x + coefficients[k];
  return sum;
}

// ---- First algorithm, for speed: 2^t and its relatives by minimax polynomials of the fraction.
// The argument is not checked, and a factor can be folded into the change of base.

// For |f| <= 1/2, minimax in relative error: 2^f (7e-8 and 1e-14), (2^f - 1) / f (4e-7 and 8e-14).
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

// 2^t where the result neither overflows nor underflows.
template <class V>
KERNEL_INLINE V exp2_of(V t) {
  const Rounded<V> rounded(t);
  const V fraction = t - rounded.whole;
  return rounded.scale(polynomial(Exp2Coefficients<Real<V>>::whole, fraction));
}

// 1 - 2^t, exact to rounding where t is near 0 too.
template <class V>
KERNEL_INLINE V one_minus_exp2(V t) {
  using R = Real<V>;
  const Rounded<V> rounded(t);
  const V fraction = t - rounded.whole;
  const V power = rounded.scale(splat<V>(1));
  const V above_one = fraction * polynomial(Exp2Coefficients<R>::quotient, fraction);
  return (R(1) - power) - power * above_one;
}

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
  constexpr R round_to_integer = Format<R>::round_to_integer;
  constexpr int bits = Format<R>::mantissa_bits;
  const I above = reinterpret_bits<I>(x) - reinterpret_bits<I>(splat<V>(R(0.75)));
  const I exponent_bits = (above >> bits) << bits;
  const V mantissa = reinterpret_bits<V>(reinterpret_bits<I>(x) - exponent_bits);
  const V biased =
      reinterpret_bits<V>((above >> bits) + reinterpret_bits<I>(splat<V>(round_to_integer)));
  const V exponent = biased - round_to_integer;
  const V s = (mantissa - R(1)) * reciprocal(mantissa + R(1));
  const V s2 = s * s;
  V p = splat<V>(R(sizeof(R) == 4 ? 1.0 / 7 : 1.0 / 19));
  for (int k = sizeof(R) == 4 ? 5 : 17; k >= 1; k -= 2) p = p * s2 + R(1.0 / k);
  return s * p * R(2 * kLog2E) + exponent;
}

// ---- Second algorithm, for any argument: exp(r) - 1 by its Taylor series, with ln 2 subtracted in
// two parts, so that tanh and sigmoid are exact to about two units in the last place from the
// smallest argument to saturation. NaN stays NaN.

template <class R>
struct Expm1Constants;
template <>
struct Expm1Constants<float> {
  static constexpr float series[] = {1.f,       1.f / 2,   1.f / 6,   1.f / 24,
                                     1.f / 120, 1.f / 720, 1.f / 5040};
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  // exp overflows just above, tanh has been 1 to the last bit from well below.
  static constexpr float largest = 88.0f, saturated = 20.0f;
};
template <>
struct Expm1Constants<double> {
  static constexpr double series[] = {1.,           1. / 2,        1. / 6,          1. / 24,
                                      1. / 120,     1. / 720,      1. / 5040,       1. / 40320,
                                      1. / 362880,  1. / 3628800,  1. / 39916800,   1. / 479001600,
                                      1. / 6227020800};
  static constexpr double ln2_high = 6.93147180369123816490e-01;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double largest = 709.0, saturated = 42.0;
};

// exp(x) = power (1 + above_one). |x| must be at most `largest`.
template <class V>
struct ReducedExp {
  V power, above_one;

  KERNEL_INLINE explicit ReducedExp(V x) {
    using R = Real<V>;
    using C = Expm1Constants<R>;
    const Rounded<V> rounded(x * R(kLog2E));
    const V r = (x - rounded.whole * C::ln2_high) - rounded.whole * C::ln2_low;
    power = rounded.scale(splat<V>(1));
    above_one = polynomial(C::series, r) * r;
  }
};

template <class V>
KERNEL_INLINE V tanh_of(V x) {
  using R = Real<V>;
  const V size = x < R(0) ? -x : x;
  const V limited = smaller(splat<V>(Expm1Constants<R>::saturated), size);
  const ReducedExp<V> e(limited * R(2));
  const V expm1 = e.power * e.above_one + (e.power - R(1));
  const V result = expm1 / (expm1 + R(2));
  return x < R(0) ? -result : result;
}

// 1 / (1 + exp(-x)).
template <class V>
KERNEL_INLINE V sigmoid_of(V x) {
  using R = Real<V>;
  const V largest = splat<V>(Expm1Constants<R>::largest);
  const V negated = smaller(largest, -x);
  const ReducedExp<V> e(larger(-largest, negated));
  const V result = R(1) / (R(1) + (e.power * e.above_one + e.power));
  return x < -largest ? V{} : result;
}

// ---- The processor's mode.

// Makes subnormal numbers 0 while it lives: what decays for long becomes one, and each operation
// with it costs a hundred cycles.
class FlushSubnormals {
 public:
#if defined(__SSE2__)
  FlushSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushSubnormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
  }
  ~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  uint64_t before_;
#else
  FlushSubnormals() {}
#endif
};

}  // namespace simd
