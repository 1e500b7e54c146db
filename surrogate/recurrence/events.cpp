// Causal convolution of sparse spikes, and the exponential filter over time.
//
// A batch has `rows` windows of `duration` ms; the events of bin b = row * duration + ms are
// synapse[offset[b]] .. synapse[offset[b + 1] - 1], which count 1 or as much as `value` says. Arrays
// are (rows, duration, channels) and kernels (synapses, taps, channels), contiguous, so that one
// event adds one run of numbers.
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

// As `add`, of so many times the numbers.
template <typename T>
inline void add_times(T* to, const T* from, T value, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) to[i] += value * from[i];
}

// The synapses of all events and, where they do not all count 1, their values.
template <typename T>
struct Events {
  const int32_t* synapse;
  const T* value;
};

// out = the sum of the kernel rows of some events, times their values if `kValued`, for kVectors
// vectors of channels of which the last holds `rest`.
template <typename T, bool kValued, int kVectors>
void gather(Events<T> events, int64_t first, int64_t last, const T* kernel, int64_t stride,
            int rest, T* out) {
  constexpr int lanes = simd::kLanes<T>, end = (kVectors - 1) * lanes;
  simd::Vec<T> sum[kVectors] = {};
  for (int64_t e = first; e < last; ++e) {
    const T* row = kernel + events.synapse[e] * stride;
    if constexpr (kValued) {
      const T value = events.value[e];
      for (int v = 0; v < kVectors - 1; ++v) sum[v] += value * simd::load(row + v * lanes);
      sum[kVectors - 1] += value * simd::load_part(row + end, rest);
    } else {
      for (int v = 0; v < kVectors - 1; ++v) sum[v] += simd::load(row + v * lanes);
      sum[kVectors - 1] += simd::load_part(row + end, rest);
    }
  }
  for (int v = 0; v < kVectors - 1; ++v) simd::store(out + v * lanes, sum[v]);
  simd::store_part(out + end, sum[kVectors - 1], rest);
}

template <typename T, bool kValued>
void gather_all(Events<T> events, int64_t first, int64_t last, const T* kernel, int channels,
                T* out) {
  constexpr int lanes = simd::kLanes<T>;
  for (int c = 0; c < channels; c += 4 * lanes) {
    const int left = std::min(channels - c, 4 * lanes), vectors = (left + lanes - 1) / lanes;
    const auto run = vectors == 1   ? gather<T, kValued, 1>
                     : vectors == 2 ? gather<T, kValued, 2>
                     : vectors == 3 ? gather<T, kValued, 3>
                                    : gather<T, kValued, 4>;
    run(events, first, last, kernel + c, channels, left - (vectors - 1) * lanes, out + c);
  }
}

// A synapse that reaches few channels has all it adds in a band of the kernel's row this wide.
constexpr int kBand = 4;

template <typename T, bool kValued>
inline void add_band(T* to, const T* from, Events<T> events, int64_t e) {
  for (int i = 0; i < kBand; ++i) to[i] += kValued ? events.value[e] * from[i] : from[i];
}

template <typename T, bool kValued>
inline void add_event(T* to, const T* from, Events<T> events, int64_t e, int64_t n) {
  if constexpr (kValued)
    add_times(to, from, events.value[e], n);
  else
    add(to, from, n);
}

// The bins of each synapse's events, in order, as one array and where each synapse's begin, for the
// bins [first, last); with `kValued` also which events they are.
template <bool kValued>
struct BySynapse {
  std::vector<int64_t> start, event;
  std::vector<int32_t> bin;

  BySynapse(const Shape& s, const int32_t* synapse, const int64_t* offset, int first, int last)
      : start(s.synapses + 1, 0),
        event(kValued ? offset[last] - offset[first] : 0),
        bin(offset[last] - offset[first]) {
    for (int64_t e = offset[first]; e < offset[last]; ++e) ++start[synapse[e] + 1];
    for (int n = 0; n < s.synapses; ++n) start[n + 1] += start[n];
    std::vector<int64_t> next(start.begin(), start.end() - 1);
    for (int b = first; b < last; ++b)
      for (int64_t e = offset[b]; e < offset[b + 1]; ++e) {
        if (kValued) event[next[synapse[e]]] = e;
        bin[next[synapse[e]]++] = b;
      }
  }
};

