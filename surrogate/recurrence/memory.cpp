// The ELM memory recursion, forward and backward (docs/recurrence.md).
//
// Arrays are (rows, duration, units), contiguous. With x = decay m_{t-1} and z = [x, input_t, 1]:
//   a = z W^T            h = act(a)     p = h Wp^T + bias
//   u = tanh(2/3 p)      m_t = x + gain 1.7159 u
// where W = [Wm, Wi, bias of the hidden units]. Without Wi the input is added to a as it is.
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
  int rows, duration, units, hidden, inputs, activation, threads;  // inputs: 0 without Wi
  int joint() const { return units + inputs + 1; }                 // the length of z
};

template <typename T>
Buffer<T> padded_copy(const T* from, int n) {
  Buffer<T> to = zeros<T>(simd::padded<T>(n));
  simd::read(from, to.get(), n);
  return to;
}

// Millisecond t of some rows, between an array (rows, duration, units) and scratch whose rows are
// `stride` apart. What the pass needs a few ms on is fetched early: it walks through more arrays and
// rows at once than the hardware can follow.
template <typename T, int kDirection>
struct Slice {
  static constexpr int kAheadMs = 6;
  int duration, units, stride;

  Slice(const Shape& s, int units, int stride = 0)
      : duration(s.duration), units(units), stride(stride ? stride : simd::padded<T>(units)) {}

  size_t at(int row, int t) const { return (static_cast<size_t>(row) * duration + t) * units; }

  void read(const T* array, int first, int n, int t, T* scratch) const {
    const int next = t + kDirection * kAheadMs;
    for (int r = 0; r < n; ++r) {
      if (next >= 0 && next < duration) fetch<0>(array + at(first + r, next));
      simd::read(array + at(first + r, t), scratch + r * stride, units);
    }
  }

