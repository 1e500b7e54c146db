// The ELM memory recursion, forward and backward (docs/recurrence.md).
//
// Arrays are (rows, duration, units), contiguous. With x = decay m_{t-1}:
//   a = drive_t + x Wm^T     h = act(a)     p = h Wp^T + bias
//   u = tanh(2/3 p)          m_t = x + gain 1.7159 u
#if defined(__linux__)
#include <malloc.h>
#endif

#include "panels.h"

namespace {

using simd::Buffer;
using simd::kLanes;
using simd::load;
using simd::Panels;
using simd::store;
using simd::Vec;
using simd::zeros;

constexpr double kScale = 1.7159, kSlope = 2.0 / 3.0;
enum Activation { kRelu = 0, kSilu = 1 };

struct Shape {
  int rows, duration, units, hidden, activation, threads;
};

// Calls work(first row, number of rows) for one block of rows a thread.
template <typename Work>
void over_rows(const Shape& s, const Work& work) {
  const int blocks = s.threads < s.rows ? s.threads : s.rows;
#pragma omp parallel for num_threads(blocks) schedule(static, 1)
  for (int b = 0; b < blocks; ++b) {
    const simd::FlushSubnormals flush;
    const int first = static_cast<int>(static_cast<int64_t>(s.rows) * b / blocks);
    const int last = static_cast<int>(static_cast<int64_t>(s.rows) * (b + 1) / blocks);
    work(first, last - first);
  }
}

template <typename T>
Buffer<T> padded_copy(const T* from, int n) {
  Buffer<T> to = zeros<T>(simd::padded<T>(n));
  simd::read(from, to.get(), n);
  return to;
}

// Millisecond t of some rows, between an array (rows, duration, units) and padded scratch. What
// the pass needs a few ms on is fetched early: it walks through more arrays and rows at once than
// the hardware can follow.
template <typename T, int kDirection>
struct Slice {
  static constexpr int kAheadMs = 6;
  int duration, units;

  size_t at(int row, int t) const { return (static_cast<size_t>(row) * duration + t) * units; }

  void read(const T* array, int first, int n, int t, T* scratch) const {
    const int next = t + kDirection * kAheadMs;
    for (int r = 0; r < n; ++r) {
      if (next >= 0 && next < duration) fetch<0>(array + at(first + r, next));
      simd::read(array + at(first + r, t), scratch + r * simd::padded<T>(units), units);
    }
  }

  void write(const T* scratch, int first, int n, int t, T* array) const {
    const int next = t + kDirection * kAheadMs;
    for (int r = 0; r < n; ++r) {
      if (next >= 0 && next < duration) fetch<1>(array + at(first + r, next));
      simd::write(scratch + r * simd::padded<T>(units), array + at(first + r, t), units);
    }
  }

