// One ms of many ELM neurons with the same weights, from a list of events (elm_step.py has the
// equations).
#include "panels.h"

namespace {

using simd::Buffer;
using simd::FloatVector;
using simd::kLanes;
using simd::load;
using simd::Panels;
using simd::store;
using simd::zeros;

constexpr int kLane = kLanes<float>;
constexpr float kSlope = 2.0f / 3.0f;
// Rows that go through all layers together: their activity stays in the nearest cache.
constexpr int kBlock = 8 * simd::kTileRows;

struct Shape {
  int synapses, channels, hidden, units, outputs, silu, branches;
};

Buffer<float> padded_rows(const float* from, int rows, int n) {
  const int wide = simd::padded<float>(n);
  Buffer<float> to = zeros<float>(static_cast<size_t>(rows) * wide);
  for (int r = 0; r < rows; ++r)
    std::memcpy(to.get() + static_cast<size_t>(r) * wide, from + static_cast<size_t>(r) * n,
                n * sizeof(float));
  return to;
}

float sum_of(FloatVector v) {
  float sum = 0.0f;
  for (int i = 0; i < kLane; ++i) sum += v[i];
  return sum;
}

class Elm {
 public:
  // Arrays: kernel (N, C), branch_weight (h, C), memory_weight (h, d), bias (h), proposal weight
  // (d, h) and bias (d), memory_decay (d), move (d), readout weight (o, d) and bias (o).
  Elm(const Shape& s, float trace_decay, const float* const* w)
      : s_(s),
        trace_decay_(trace_decay),
        wide_(simd::padded<float>(s.channels)),
        h_(simd::padded<float>(s.hidden)),
        d_(simd::padded<float>(s.units)),
        kernel_(padded_rows(w[0], s.synapses, s.channels)),
        from_branches_(w[1], s.branches ? s.channels : 0, s.hidden, 1, s.channels),
        from_memory_(w[2], s.units, s.hidden, 1, s.units),
        to_proposal_(w[4], s.hidden, s.units, 1, s.hidden),
        bias_(padded_rows(w[3], 1, s.hidden)),
        proposal_bias_(padded_rows(w[5], 1, s.units)),
        decay_(padded_rows(w[6], 1, s.units)),
        move_(padded_rows(w[7], 1, s.units)),
        readout_(padded_rows(w[8], s.outputs, s.units)),
        readout_bias_(padded_rows(w[9], 1, s.outputs)) {}

  // Traces are (rows, padded C), memory (rows, padded d), out (rows, o).
  void step(int rows, int64_t events, const int32_t* row, const int32_t* synapse, float* trace,
            float* memory, float* out, int threads) const {
    simd::over_rows(rows, threads, [&](int, int first, int count) {
      const int last = first + count;
      add(first, last, events, row, synapse, trace);
      const auto a = zeros<float>(kBlock * h_), p = zeros<float>(kBlock * d_);
      for (int r = first; r < last; r += kBlock) {
        const int n = std::min(kBlock, last - r);
        recur(n, trace + size_t(r) * wide_, memory + size_t(r) * d_, a.get(), p.get());
        read(n, memory + size_t(r) * d_, out + size_t(r) * s_.outputs);
      }
    });
  }

 private:
  // Every thread looks at all events and takes those of its rows, which is faster than sorting.
  void add(int first, int last, int64_t events, const int32_t* row, const int32_t* synapse,
           float* trace) const {
    const size_t end = size_t(last) * wide_;
    for (size_t i = size_t(first) * wide_; i < end; i += kLane)
      store(trace + i, load(trace + i) * trace_decay_);
    for (int64_t e = 0; e < events; ++e) {
      if (row[e] < first || row[e] >= last) continue;
      float* to = trace + size_t(row[e]) * wide_;
      const float* from = kernel_.get() + size_t(synapse[e]) * wide_;
      for (int c = 0; c < wide_; c += kLane) store(to + c, load(to + c) + load(from + c));
    }
  }

  void recur(int n, const float* trace, float* m, float* a, float* p) const {
    for (int r = 0; r < n; ++r) {
      for (int i = 0; i < d_; i += kLane) {
        store(m + r * d_ + i, load(m + r * d_ + i) * load(decay_.get() + i));
        store(p + r * d_ + i, load(proposal_bias_.get() + i));
      }
      for (int i = 0; i < h_; i += kLane) {
        FloatVector begin = load(bias_.get() + i);
        if (!s_.branches) begin += load(trace + size_t(r) * wide_ + i);
        store(a + r * h_ + i, begin);
      }
    }
    if (s_.branches) from_branches_.multiply(trace, wide_, n, simd::kTileRows, a);
    from_memory_.multiply(m, d_, n, simd::kTileRows, a);
    for (int i = 0; i < n * h_; i += kLane) {
      const FloatVector x = load(a + i);
      store(a + i, s_.silu ? x * simd::sigmoid_of(x) : x < 0.0f ? FloatVector{} : x);
    }
    to_proposal_.multiply(a, h_, n, simd::kTileRows, p);
    for (int r = 0; r < n; ++r)
      for (int i = 0; i < d_; i += kLane) {
        const FloatVector u = simd::tanh_of(load(p + r * d_ + i) * kSlope);
        store(m + r * d_ + i, load(m + r * d_ + i) + load(move_.get() + i) * u);
      }
  }

  void read(int n, const float* m, float* out) const {
    for (int r = 0; r < n; ++r)
      for (int o = 0; o < s_.outputs; ++o) {
        FloatVector sum{};
        for (int i = 0; i < d_; i += kLane)
          sum += load(m + r * d_ + i) * load(readout_.get() + o * d_ + i);
        out[r * s_.outputs + o] = readout_bias_[o] + sum_of(sum);
      }
  }

  Shape s_;
  float trace_decay_;
  int wide_, h_, d_;
  Buffer<float> kernel_;
  Panels<float> from_branches_, from_memory_, to_proposal_;
  Buffer<float> bias_, proposal_bias_, decay_, move_, readout_, readout_bias_;
};

}  // namespace

extern "C" Elm* elm_new(const int* n, float trace_decay, const float* const* arrays) {
  return new Elm({n[0], n[1], n[2], n[3], n[4], n[5], n[6]}, trace_decay, arrays);
}

extern "C" int elm_padded(int n) { return simd::padded<float>(n); }

extern "C" void elm_step(const Elm* elm, int rows, int64_t events, const int32_t* row,
                         const int32_t* synapse, float* trace, float* memory, float* out,
                         int threads) {
  elm->step(rows, events, row, synapse, trace, memory, out, threads);
}

extern "C" void elm_free(Elm* elm) { delete elm; }
