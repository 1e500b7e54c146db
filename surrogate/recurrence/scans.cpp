// Recurrences of few operations a ms: rotations of complex numbers, and a membrane that spikes.
//
// Arrays are (rows, duration, channels), contiguous. Equations in reference.py; the backward pass
// of the membrane is derived in docs/recurrence.md.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "arrays.h"

namespace {

struct Shape {
  int rows, duration, channels, threads;
};

// s_t = z s_{t-1} + x_t of complex numbers, the real parts of all channels before the imaginary
// ones; or with `reverse` s_t = conj(z) s_{t+1} + x_t, its transpose.
template <typename T>
void rotate(const Shape& s, int reverse, const T* z, const T* x, T* y) {
  const int64_t half = s.channels / 2, step = reverse ? -s.channels : s.channels;
  const T sign = reverse ? T(-1) : T(1);
#pragma omp parallel for num_threads(s.threads) schedule(static)
  for (int row = 0; row < s.rows; ++row) {
    const simd::FlushSubnormals flush;
    const int64_t first = reverse ? s.duration - 1 : 0;
    int64_t at = (static_cast<int64_t>(row) * s.duration + first) * s.channels;
    std::memcpy(y + at, x + at, sizeof(T) * s.channels);
    for (int t = 1; t < s.duration; ++t, at += step) {
      const T *from = x + at + step, *past = y + at;
      T* to = y + at + step;
#pragma GCC ivdep
      for (int64_t c = 0; c < half; ++c) {
        const T re = z[c], im = sign * z[half + c];
        to[c] = re * past[c] - im * past[half + c] + from[c];
        to[half + c] = re * past[half + c] + im * past[c] + from[half + c];
      }
    }
  }
}

// Potentials before the reset; compartment 0 spikes above 1.
template <typename T>
void membrane(const Shape& s, const T* transition, const T* reset, const T* current, T* before) {
  const int n = s.channels;
#pragma omp parallel for num_threads(s.threads) schedule(static)
  for (int row = 0; row < s.rows; ++row) {
    const simd::FlushSubnormals flush;
    std::vector<T> after(n, T(0));
    for (int64_t t = static_cast<int64_t>(row) * s.duration, end = t + s.duration; t < end; ++t) {
      T* v = before + t * n;
      for (int j = 0; j < n; ++j) {
        v[j] = current[t * n + j];
        for (int k = 0; k < n; ++k) v[j] += transition[j * n + k] * after[k];
      }
      for (int k = 0; k < n; ++k) after[k] = v[0] > T(1) ? v[k] - reset[k] : v[k];
    }
  }
}

// All that reaches the potentials before the reset, from what reaches them from outside (`grad`).
template <typename T>
void membrane_backward(const Shape& s, T slope, const T* transition, const T* reset,
                       const T* before, const T* grad, T* out) {
  const int n = s.channels;
#pragma omp parallel for num_threads(s.threads) schedule(static)
  for (int row = 0; row < s.rows; ++row) {
    const simd::FlushSubnormals flush;
    std::vector<T> later(n, T(0));
    const int64_t first = static_cast<int64_t>(row) * s.duration;
    for (int64_t t = first + s.duration - 1; t >= first; --t) {
      T spike = 0, *to = out + t * n;
      for (int k = 0; k < n; ++k) {
        T after = 0;
        for (int j = 0; j < n; ++j) after += transition[j * n + k] * later[j];
        to[k] = grad[t * n + k] + after;
        spike -= reset[k] * after;
      }
      const T steepness = T(1) + slope * std::abs(before[t * n] - T(1));
      to[0] += spike / (steepness * steepness);
      std::memcpy(later.data(), to, sizeof(T) * n);
    }
  }
}

// From (rows, duration, -, -, channels, threads), as the other kernels have it.
Shape shape_of(const int* n) { return {n[0], n[1], n[4], n[5]}; }

}  // namespace

#define EXPORT(T, suffix)                                                                     \
  extern "C" void rotate_##suffix(const int* shape, int reverse, const T* z, const T* x,      \
                                  T* y) {                                                     \
    rotate(shape_of(shape), reverse, z, x, y);                                                \
  }                                                                                           \
  extern "C" void membrane_##suffix(const int* shape, const T* transition, const T* reset,    \
                                    const T* current, T* before) {                            \
    membrane(shape_of(shape), transition, reset, current, before);                            \
  }                                                                                           \
  extern "C" void membrane_backward_##suffix(const int* shape, double slope,                  \
                                             const T* transition, const T* reset,             \
                                             const T* before, const T* grad, T* out) {        \
    membrane_backward(shape_of(shape), static_cast<T>(slope), transition, reset, before,      \
                      grad, out);                                                             \
  }

EXPORT(float, f32)
EXPORT(double, f64)