  template <int kToWrite>
  void fetch(const T* p) const {
    for (int i = 0; i < units; i += 64 / static_cast<int>(sizeof(T)))
      __builtin_prefetch(p + i, kToWrite);
  }
};

template <typename T>
struct Weights {
  const T *memory, *proposal, *bias, *decay, *gain;
};

// Forward results beside the memory; null where they are not kept.
template <typename T>
struct Saved {
  T *hidden, *squashed;  // h (ReLU) or a (SiLU); u
};

template <typename T, int kActivation>
void activate(T* a, int n) {
  for (int i = 0; i < n; i += kLanes<T>) {
    const Vec<T> x = load(a + i);
    if constexpr (kActivation == kRelu)
      store(a + i, x < T(0) ? Vec<T>{} : x);
    else
      store(a + i, x * simd::sigmoid_of(x));
  }
}

template <typename T, int kActivation>
void forward(const Shape& s, const T* drive, const Weights<T>& w, T* memory, Saved<T> saved) {
  const int d = simd::padded<T>(s.units), h = simd::padded<T>(s.hidden);
  const Panels<T> to_hidden(w.memory, s.units, s.hidden, 1, s.units);
  const Panels<T> to_proposal(w.proposal, s.hidden, s.units, 1, s.hidden);
  const auto decay = padded_copy(w.decay, s.units), gain = padded_copy(w.gain, s.units);
  const auto bias = padded_copy(w.bias, s.units);
  const Slice<T, 1> unit{s.duration, s.units}, wide{s.duration, s.hidden};

  over_rows(s, [&](int first, int n) {
    const int block = simd::part_size(n, simd::kTileRows);
    const auto m = zeros<T>(n * d), p = zeros<T>(n * d), a = zeros<T>(n * h);
    for (int t = 0; t < s.duration; ++t) {
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          T* mr = m.get() + r * d + i;
          store(mr, load(mr) * load(decay.get() + i));
          store(p.get() + r * d + i, load(bias.get() + i));
        }
      wide.read(drive, first, n, t, a.get());
      to_hidden.multiply(m.get(), d, n, block, a.get());
      if (kActivation == kSilu && saved.hidden) wide.write(a.get(), first, n, t, saved.hidden);
      activate<T, kActivation>(a.get(), n * h);
      if (kActivation == kRelu && saved.hidden) wide.write(a.get(), first, n, t, saved.hidden);
      to_proposal.multiply(a.get(), h, n, block, p.get());
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          T *pr = p.get() + r * d + i, *mr = m.get() + r * d + i;
          const Vec<T> u = simd::tanh_of(load(pr) * T(kSlope));
          store(pr, u);
          store(mr, load(mr) + load(gain.get() + i) * T(kScale) * u);
        }
      unit.write(m.get(), first, n, t, memory);
      if (saved.squashed) unit.write(p.get(), first, n, t, saved.squashed);
    }
  });
}

// Sums over a long time: short stretches in T, their sums in double.
constexpr int kFlushEvery = 64;

template <typename T>
class LongSum {
 public:
  explicit LongSum(int n) : n_(n), part_(zeros<T>(n)), total_(zeros<double>(n)) {}
  void add(int i, Vec<T> x) { store(part_.get() + i, load(part_.get() + i) + x); }
  void flush() {
    for (int i = 0; i < n_; ++i) total_[i] += part_[i];
    std::memset(part_.get(), 0, n_ * sizeof(T));
  }
  const double* total() const { return total_.get(); }

 private:
  int n_;
  Buffer<T> part_;
  Buffer<double> total_;
};

// What the backward pass writes, per (row, ms) except the last two, which are per row.
template <typename T>
struct Gradients {
  T *drive;              // da, the gradient of the drive
  T *proposal;           // dp
  T *decayed;            // x, for the gradient of Wm
  T *hidden;             // h, for the gradient of Wp (SiLU only)
  double *decay, *gain;  // (rows, units)
};

// dh to da, and for SiLU a to h.
template <typename T, int kActivation>
void activate_backward(T* dh, T* saved, int n) {
  for (int i = 0; i < n; i += kLanes<T>) {
    const Vec<T> x = load(saved + i), g = load(dh + i);
    if constexpr (kActivation == kRelu) {
      store(dh + i, x > T(0) ? g : Vec<T>{});
    } else {
      const Vec<T> s = simd::sigmoid_of(x);
      store(dh + i, g * s * (T(1) + x * (T(1) - s)));
      store(saved + i, x * s);
    }
  }
}

