// Layers of gated units, forward and backward: LSTM and GRU.
//
// Arrays are (rows, duration, units), contiguous; `drive`, what reaches the gates from below, holds
// them one after the other, in torch's order. From h = c = 0, with a = drive_t + bias + W h_{t-1}:
//   LSTM (i, f, g, o):  c_t = sigma(f) c_{t-1} + sigma(i) tanh(g)     h_t = sigma(o) tanh(c_t)
//   GRU (r, z, n):      n' = tanh(drive_n + bias_n + sigma(r) q)      h_t = n' + sigma(z) (h_{t-1} - n')
// where q = own_bias + W_n h_{t-1}.
#include "panels.h"

namespace {

using simd::Buffer;
using simd::kLanes;
using simd::load;
using simd::Panels;
using simd::store;
using simd::Vec;
using simd::zeros;

struct Lstm {
  static constexpr int gates = 4, kept = 5;  // kept: the gates, c
};
struct Gru {
  static constexpr int gates = 3, kept = 4;  // kept: the gates, q
};

template <typename T, typename Kind>
struct Layer {
  int rows, duration, units, threads;
  const T *weight, *bias, *own_bias;  // weight: (gates, units, units)
  int wide = simd::padded<T>(units), all = Kind::gates * wide;

  size_t at(int row, int t) const { return static_cast<size_t>(row) * duration + t; }

  // Where ms t of the n rows of a thread is in what is kept for the backward pass.
  T* kept(T* array, int first, int n, int t) const {
    const size_t samples = static_cast<size_t>(first) * duration + static_cast<size_t>(t) * n;
    return array + samples * Kind::kept * wide;
  }

  // W with room for whole vectors between the gates, (gates, wide, units).
  Buffer<T> spread() const {
    auto w = zeros<T>(static_cast<size_t>(all) * units);
    for (int g = 0; g < Kind::gates; ++g)
      std::copy_n(weight + static_cast<size_t>(g) * units * units, units * units,
                  w.get() + static_cast<size_t>(g) * wide * units);
    return w;
  }

  // (gates, units) to (gates, wide).
  void read(const T* from, T* to) const {
    for (int g = 0; g < Kind::gates; ++g) simd::read(from + g * units, to + g * wide, units);
  }
  void write(const T* from, T* to) const {
    for (int g = 0; g < Kind::gates; ++g) simd::write(from + g * wide, to + g * units, units);
  }