  void write(const T* scratch, int first, int n, int t, T* array) const {
    const int next = t + kDirection * kAheadMs;
    for (int r = 0; r < n; ++r) {
      if (next >= 0 && next < duration) fetch<1>(array + at(first + r, next));
      simd::write(scratch + r * stride, array + at(first + r, t), units);
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
  const T *memory, *input, *hidden_bias, *proposal, *bias, *decay, *gain;

  // W = [Wm, Wi, bias], (hidden, joint).
  Buffer<T> first(const Shape& s) const {
    auto joined = zeros<T>(static_cast<size_t>(s.hidden) * s.joint());
    for (int k = 0; k < s.hidden; ++k) {
      T* row = joined.get() + static_cast<size_t>(k) * s.joint();
      std::copy_n(memory + static_cast<size_t>(k) * s.units, s.units, row);
      std::copy_n(input + static_cast<size_t>(k) * s.inputs, s.inputs, row + s.units);
      row[s.units + s.inputs] = hidden_bias[k];
    }
    return joined;
  }
};

// z of some rows. Its vectors of x and of the input overlap: x has to be there first.
template <typename T, int kDirection>
struct Joint {
  const Shape& s;
  int stride = simd::padded<T>(s.joint()) + kLanes<T>;
  Slice<T, kDirection> input{s, s.inputs, stride};

  void complete(const T* array, int first, int n, int t, T* z) const {
    if (s.inputs) input.read(array, first, n, t, z + s.units);
    for (int r = 0; r < n; ++r) z[r * stride + s.joint() - 1] = T(1);
  }
};

// Forward results beside the memory; null where they are not kept. Only the kernels read them: ms by
// ms for the rows of each thread, in whole vectors, so that they are worked on where they lie.
template <typename T>
struct Saved {
  T *hidden, *squashed;  // h (ReLU) or a (SiLU); u

  // Ms t of n rows, each `wide` long.
  static T* at(T* array, const Shape& s, int first, int n, int wide, int t) {
    return array + (static_cast<size_t>(first) * s.duration + static_cast<size_t>(t) * n) * wide;
  }
};

// a to h, which may be in one place.
template <typename T, int kActivation>
void activate(const T* a, T* h, int n) {
  for (int i = 0; i < n; i += kLanes<T>) {
    const Vec<T> x = load(a + i);
    if constexpr (kActivation == kRelu)
      store(h + i, x < T(0) ? Vec<T>{} : x);
    else
      store(h + i, x * simd::sigmoid_of(x));
  }
}

template <typename T, int kActivation>
void forward(const Shape& s, const T* input, const Weights<T>& w, T* memory, Saved<T> saved) {
  const int d = simd::padded<T>(s.units), h = simd::padded<T>(s.hidden);
  const auto first_layer = w.first(s);
  const Panels<T> to_hidden(first_layer.get(), s.joint(), s.hidden, 1, s.joint());
  const Panels<T> to_proposal(w.proposal, s.hidden, s.units, 1, s.hidden);
  const auto decay = padded_copy(w.decay, s.units), gain = padded_copy(w.gain, s.units);
  const auto bias = padded_copy(w.bias, s.units);
  const Slice<T, 1> unit(s, s.units), wide(s, s.hidden);
  const Joint<T, 1> joint{s};

  simd::over_rows(s.rows, s.threads, [&](int, int first, int n) {
    const int tall = simd::part_size(n, simd::kTileRows);
    const auto m = zeros<T>(n * d), p = zeros<T>(n * d), scratch = zeros<T>(n * h);
    const auto z = zeros<T>(n * joint.stride);
    for (int t = 0; t < s.duration; ++t) {
      T* a = saved.hidden ? saved.at(saved.hidden, s, first, n, h, t) : scratch.get();
      T* u = saved.squashed ? saved.at(saved.squashed, s, first, n, d, t) : p.get();
      T* active = kActivation == kRelu ? a : scratch.get();
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const Vec<T> x = load(m.get() + r * d + i) * load(decay.get() + i);
          store(m.get() + r * d + i, x);
          store(z.get() + r * joint.stride + i, x);
          store(p.get() + r * d + i, load(bias.get() + i));
        }
      joint.complete(input, first, n, t, z.get());
      if (s.inputs)
        std::memset(a, 0, n * h * sizeof(T));
      else
        wide.read(input, first, n, t, a);
      to_hidden.multiply(z.get(), joint.stride, n, tall, a);
      activate<T, kActivation>(a, active, n * h);
      to_proposal.multiply(active, h, n, tall, p.get());
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const int at = r * d + i;
          const Vec<T> tanh = simd::tanh_of(load(p.get() + at) * T(kSlope));
          store(u + at, tanh);
          store(m.get() + at, load(m.get() + at) + load(gain.get() + i) * T(kScale) * tanh);
        }
      if (memory) unit.write(m.get(), first, n, t, memory);
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

// What the backward pass writes: the gradients of the input (rows, duration, units), of W and Wp for
// each block of rows (blocks, outputs, inputs), of the rest for each row (rows, units).
template <typename T>
struct Gradients {
  T *input, *first, *proposal;
  double *decay, *gain, *bias;
};

// The gradients of W and Wp are products over many samples, which are (row, ms): so many of them are
// gathered first, few enough to stay in cache.
constexpr int kSamples = 64;

// Matrix (rows, columns), whose rows are `stride` apart, to matrix number `block` of an array of them.
template <typename T>
void copy_rows(const T* from, int stride, int rows, int columns, T* to, int block) {
  for (int r = 0; r < rows; ++r)
    std::copy_n(from + static_cast<size_t>(r) * stride, columns,
                to + (static_cast<size_t>(block) * rows + r) * columns);
}

// dh to da, by a and for ReLU just as well by h. For SiLU also a to h.
template <typename T, int kActivation>
void activate_backward(T* dh, const T* a, T* h, int n) {
  for (int i = 0; i < n; i += kLanes<T>) {
    const Vec<T> x = load(a + i), g = load(dh + i);
    if constexpr (kActivation == kRelu) {
      store(dh + i, x > T(0) ? g : Vec<T>{});
    } else {
      const Vec<T> s = simd::sigmoid_of(x);
      store(dh + i, g * s * (T(1) + x * (T(1) - s)));
      store(h + i, x * s);
    }
  }
}

template <typename T, int kActivation>
void backward(const Shape& s, const T* grad, const T* input, const T* memory, Saved<T> saved,
              const Weights<T>& w, Gradients<T> out) {
  const int d = simd::padded<T>(s.units), h = simd::padded<T>(s.hidden);
  const int j = simd::padded<T>(s.joint());
  const auto first_layer = w.first(s);
  const Panels<T> from_proposal(w.proposal, s.units, s.hidden, s.hidden, 1);
  const Panels<T> from_hidden(first_layer.get(), s.hidden, s.joint(), s.joint(), 1);
  const auto decay = padded_copy(w.decay, s.units), gain = padded_copy(w.gain, s.units);
  const Slice<T, -1> unit(s, s.units), wide(s, s.hidden), inputs(s, s.inputs, j);
  const Joint<T, -1> joint{s};

  simd::over_rows(s.rows, s.threads, [&](int block, int first, int n) {
    const int tall = simd::part_size(n, simd::kTileRows), gathered = std::max(kSamples / n, 1);
    const auto carry = zeros<T>(n * d), g = zeros<T>(n * d);
    const auto before = zeros<T>(n * d);
    const auto dz = zeros<T>(n * j + kLanes<T>);  // whose inputs begin in the middle of a vector
    const auto first_sum = zeros<T>(s.hidden * j), proposal_sum = zeros<T>(s.units * h);
    // These of `gathered` ms, in order of time.
    const int samples = gathered * n;
    const auto dps = zeros<T>(samples * d), zs = zeros<T>(samples * joint.stride);
    const auto das = zeros<T>(samples * h), hs = zeros<T>(samples * h);
    LongSum<T> decay_sum(n * d), gain_sum(n * d), bias_sum(n * d);
    for (int t = s.duration - 1; t >= 0; --t) {
      const int from = samples - n - (s.duration - 1 - t) % gathered * n;
      T *dp = dps.get() + from * d, *z = zs.get() + from * joint.stride;
      T *da = das.get() + from * h, *active = hs.get() + from * h;
      const T* a = saved.at(saved.hidden, s, first, n, h, t);
      const T* u = saved.at(saved.squashed, s, first, n, d, t);
      unit.read(grad, first, n, t, g.get());
      if (t > 0)
        unit.read(memory, first, n, t - 1, before.get());
      else
        std::memset(before.get(), 0, n * d * sizeof(T));
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const int at = r * d + i;
          const Vec<T> total = load(g.get() + at) + load(carry.get() + at);
          const Vec<T> tanh = load(u + at), moved = total * T(kScale) * tanh;
          const Vec<T> slope = T(kScale * kSlope) * (T(1) - tanh * tanh);
          const Vec<T> proposed = total * load(gain.get() + i) * slope;
          store(g.get() + at, total);
          store(dp + at, proposed);
          store(z + r * joint.stride + i, load(before.get() + at) * load(decay.get() + i));
          gain_sum.add(at, moved);
          bias_sum.add(at, proposed);
        }
      joint.complete(input, first, n, t, z);
      std::memset(da, 0, n * h * sizeof(T));
      from_proposal.multiply(dp, d, n, tall, da);
      activate_backward<T, kActivation>(da, a, active, n * h);
      std::memset(dz.get(), 0, n * j * sizeof(T));
      from_hidden.multiply(da, h, n, tall, dz.get());
      if (s.inputs)
        inputs.write(dz.get() + s.units, first, n, t, out.input);
      else
        wide.write(da, first, n, t, out.input);
      for (int r = 0; r < n; ++r)
        for (int i = 0; i < d; i += kLanes<T>) {
          const int at = r * d + i;
          const Vec<T> total = load(g.get() + at) + load(dz.get() + r * j + i);
          decay_sum.add(at, total * load(before.get() + at));
          store(carry.get() + at, total * load(decay.get() + i));
        }
      if (from == 0 || t == 0) {
        simd::add_outer(da, h, s.hidden, z, joint.stride, s.joint(), samples - from,
                        first_sum.get());
        simd::add_outer(dp, d, s.units, kActivation == kRelu ? a : active, h, s.hidden,
                        samples - from, proposal_sum.get());
      }
      if (t % kFlushEvery == 0)
        for (LongSum<T>* sum : {&decay_sum, &gain_sum, &bias_sum}) sum->flush();
    }
    copy_rows(first_sum.get(), j, s.hidden, s.joint(), out.first, block);
    copy_rows(proposal_sum.get(), h, s.units, s.hidden, out.proposal, block);
    for (int r = 0; r < n; ++r) {
      const size_t to = static_cast<size_t>(first + r) * s.units;
      std::copy_n(decay_sum.total() + r * d, s.units, out.decay + to);
      std::copy_n(gain_sum.total() + r * d, s.units, out.gain + to);
      std::copy_n(bias_sum.total() + r * d, s.units, out.bias + to);
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

extern "C" int padded_f32(int n) { return simd::padded<float>(n); }
extern "C" int padded_f64(int n) { return simd::padded<double>(n); }

// `shape` and the pointers in `arrays` are in the order of the structs above.
#define EXPORT(T, suffix)                                                                        \
  extern "C" void memory_forward_##suffix(const int* n, T* const* arrays) {                      \
    const Shape s{n[0], n[1], n[2], n[3], n[4], n[5], n[6]};                                     \
    const Weights<T> w{arrays[1], arrays[2], arrays[3], arrays[4],                               \
                       arrays[5], arrays[6], arrays[7]};                                         \
    const auto run = s.activation == kRelu ? forward<T, kRelu> : forward<T, kSilu>;              \
    run(s, arrays[0], w, arrays[8], {arrays[9], arrays[10]});                                    \
  }                                                                                              \
  extern "C" void memory_backward_##suffix(const int* n, T* const* arrays, double* const* sums) { \
    const Shape s{n[0], n[1], n[2], n[3], n[4], n[5], n[6]};                                     \
    const Weights<T> w{arrays[1], arrays[2], arrays[3], arrays[4],                               \
                       arrays[5], arrays[6], arrays[7]};                                         \
    const Gradients<T> out{arrays[12], arrays[13], arrays[14], sums[0], sums[1], sums[2]};       \
    const auto run = s.activation == kRelu ? backward<T, kRelu> : backward<T, kSilu>;            \
    run(s, arrays[11], arrays[0], arrays[8], {arrays[9], arrays[10]}, w, out);                   \
  }

EXPORT(float, f32)
EXPORT(double, f64)
