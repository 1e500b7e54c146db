// Causal convolution of sparse spikes, and the exponential filter over time.
//
// A batch has `rows` windows of `duration` ms; the events of bin b = row * duration + ms are
// synapse[offset[b]] .. synapse[offset[b + 1] - 1]. Arrays are (rows, duration, channels) and
// kernels (synapses, taps, channels), contiguous, so that one event adds one run of numbers.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "arrays.h"

namespace {

struct Shape {
  int rows, duration, synapses, taps, channels, threads;
};

template <typename T>
inline void add(T* to, const T* from, int64_t n) {
  constexpr int lanes = simd::kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) simd::store(to + i, simd::load(to + i) + simd::load(from + i));
  if (const int rest = static_cast<int>(n - i))
    simd::store_part(to + i, simd::load_part(to + i, rest) + simd::load_part(from + i, rest), rest);
}

// How many numbers an event at ms t adds: all taps that lie within the window.
inline int64_t run_length(const Shape& s, int t) {
  return static_cast<int64_t>(std::min(s.taps, s.duration - t)) * s.channels;
}

// out = the sum of the kernel rows of some synapses, for kVectors vectors of channels of which the
// last holds `rest`.
template <typename T, int kVectors>
void gather(const int32_t* first, const int32_t* last, const T* kernel, int64_t stride, int rest,
            T* out) {
  constexpr int lanes = simd::kLanes<T>, end = (kVectors - 1) * lanes;
  simd::Vec<T> sum[kVectors] = {};
  for (const int32_t* n = first; n < last; ++n) {
    const T* row = kernel + *n * stride;
    for (int v = 0; v < kVectors - 1; ++v) sum[v] += simd::load(row + v * lanes);
    sum[kVectors - 1] += simd::load_part(row + end, rest);
  }
  for (int v = 0; v < kVectors - 1; ++v) simd::store(out + v * lanes, sum[v]);
  simd::store_part(out + end, sum[kVectors - 1], rest);
}

template <typename T>
void gather_all(const int32_t* first, const int32_t* last, const T* kernel, int channels, T* out) {
  constexpr int lanes = simd::kLanes<T>;
  for (int c = 0; c < channels; c += 4 * lanes) {
    const int left = std::min(channels - c, 4 * lanes), vectors = (left + lanes - 1) / lanes;
    const auto run = vectors == 1   ? gather<T, 1>
                     : vectors == 2 ? gather<T, 2>
                     : vectors == 3 ? gather<T, 3>
                                    : gather<T, 4>;
    run(first, last, kernel + c, channels, left - (vectors - 1) * lanes, out + c);
  }
}

// A synapse that reaches few channels has all it adds in a band of the kernel's row this wide.
constexpr int kBand = 4;

template <typename T>
inline void add_band(T* to, const T* from) {
  for (int i = 0; i < kBand; ++i) to[i] += from[i];
}

// The bins of each synapse's events, in order, as one array and where each synapse's begin, for the
// bins [first, last).
struct BySynapse {
  std::vector<int64_t> start;
  std::vector<int32_t> bin;

  BySynapse(const Shape& s, const int32_t* synapse, const int64_t* offset, int first, int last)
      : start(s.synapses + 1, 0), bin(offset[last] - offset[first]) {
    for (int64_t e = offset[first]; e < offset[last]; ++e) ++start[synapse[e] + 1];
    for (int n = 0; n < s.synapses; ++n) start[n + 1] += start[n];
    std::vector<int64_t> next(start.begin(), start.end() - 1);
    for (int b = first; b < last; ++b)
      for (int64_t e = offset[b]; e < offset[b + 1]; ++e) bin[next[synapse[e]]++] = b;
  }
};

// With several taps the kernel outgrows the caches: one synapse after the other, so that each row
// of the batch reads it once. With one tap, one millisecond after the other. `band` is where each
// synapse's band begins, or null.
template <typename T>
void convolve(const Shape& s, const int32_t* synapse, const int64_t* offset, const int32_t* band,
              const T* kernel, T* out) {
  const int64_t stride = static_cast<int64_t>(s.taps) * s.channels;
#pragma omp parallel for num_threads(s.threads) schedule(dynamic, 1)
  for (int row = 0; row < s.rows; ++row) {
    const int first = row * s.duration, last = first + s.duration;
    const auto clear = [&] {
      std::memset(out + static_cast<int64_t>(first) * s.channels, 0,
                  sizeof(T) * s.duration * s.channels);
    };
    if (band) {
      clear();
      for (int64_t b = first; b < last; ++b)
        for (int64_t e = offset[b]; e < offset[b + 1]; ++e) {
          const int c = band[synapse[e]];
          add_band(out + b * s.channels + c, kernel + synapse[e] * stride + c);
        }
      continue;
    }
    if (s.taps == 1) {
      for (int64_t b = first; b < last; ++b)
        gather_all(synapse + offset[b], synapse + offset[b + 1], kernel, s.channels,
                   out + b * s.channels);
      continue;
    }
    clear();
    const BySynapse events(s, synapse, offset, first, last);
    for (int n = 0; n < s.synapses; ++n)
      for (int64_t e = events.start[n]; e < events.start[n + 1]; ++e) {
        const int64_t b = events.bin[e];
        add(out + b * s.channels, kernel + n * stride, run_length(s, static_cast<int>(b - first)));
      }
  }
}

