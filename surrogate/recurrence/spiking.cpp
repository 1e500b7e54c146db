// Leaky units that all spike into one another, forward and backward.
//
// Arrays are (rows, duration, units), contiguous. With s = 1 where v is above 1, else 0:
//   v_t = decay v_{t-1} + W s_{t-1} + drive_t
// Equations in reference.py; the derivative that stands in for the spike's is 1 / (1 + slope |v-1|)^2.
#include <cmath>
#include <vector>

#include "panels.h"

namespace {

using simd::zeros;

struct Shape {
  int rows, duration, units, threads;
  size_t at(int row, int t) const { return (static_cast<size_t>(row) * duration + t) * units; }
};

// A spike adds its column of W, which `from` holds as a row (units, units): spikes are few.
template <typename T>
void spiking(const Shape& s, const T* decay, const T* from, const T* drive, T* out) {
#pragma omp parallel for num_threads(s.threads) schedule(static)
  for (int row = 0; row < s.rows; ++row) {
    const simd::FlushSubnormals flush;
    std::vector<T> before(s.units, T(0));
    for (int t = 0; t < s.duration; ++t) {
      const T* x = drive + s.at(row, t);
      T* v = out + s.at(row, t);
#pragma GCC ivdep
      for (int i = 0; i < s.units; ++i) v[i] = decay[i] * before[i] + x[i];
      for (int k = 0; k < s.units; ++k) {
        if (!(before[k] > T(1))) continue;
        const T* w = from + static_cast<size_t>(k) * s.units;
#pragma GCC ivdep
        for (int i = 0; i < s.units; ++i) v[i] += w[i];
      }
      std::copy_n(v, s.units, before.data());
    }
  }
}

// All that reaches v, from what reaches it from outside (`grad`). With W (units, units) by rows:
//   r_t = grad_t + decay r_{t+1} + (W^T r_{t+1}) / (1 + slope |v_t - 1|)^2
template <typename T>
void spiking_backward(const Shape& s, T slope, const T* decay, const T* weight, const T* v,
                      const T* grad, T* out) {
  const int wide = simd::padded<T>(s.units);
  const simd::Panels<T> to_spikes(weight, s.units, s.units, s.units, 1);
  simd::over_rows(s.rows, s.threads, [&](int, int first, int n) {
    const int tall = simd::part_size(n, simd::kTileRows);
    const auto later = zeros<T>(n * wide), spike = zeros<T>(n * wide);
    for (int t = s.duration - 1; t >= 0; --t) {
      std::memset(spike.get(), 0, n * wide * sizeof(T));
      to_spikes.multiply(later.get(), wide, n, tall, spike.get());
      for (int r = 0; r < n; ++r) {
        const size_t at = s.at(first + r, t);
        T* past = later.get() + r * wide;
        const T* reached = spike.get() + r * wide;
#pragma GCC ivdep
        for (int i = 0; i < s.units; ++i) {
          const T steep = T(1) + slope * std::abs(v[at + i] - T(1));
          past[i] = grad[at + i] + decay[i] * past[i] + reached[i] / (steep * steep);
          out[at + i] = past[i];
        }
      }
    }
  });
}

// From (rows, duration, -, -, units, threads), as the other kernels have it.
Shape shape_of(const int* n) { return {n[0], n[1], n[4], n[5]}; }

}  // namespace

#define EXPORT(T, suffix)                                                                        \
  extern "C" void spiking_##suffix(const int* shape, const T* decay, const T* from,              \
                                   const T* drive, T* out) {                                     \
    spiking(shape_of(shape), decay, from, drive, out);                                           \
  }                                                                                              \
  extern "C" void spiking_backward_##suffix(const int* shape, double slope, const T* decay,      \
                                            const T* weight, const T* v, const T* grad, T* out) { \
    spiking_backward(shape_of(shape), static_cast<T>(slope), decay, weight, v, grad, out);       \
  }

EXPORT(float, f32)
EXPORT(double, f64)
