// Vectors of float or double as wide as the machine has them, with exp and tanh.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__SSE__)
#include <immintrin.h>
#endif

namespace simd {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
constexpr int kTileVectors = 4;
#elif defined(__AVX__)
constexpr int kBytes = 32;
constexpr int kTileVectors = 2;
#else
constexpr int kBytes = 16;
constexpr int kTileVectors = 2;
#endif
constexpr int kTileRows = 6;

typedef float FloatVector __attribute__((vector_size(kBytes)));
typedef double DoubleVector __attribute__((vector_size(kBytes)));
typedef uint32_t Uint32Vector __attribute__((vector_size(kBytes)));
typedef uint64_t Uint64Vector __attribute__((vector_size(kBytes)));

template <typename T>
struct Traits;

template <>
struct Traits<float> {
  using Vector = FloatVector;
  using Integer = Uint32Vector;
  static constexpr uint32_t kExponentBias = 127, kMantissaBits = 23;
  static constexpr int kTerms = 7;
  static constexpr float kInverseFactorial[kTerms] = {1.f / 5040, 1.f / 720, 1.f / 120, 1.f / 24,
                                                      1.f / 6,    1.f / 2,   1.f};
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  // exp overflows just above, tanh has been 1 to the last bit from well below.
  static constexpr float kLargest = 88.0f, kSaturated = 20.0f;
  static constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
};

template <>
struct Traits<double> {
  using Vector = DoubleVector;
  using Integer = Uint64Vector;
  static constexpr uint64_t kExponentBias = 1023, kMantissaBits = 52;
  static constexpr int kTerms = 13;
  static constexpr double kInverseFactorial[kTerms] = {
      1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880,
      1. / 40320,      1. / 5040,      1. / 720,      1. / 120,     1. / 24,
      1. / 6,          1. / 2,         1.};
  static constexpr double kLn2High = 6.93147180369123816490e-01;
  static constexpr double kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kLargest = 709.0, kSaturated = 42.0;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52
};

template <typename T>
using Vec = typename Traits<T>::Vector;
template <typename T>
constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));

template <typename T>
inline int vectors_for(int n) {
  return (n + kLanes<T> - 1) / kLanes<T>;
}

template <typename T>
inline int padded(int n) {
  return vectors_for<T>(n) * kLanes<T>;
}

template <typename T>
inline Vec<T> splat(T x) {
  return x - Vec<T>{};
}

template <typename T>
inline Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <typename T>
inline void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

// The first n < kLanes elements, the rest zero or untouched.
inline FloatVector load_part(const float* p, int n) {
#if defined(__AVX512F__)
  return (FloatVector)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
  FloatVector v{};
  std::memcpy(&v, p, n * sizeof *p);
  return v;
#endif
}

inline DoubleVector load_part(const double* p, int n) {
#if defined(__AVX512F__)
  return (DoubleVector)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p);
#else
  DoubleVector v{};
  std::memcpy(&v, p, n * sizeof *p);
  return v;
#endif
}

inline void store_part(float* p, FloatVector v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
#else
  std::memcpy(p, &v, n * sizeof *p);
#endif
}

inline void store_part(double* p, DoubleVector v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1), (__m512d)v);
#else
  std::memcpy(p, &v, n * sizeof *p);
#endif
}

// n elements from an array to scratch with room for whole vectors, and back.
template <typename T>
inline void read(const T* array, T* scratch, int n) {
  int i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store(scratch + i, load(array + i));
  if (i < n) store(scratch + i, load_part(array + i, n - i));
}

template <typename T>
inline void write(const T* scratch, T* array, int n) {
  int i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store(array + i, load(scratch + i));
  if (i < n) store_part(array + i, load(scratch + i), n - i);
}

template <typename T>
inline Vec<T> at_most(Vec<T> x, T limit) {  // NaN stays NaN
  return x > limit ? splat<T>(limit) : x;
}

// With x = n ln 2 + r and |r| <= ln 2 / 2: returns exp(r) - 1 by its Taylor series, sets 2^n.
// NaN stays NaN. |x| must be at most kLargest.
template <typename T>
inline Vec<T> reduced_expm1(Vec<T> x, Vec<T>& power) {
  using C = Traits<T>;
  using Integer = typename C::Integer;
  const Vec<T> shifted = x * T(1.4426950408889634) + C::kRound;
  const Vec<T> n = shifted - C::kRound;
  const Vec<T> r = (x - n * C::kLn2High) - n * C::kLn2Low;
  // The low bits of `shifted` hold n as an integer: move them to the exponent.
  Integer bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + C::kExponentBias) << C::kMantissaBits;
  std::memcpy(&power, &bits, sizeof power);
  Vec<T> sum = splat<T>(C::kInverseFactorial[0]);
  for (int k = 1; k < C::kTerms; ++k) sum = sum * r + C::kInverseFactorial[k];
  return sum * r;
}

template <typename T>
inline Vec<T> tanh(Vec<T> x) {
  const Vec<T> size = x < T(0) ? -x : x;
  Vec<T> power;
  const Vec<T> small = reduced_expm1<T>(at_most<T>(size, Traits<T>::kSaturated) * T(2), power);
  const Vec<T> expm1 = power * small + (power - T(1));
  const Vec<T> result = expm1 / (expm1 + T(2));
  return x < T(0) ? -result : result;
}

template <typename T>
inline Vec<T> sigmoid(Vec<T> x) {
  constexpr T limit = Traits<T>::kLargest;
  Vec<T> power;
  const Vec<T> negated = at_most<T>(-x, limit);
  const Vec<T> small = reduced_expm1<T>(negated < -limit ? splat<T>(-limit) : negated, power);
  const Vec<T> result = T(1) / (T(1) + (power * small + power));
  return x < -limit ? splat<T>(T(0)) : result;
}

// Traces and gradients that decay for long become denormal, which costs a hundred cycles each.
class FlushDenormals {
#if defined(__SSE__)
 public:
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#else
 public:
  FlushDenormals() {}
#endif
};

}  // namespace simd