template <typename T, int kActivation>
void backward(const Shape& s, const T* grad, const T* memory, Saved<T> saved, const Weights<T>& w,
              Gradients<T> out) {
  const int d = simd::padded<T>(s.units), h = simd::padded<T>(s.hidden);
  const Panels<T> from_proposal(w.proposal, s.units, s.hidden, s.hidden, 1);
  const Panels<T> from_hidden(w.memory, s.hidden, s.units, s.units, 1);
  const auto decay = padded_copy(w.decay, s.units), gain = padded_copy(w.gain, s.units);
  const Slice<T, -1> unit{s.duration, s.units}, wide{s.duration, s.hidden};

  over_rows(s, [&](int first, int n) {
    const int block = simd::part_size(n, simd::kTileRows);
    const auto carry = zeros<T>(n * d), g = zeros<T>(n * d), u = zeros<T>(n * d);
    const auto dp = zeros<T>(n * d), before = zeros<T>(n * d);
    const auto da = zeros<T>(n * h), a = zeros<T>(n * h);
    LongSum<T> decay_sum(n * d), gain_sum(n * d);
    for (int t = s.duration - 1; t >= 0; --t) {
      unit.read(grad, first, n, t, g.get());
      unit.read(saved.squashed, first, n, t, u.get());
      wide.read(saved.hidden, first, n, t, a.get());
      if (t > 0)
        unit.read(memory, first, n, t - 1, before.get());
      else
        std::memset(before.get(), 0, n * d * sizeof(T));
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const int j = r * d + i;
          const Vec<T> total = load(g.get() + j) + load(carry.get() + j);
          const Vec<T> tanh = load(u.get() + j), moved = total * T(kScale) * tanh;
          const Vec<T> slope = T(kScale * kSlope) * (T(1) - tanh * tanh);
          store(g.get() + j, total);
          store(carry.get() + j, Vec<T>{});
          store(dp.get() + j, total * load(gain.get() + i) * slope);
          gain_sum.add(j, moved);
        }
      unit.write(dp.get(), first, n, t, out.proposal);
      std::memset(da.get(), 0, n * h * sizeof(T));
      from_proposal.multiply(dp.get(), d, n, block, da.get());
      activate_backward<T, kActivation>(da.get(), a.get(), n * h);
      if (kActivation == kSilu) wide.write(a.get(), first, n, t, out.hidden);
      wide.write(da.get(), first, n, t, out.drive);
      // Summed apart from what is carried, which may be far larger.
      from_hidden.multiply(da.get(), h, n, block, carry.get());
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const int j = r * d + i;
          const Vec<T> total = load(g.get() + j) + load(carry.get() + j);
          const Vec<T> past = load(before.get() + j);
          const Vec<T> kept = load(decay.get() + i), pull = total * past;
          decay_sum.add(j, pull);
          store(before.get() + j, past * kept);
          store(carry.get() + j, total * kept);
        }
      unit.write(before.get(), first, n, t, out.decayed);
      if (t % kFlushEvery == 0) {
        decay_sum.flush();
        gain_sum.flush();
      }
    }
    for (int r = 0; r < n; ++r) {
      const size_t to = static_cast<size_t>(first + r) * s.units, bytes = s.units * sizeof(double);
      std::memcpy(out.decay + to, decay_sum.total() + r * d, bytes);
      std::memcpy(out.gain + to, gain_sum.total() + r * d, bytes);
    }
  });
}

}  // namespace

// A training step frees and asks again for buffers of some 10 MB. By default glibc returns them to
// the system, and faulting them in anew takes up to a third of the step: let the process keep them.
extern "C" void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
}

// `shape` and the pointers in `arrays` are in the order of the structs above.
#define EXPORT(T, suffix)                                                                        \
  extern "C" void memory_forward_##suffix(const int* shape, T* const* arrays) {                  \
    const Shape s{shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]};                   \
    const Weights<T> w{arrays[1], arrays[2], arrays[3], arrays[4], arrays[5]};                   \
    const Saved<T> saved{arrays[7], arrays[8]};                                                  \
    const auto run = s.activation == kRelu ? forward<T, kRelu> : forward<T, kSilu>;              \
    run(s, arrays[0], w, arrays[6], saved);                                                      \
  }                                                                                              \
  extern "C" void memory_backward_##suffix(const int* shape, T* const* arrays, double* decay,    \
                                           double* gain) {                                       \
    const Shape s{shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]};                   \
    const Weights<T> w{arrays[4], arrays[5], arrays[6], arrays[7], arrays[8]};                   \
    const Saved<T> saved{arrays[2], arrays[3]};                                                  \
    const Gradients<T> out{arrays[9], arrays[10], arrays[11], arrays[12], decay, gain};          \
    const auto run = s.activation == kRelu ? backward<T, kRelu> : backward<T, kSilu>;            \
    run(s, arrays[0], arrays[1], saved, w, out);                                                 \
  }

EXPORT(float, f32)
EXPORT(double, f64)
