// The functions that Python calls: advance a lane group over some milliseconds, fill tables.

#include "step.h"

namespace ensemble {

// What a call of `advance` integrates, and where it writes. Lanes are those of the vector type.
template <class R>
struct Span {
  int32_t duration_ms;
  int32_t steps_per_sample;
  int32_t events;
  int32_t fast_nodes;            // recorded kSamplesPerMs times a ms
  int32_t slow_nodes;            // recorded once a ms
  const int32_t* event_step;     // [event] ascending; the step at whose start it arrives
  const int32_t* event_synapse;  // [event]
  const int32_t* event_lane;     // [event]
  const int32_t* synapse_state;  // [synapse] first state
  const int32_t* synapse_kinds;  // [synapse] how many kinds, and so pairs of states, it drives
  const R* synapse_weight;       // [synapse][kSynapseKinds], S/cm2
  const int32_t* fast_node;
  const int32_t* slow_node;
  R* fast;                       // [sample][fast_nodes][lane]
  R* slow;                       // [ms][slow_nodes][lane]
  int32_t* failed_ms;            // [lane] first ms with a voltage out of bounds, else -1
};

template <class V>
void record(const Span<Real<V>>& span, const Variables<V>& at, int sample) {
  V* fast = reinterpret_cast<V*>(span.fast) + int64_t(sample) * span.fast_nodes;
  for (int k = 0; k < span.fast_nodes; k++) fast[k] = at.voltage[span.fast_node[k]];
  if (sample % kSamplesPerMs) return;
  V* slow = reinterpret_cast<V*>(span.slow) + int64_t(sample / kSamplesPerMs) * span.slow_nodes;
  for (int k = 0; k < span.slow_nodes; k++) slow[k] = at.voltage[span.slow_node[k]];
}

// Notes the lanes of which any voltage is not a number or out of bounds.
template <class V>
void watch(const Span<Real<V>>& span, const Variables<V>& at, int nodes, int ms) {
  using R = Real<V>;
  constexpr int lanes = Lanes<V>::count;
  V sound = splat<V>(1);
  for (int node = 0; node < nodes; node++) {
    const V v = at.voltage[node];
    sound = v >= R(kLowest_mV) ? sound : V{};
    sound = v <= R(kHighest_mV) ? sound : V{};
  }
  const R* flags = reinterpret_cast<const R*>(&sound);
  for (int lane = 0; lane < lanes; lane++)
    if (flags[lane] == 0 && span.failed_ms[lane] < 0) span.failed_ms[lane] = ms;
}

// Delivers the events due at a step; returns the first one that is not.
template <class V>
int deliver(const Span<Real<V>>& span, const Variables<V>& at, int event, int step) {
  constexpr int lanes = Lanes<V>::count;
  Real<V>* state = reinterpret_cast<Real<V>*>(at.state);
  for (; event < span.events && span.event_step[event] <= step; event++) {
    const int synapse = span.event_synapse[event];
    Real<V>* target = state + int64_t(span.synapse_state[synapse]) * lanes + span.event_lane[event];
    for (int kind = 0; kind < span.synapse_kinds[synapse]; kind++) {
      const Real<V> weight = span.synapse_weight[synapse * kSynapseKinds + kind];
      target[2 * kind * lanes] += weight;
      target[(2 * kind + 1) * lanes] += weight;
    }
  }
  return event;
}

template <class V, class Gates>
void advance(const Cell<Real<V>>& cell, const Variables<V>& at, const Span<Real<V>>& span) {
  FlushSubnormals guard;
  (void)guard;
  const int steps = span.duration_ms * kSamplesPerMs * span.steps_per_sample;
  for (int step = 0, event = 0; step < steps; step++) {
    if (step % span.steps_per_sample == 0) {
      const int sample = step / span.steps_per_sample;
      record(span, at, sample);
      watch(span, at, cell.nodes, sample / kSamplesPerMs);
    }
    event = deliver(span, at, event, step);
    if (step == 0)
      eliminate<V, Gates, false>(cell, at);
    else
      eliminate<V, Gates, true>(cell, at);
    substitute(cell, at);
  }
  finish_step<V, Gates>(cell, at);
}

template <class V>
void advance_lanes(const Cell<Real<V>>& cell, void* const* variables, const Span<Real<V>>& span) {
  const auto row = [&](int k) { return static_cast<V*>(variables[k]); };
  const Variables<V> at{row(0), row(1), row(2), row(3), row(4), row(5)};
  if (cell.tables)
    advance<V, TabulatedGates<V>>(cell, at, span);
  else
    advance<V, ExactGates<V>>(cell, at, span);
}

}  // namespace ensemble

using namespace ensemble;

extern "C" {

const char* ensemble_layout() { return kLayout; }
int ensemble_lanes(int bytes_per_value) { return kVectorBytes / bytes_per_value; }
int ensemble_table_values() { return kTables * kTableSize; }
int ensemble_synapse_kinds() { return kSynapseKinds; }
double ensemble_relative_magnesium(double magnesium_mM) { return magnesium_mM / kHalfBlock_mM; }

void ensemble_advance_float(const Cell<float>* cell, void* const* at, const Span<float>* span) {
  advance_lanes<FloatVector>(*cell, at, *span);
}
void ensemble_advance_double(const Cell<double>* cell, void* const* at, const Span<double>* span) {
  advance_lanes<DoubleVector>(*cell, at, *span);
}
void ensemble_fill_tables_float(const Cell<float>* cell, float* tables) {
  fill_tables(*cell, tables);
}
void ensemble_fill_tables_double(const Cell<double>* cell, double* tables) {
  fill_tables(*cell, tables);
}

}  // extern "C"
