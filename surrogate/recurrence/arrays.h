// Arrays of any length, read and written by whole vectors.
#pragma once

#include <cstring>

#include "vector.h"

namespace simd {

template <typename T>
inline int vectors_for(int n) {
  return (n + kLanes<T> - 1) / kLanes<T>;
}

template <typename T>
inline int padded(int n) {
  return vectors_for<T>(n) * kLanes<T>;
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

}  // namespace simd