  // h of a row before ms t.
  void read_before(const T* out, int row, int t, T* h) const {
    if (t > 0)
      simd::read(out + at(row, t - 1) * units, h, units);
    else
      std::memset(h, 0, wide * sizeof(T));
  }
};

// One row's ms: from a, the sums that reach the gates (of the GRU's n without the recurrent part,
// which is q), to what is kept and h; c is the LSTM's alone.
template <typename T>
void step(Lstm, int wide, const T* a, const T*, T* kept, T* c, T* h) {
  for (int i = 0; i < wide; i += kLanes<T>) {
    const Vec<T> in = simd::sigmoid_of(load(a + i)), forget = simd::sigmoid_of(load(a + wide + i));
    const Vec<T> cell = simd::tanh_of(load(a + 2 * wide + i));
    const Vec<T> out = simd::sigmoid_of(load(a + 3 * wide + i));
    const Vec<T> now = forget * load(c + i) + in * cell;
    store(c + i, now);
    store(h + i, out * simd::tanh_of(now));
    if (!kept) continue;
    store(kept + i, in);
    store(kept + wide + i, forget);
    store(kept + 2 * wide + i, cell);
    store(kept + 3 * wide + i, out);
    store(kept + 4 * wide + i, now);
  }
}

template <typename T>
void step(Gru, int wide, const T* a, const T* q, T* kept, T*, T* h) {
  for (int i = 0; i < wide; i += kLanes<T>) {
    const Vec<T> reset = simd::sigmoid_of(load(a + i)), keep = simd::sigmoid_of(load(a + wide + i));
    const Vec<T> own = load(q + i);
    const Vec<T> next = simd::tanh_of(load(a + 2 * wide + i) + reset * own);
    store(h + i, next + keep * (load(h + i) - next));
    if (!kept) continue;
    store(kept + i, reset);
    store(kept + wide + i, keep);
    store(kept + 2 * wide + i, next);
    store(kept + 3 * wide + i, own);
  }
}

// One row's ms backward: from dh, all that reaches h, and what was kept, to what reaches the gates
// from below (`drive`) and from h (`within`), and to what reaches the state before but through W:
// h (GRU) in dh, c (LSTM) in dc.
template <typename T>
void step_backward(Lstm, int wide, const T* kept, const T* c_before, const T*, T* dh, T* dc,
                   T* drive, T* within) {
  for (int i = 0; i < wide; i += kLanes<T>) {
    const Vec<T> in = load(kept + i), forget = load(kept + wide + i);
    const Vec<T> cell = load(kept + 2 * wide + i), out = load(kept + 3 * wide + i);
    const Vec<T> squashed = simd::tanh_of(load(kept + 4 * wide + i)), reached = load(dh + i);
    const Vec<T> total = load(dc + i) + reached * out * (T(1) - squashed * squashed);
    const Vec<T> to[] = {total * cell * in * (T(1) - in),
                         total * load(c_before + i) * forget * (T(1) - forget),
                         total * in * (T(1) - cell * cell),
                         reached * squashed * out * (T(1) - out)};
    for (int g = 0; g < Lstm::gates; ++g) {
      store(drive + g * wide + i, to[g]);
      store(within + g * wide + i, to[g]);
    }
    store(dc + i, total * forget);
    store(dh + i, Vec<T>{});
  }
}

template <typename T>
void step_backward(Gru, int wide, const T* kept, const T*, const T* h_before, T* dh, T*, T* drive,
                   T* within) {
  for (int i = 0; i < wide; i += kLanes<T>) {
    const Vec<T> reset = load(kept + i), keep = load(kept + wide + i);
    const Vec<T> next = load(kept + 2 * wide + i), own = load(kept + 3 * wide + i);
    const Vec<T> reached = load(dh + i);
    const Vec<T> to_next = reached * (T(1) - keep) * (T(1) - next * next);
    const Vec<T> to_reset = to_next * own * reset * (T(1) - reset);
    const Vec<T> to_keep = reached * (load(h_before + i) - next) * keep * (T(1) - keep);
    store(drive + i, to_reset);
    store(within + i, to_reset);
    store(drive + wide + i, to_keep);
    store(within + wide + i, to_keep);
    store(drive + 2 * wide + i, to_next);
    store(within + 2 * wide + i, to_next * reset);
    store(dh + i, reached * keep);
  }
}

template <typename T, typename Kind>
void forward(const Layer<T, Kind>& s, const T* drive, T* out, T* saved) {
  constexpr bool has_own = std::is_same_v<Kind, Gru>;
  const int own = s.all - s.wide;  // where the GRU's q is summed
  const auto w = s.spread(), bias = zeros<T>(s.all), own_bias = zeros<T>(s.wide);
  const Panels<T> to_gates(w.get(), s.units, s.all, 1, s.units);
  s.read(s.bias, bias.get());
  if (has_own) simd::read(s.own_bias, own_bias.get(), s.units);

  simd::over_rows(s.rows, s.threads, [&](int, int first, int n) {
    const int tall = simd::part_size(n, simd::kTileRows);
    const auto a = zeros<T>(n * s.all), sum = zeros<T>(n * s.all);
    const auto h = zeros<T>(n * s.wide), c = zeros<T>(n * s.wide);
    for (int t = 0; t < s.duration; ++t) {
      std::memset(sum.get(), 0, n * s.all * sizeof(T));
      to_gates.multiply(h.get(), s.wide, n, tall, sum.get());
      for (int r = 0; r < n; ++r) {
        T *reached = a.get() + r * s.all, *within = sum.get() + r * s.all;
        s.read(drive + s.at(first + r, t) * Kind::gates * s.units, reached);
        for (int i = 0; i < s.all; i += kLanes<T>) {
          const Vec<T> below = load(reached + i) + load(bias.get() + i);
          const bool apart = has_own && i >= own;
          store(reached + i, apart ? below : below + load(within + i));
          if (apart) store(within + i, load(within + i) + load(own_bias.get() + i - own));
        }
        T* kept = saved ? s.kept(saved, first, n, t) + r * Kind::kept * s.wide : nullptr;
        step(Kind{}, s.wide, reached, within + own, kept, c.get() + r * s.wide,
             h.get() + r * s.wide);
        simd::write(h.get() + r * s.wide, out + s.at(first + r, t) * s.units, s.units);
      }
    }
  });
}

// What reaches the gates from below and from h, (rows, duration, gates * units) each.
template <typename T, typename Kind>
void backward(const Layer<T, Kind>& s, const T* out, T* saved, const T* grad, T* drive_grad,
              T* within_grad) {
  const auto w = s.spread();
  const Panels<T> to_units(w.get(), s.all, s.units, s.units, 1);

  simd::over_rows(s.rows, s.threads, [&](int, int first, int n) {
    const int tall = simd::part_size(n, simd::kTileRows);
    const auto drive = zeros<T>(s.all), within = zeros<T>(n * s.all);
    const auto dh = zeros<T>(n * s.wide), dc = zeros<T>(n * s.wide), later = zeros<T>(n * s.wide);
    const auto g = zeros<T>(s.wide), before = zeros<T>(s.wide), none = zeros<T>(s.wide);
    for (int t = s.duration - 1; t >= 0; --t) {
      for (int r = 0; r < n; ++r) {
        const int row = first + r, at = r * s.wide;
        const T* kept = s.kept(saved, first, n, t) + r * Kind::kept * s.wide;
        const T* c_before = none.get();
        if (t > 0) c_before = s.kept(saved, first, n, t - 1) + ((r + 1) * Kind::kept - 1) * s.wide;
        simd::read(grad + s.at(row, t) * s.units, g.get(), s.units);
        s.read_before(out, row, t, before.get());
        for (int i = 0; i < s.wide; i += kLanes<T>)
          store(dh.get() + at + i, load(dh.get() + at + i) + load(g.get() + i));
        step_backward(Kind{}, s.wide, kept, c_before, before.get(), dh.get() + at, dc.get() + at,
                      drive.get(), within.get() + r * s.all);
        s.write(drive.get(), drive_grad + s.at(row, t) * Kind::gates * s.units);
        if (within_grad)
          s.write(within.get() + r * s.all, within_grad + s.at(row, t) * Kind::gates * s.units);
      }
      std::memset(later.get(), 0, n * s.wide * sizeof(T));
      to_units.multiply(within.get(), s.all, n, tall, later.get());
      for (int i = 0; i < n * s.wide; i += kLanes<T>)
        store(dh.get() + i, load(dh.get() + i) + load(later.get() + i));
    }
  });
}

// From (rows, duration, -, -, units, threads), as the other kernels have it.
template <typename T, typename Kind>
Layer<T, Kind> layer(const int* n, const T* weight, const T* bias, const T* own_bias) {
  return {n[0], n[1], n[4], n[5], weight, bias, own_bias};
}

}  // namespace

#define EXPORT(T, suffix, Kind, kind)                                                              \
  extern "C" int kind##_kept_##suffix(int units) { return Kind::kept * simd::padded<T>(units); }   \
  extern "C" void kind##_##suffix(const int* shape, const T* weight, const T* bias,                \
                                  const T* own_bias, const T* drive, T* out, T* saved) {           \
    forward(layer<T, Kind>(shape, weight, bias, own_bias), drive, out, saved);                     \
  }                                                                                                \
  extern "C" void kind##_backward_##suffix(const int* shape, const T* weight, const T* out,        \
                                           T* saved, const T* grad, T* drive_grad, T* within) {    \
    backward(layer<T, Kind>(shape, weight, nullptr, nullptr), out, saved, grad, drive_grad, within); \
  }

EXPORT(float, f32, Lstm, lstm)
EXPORT(double, f64, Lstm, lstm)
EXPORT(float, f32, Gru, gru)
EXPORT(double, f64, Gru, gru)