// Each synapse's gradient is summed by one thread in the order of its events, so that the result
// does not depend on the number of threads. With several taps, one synapse after the other: its
// run of the gradient stays in the nearest cache.
template <typename T>
void backward_by_synapse(const Shape& s, const int32_t* synapse, const int64_t* offset,
                         const T* grad, T* kernel_grad) {
  const int64_t stride = static_cast<int64_t>(s.taps) * s.channels;
  const BySynapse events(s, synapse, offset, 0, s.rows * s.duration);
#pragma omp parallel for num_threads(s.threads) schedule(dynamic, 16)
  for (int n = 0; n < s.synapses; ++n) {
    T* to = kernel_grad + n * stride;
    std::memset(to, 0, sizeof(T) * stride);
    for (int64_t e = events.start[n]; e < events.start[n + 1]; ++e) {
      const int64_t b = events.bin[e];
      add(to, grad + b * s.channels, run_length(s, static_cast<int>(b % s.duration)));
    }
  }
}

// With one tap, one millisecond after the other, each thread for its own range of synapses. What is
// not in its range it adds to `waste` where the bands make that cheap: cheaper than a branch that no
// processor can foresee. Its many places are there because a sum in one would wait for the last.
template <typename T>
void backward_by_time(const Shape& s, const int32_t* synapse, const int64_t* offset,
                      const int32_t* band, const T* grad, T* kernel_grad) {
#pragma omp parallel for num_threads(s.threads) schedule(static, 1)
  for (int part = 0; part < s.threads; ++part) {
    const int first = static_cast<int64_t>(s.synapses) * part / s.threads;
    const int last = static_cast<int64_t>(s.synapses) * (part + 1) / s.threads;
    const int64_t size = static_cast<int64_t>(last - first) * s.channels;
    std::memset(kernel_grad + static_cast<int64_t>(first) * s.channels, 0, sizeof(T) * size);
    constexpr int kPlaces = 16;
    T waste[kPlaces * kBand] = {};
    for (int64_t b = 0; b < static_cast<int64_t>(s.rows) * s.duration; ++b)
      for (int64_t e = offset[b]; e < offset[b + 1]; ++e) {
        const bool own = synapse[e] >= first && synapse[e] < last;
        T* to = kernel_grad + static_cast<int64_t>(synapse[e]) * s.channels;
        if (band) {
          const int c = band[synapse[e]];
          add_band(own ? to + c : waste + e % kPlaces * kBand, grad + b * s.channels + c);
        } else if (own) {
          add(to, grad + b * s.channels, s.channels);
        }
      }
  }
}

// y_t = decay y_{t-1} + x_t, or with `reverse` y_t = decay y_{t+1} + x_t.
template <typename T>
void filter(const Shape& s, T decay, int reverse, const T* x, T* y) {
  const int64_t step = reverse ? -s.channels : s.channels;
#pragma omp parallel for num_threads(s.threads) schedule(static)
  for (int row = 0; row < s.rows; ++row) {
    const simd::FlushSubnormals flush;
    int64_t at = (static_cast<int64_t>(row) * s.duration + (reverse ? s.duration - 1 : 0)) *
                 s.channels;
    std::memcpy(y + at, x + at, sizeof(T) * s.channels);
    for (int t = 1; t < s.duration; ++t, at += step) {
      const T *from = x + at + step, *past = y + at;
      T* to = y + at + step;
#pragma GCC ivdep
      for (int c = 0; c < s.channels; ++c) to[c] = decay * past[c] + from[c];
    }
  }
}

Shape shape_of(const int* n) { return {n[0], n[1], n[2], n[3], n[4], n[5]}; }

}  // namespace

#define EXPORT(T, suffix)                                                                    \
  extern "C" void convolve_##suffix(const int* shape, const int32_t* synapse,                \
                                    const int64_t* offset, const int32_t* band,              \
                                    const T* kernel, T* out) {                               \
    convolve(shape_of(shape), synapse, offset, band, kernel, out);                           \
  }                                                                                          \
  extern "C" void convolve_backward_##suffix(const int* shape, const int32_t* synapse,       \
                                             const int64_t* offset, const int32_t* band,     \
                                             const T* grad, T* out) {                        \
    const Shape s = shape_of(shape);                                                         \
    if (s.taps > 1)                                                                          \
      backward_by_synapse(s, synapse, offset, grad, out);                                    \
    else                                                                                     \
      backward_by_time(s, synapse, offset, band, grad, out);                                 \
  }                                                                                          \
  extern "C" void filter_##suffix(const int* shape, double decay, int reverse, const T* x,   \
                                  T* y) {                                                    \
    filter(shape_of(shape), static_cast<T>(decay), reverse, x, y);                           \
  }

EXPORT(float, f32)
EXPORT(double, f64)