// With several taps the kernel outgrows the caches: one synapse after the other, so that each row
// of the batch reads it once. With one tap, one millisecond after the other. `band` is where each
// synapse's band begins, or null.
template <typename T, bool kValued>
void convolve(const Shape& s, Events<T> events, const int64_t* offset, const int32_t* band,
              const T* kernel, T* out) {
  const int32_t* synapse = events.synapse;
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
          add_band<T, kValued>(out + b * s.channels + c, kernel + synapse[e] * stride + c, events,
                               e);
        }
      continue;
    }
    if (s.taps == 1) {
      for (int64_t b = first; b < last; ++b)
        gather_all<T, kValued>(events, offset[b], offset[b + 1], kernel, s.channels,
                               out + b * s.channels);
      continue;
    }
    clear();
    const BySynapse<kValued> sorted(s, synapse, offset, first, last);
    for (int n = 0; n < s.synapses; ++n)
      for (int64_t i = sorted.start[n]; i < sorted.start[n + 1]; ++i) {
        const int64_t b = sorted.bin[i];
        add_event<T, kValued>(out + b * s.channels, kernel + n * stride, events,
                              kValued ? sorted.event[i] : 0,
                              run_length(s, static_cast<int>(b - first)));
      }
  }
}

// Each synapse's gradient is summed by one thread in the order of its events, so that the result
// does not depend on the number of threads. With several taps, one synapse after the other: its
// run of the gradient stays in the nearest cache.
template <typename T, bool kValued>
void backward_by_synapse(const Shape& s, Events<T> events, const int64_t* offset, const T* grad,
                         T* kernel_grad) {
  const int64_t stride = static_cast<int64_t>(s.taps) * s.channels;
  const BySynapse<kValued> sorted(s, events.synapse, offset, 0, s.rows * s.duration);
#pragma omp parallel for num_threads(s.threads) schedule(dynamic, 16)
  for (int n = 0; n < s.synapses; ++n) {
    T* to = kernel_grad + n * stride;
    std::memset(to, 0, sizeof(T) * stride);
    for (int64_t i = sorted.start[n]; i < sorted.start[n + 1]; ++i) {
      const int64_t b = sorted.bin[i];
      add_event<T, kValued>(to, grad + b * s.channels, events, kValued ? sorted.event[i] : 0,
                            run_length(s, static_cast<int>(b % s.duration)));
    }
  }
}

// With one tap, one millisecond after the other, each thread for its own range of synapses. What is
// not in its range it adds to `waste` where the bands make that cheap: cheaper than a branch that no
// processor can foresee. Its many places are there because a sum in one would wait for the last.
template <typename T, bool kValued>
void backward_by_time(const Shape& s, Events<T> events, const int64_t* offset,
                      const int32_t* band, const T* grad, T* kernel_grad) {
  const int32_t* synapse = events.synapse;
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
          add_band<T, kValued>(own ? to + c : waste + e % kPlaces * kBand,
                               grad + b * s.channels + c, events, e);
        } else if (own) {
          add_event<T, kValued>(to, grad + b * s.channels, events, e, s.channels);
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
                                    const T* value, const int64_t* offset,                   \
                                    const int32_t* band, const T* kernel, T* out) {          \
    const auto run = value ? convolve<T, true> : convolve<T, false>;                         \
    run(shape_of(shape), {synapse, value}, offset, band, kernel, out);                       \
  }                                                                                          \
  extern "C" void convolve_backward_##suffix(const int* shape, const int32_t* synapse,       \
                                             const T* value, const int64_t* offset,          \
                                             const int32_t* band, const T* grad, T* out) {   \
    const Shape s = shape_of(shape);                                                         \
    const Events<T> events{synapse, value};                                                  \
    if (s.taps > 1)                                                                          \
      (value ? backward_by_synapse<T, true> : backward_by_synapse<T, false>)(                \
          s, events, offset, grad, out);                                                     \
    else                                                                                     \
      (value ? backward_by_time<T, true> : backward_by_time<T, false>)(s, events, offset,    \
                                                                       band, grad, out);     \
  }                                                                                          \
  extern "C" void filter_##suffix(const int* shape, double decay, int reverse, const T* x,   \
                                  T* y) {                                                    \
    filter(shape_of(shape), static_cast<T>(decay), reverse, x, y);                           \
  }

EXPORT(float, f32)
EXPORT(double, f64)
