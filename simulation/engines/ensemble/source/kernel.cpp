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
  const int32_t* first_gain;     // [synapse + 1] where what an event adds begins
  const int32_t* gain_state;     // [gain] the state
  const R* gain;                 // [gain] what is added to it
  const int32_t* first_receiver; // [synapse + 1] where what does more than add begins
  const int32_t* receiver;       // [receiver] group, number in it, first parameter, first state
  const R* lane_start_ms;        // [lane] time in the lane's trial
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

// An event that does more than add to states.
template <class V>
void receive(const Cell<Real<V>>& cell, const Span<Real<V>>& span, const Variables<V>& at,
             int event, const int32_t* receiver) {
  using R = Real<V>;
  static const Powers<V> powers;
  const int lane = span.event_lane[event];
  const R per_ms = R(kSamplesPerMs * span.steps_per_sample);
  const R time = span.lane_start_ms[lane] + R(span.event_step[event]) / per_ms;
  const Numbers<V> numbers{reinterpret_cast<const V*>(cell.constants), cell.parameters + receiver[2],
                           cell.tables, powers};
  const OneLane<V> states{reinterpret_cast<R*>(at.state + receiver[3]) + lane};
  with_receivers<V>(receiver[0], [&](auto r) { r.run(receiver[1], numbers, states, time); });
}

// Delivers the events due at a step; returns the first one that is not.
template <class V>
int deliver(const Cell<Real<V>>& cell, const Span<Real<V>>& span, const Variables<V>& at, int event, int step) {
  constexpr int lanes = Lanes<V>::count;
  Real<V>* state = reinterpret_cast<Real<V>*>(at.state);
  for (; event < span.events && span.event_step[event] <= step; event++) {
    const int synapse = span.event_synapse[event];
    for (int k = span.first_gain[synapse]; k < span.first_gain[synapse + 1]; k++)
      state[int64_t(span.gain_state[k]) * lanes + span.event_lane[event]] += span.gain[k];
    for (int k = span.first_receiver[synapse]; k < span.first_receiver[synapse + 1]; k++)
      receive(cell, span, at, event, span.receiver + 4 * k);
  }
  return event;
}

template <class V>
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
    if (kHasPoints && step > 0) advance_points(cell, at);
    event = deliver(cell, span, at, event, step);
    update_membrane(cell, at, step > 0, true);
    eliminate(cell, at);
    substitute(cell, at);
  }
  finish_step(cell, at);
}

template <class V>
void advance_lanes(const Cell<Real<V>>& cell, void* const* variables, const Span<Real<V>>& span) {
  const auto row = [&](int k) { return static_cast<V*>(variables[k]); };
  const Variables<V> at{row(0), row(1), row(2), row(3), row(4), row(5)};
  advance<V>(cell, at, span);
}

}  // namespace ensemble

using namespace ensemble;

extern "C" {

int vector_bytes() { return kVectorBytes; }

int cell_bytes() { return sizeof(Cell<LANE_REAL>); }

int span_bytes() { return sizeof(Span<LANE_REAL>); }

void ensemble_advance(const Cell<LANE_REAL>* cell, void* const* at, const Span<LANE_REAL>* span) {
  advance_lanes<Vec<LANE_REAL>>(*cell, at, *span);
}

}  // extern "C"
