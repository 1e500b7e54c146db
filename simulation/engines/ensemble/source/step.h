// The fixed time step, as NEURON takes it, for all lanes of a group at once.
#pragma once

#include "membrane.h"  // generated

namespace ensemble {

#define INLINE_LAMBDA __attribute__((always_inline))

// Voltages as the membrane sees them: limited to what a trial may reach without failing.
template <class V>
KERNEL_INLINE V bounded(V voltage) {
  using R = Real<V>;
  return smaller(larger(voltage, splat<V>(R(kLowest_mV))), splat<V>(R(kHighest_mV)));
}

// Calls visit(Group(), numbers, states, node) for every node with a membrane.
template <class V, class Visit>
KERNEL_INLINE void each_group(const Cell<Real<V>>& cell, V* state, const Visit& visit) {
  const Powers<V> powers;
  const Powers<V>* hidden = &powers;
  asm("" : "+r"(hidden) : : "memory");  // else they are numbers to the compiler again
  Numbers<V> numbers{reinterpret_cast<const V*>(cell.constants), cell.parameters, cell.tables,
                     *hidden};
  for (int node = 0; node < cell.nodes; node++)
    with_group<V>(cell.kind[node] & kGroup, [&](auto group) INLINE_LAMBDA {
      visit(group, numbers, state, node);
      numbers.parameters += group.kParameters;
      state += group.kStates;
    });
}

// Gates and pools move on to the new voltage, and currents are summed: each node's conductance into
// `ratio` and its current into `change`; either alone where one is asked for. (Flags rather than
// two functions: the compiler writes the whole membrane out for each.)
template <class V>
inline void update_membrane(const Cell<Real<V>>& cell, const Variables<V>& at, bool advance,
                            bool sum_currents) {
  const Real<V> corrected = cell.second_order ? 1 : 0;
  each_group<V>(cell, at.state, [&](auto group, const Numbers<V>& n, V* state,
                                    int node) INLINE_LAMBDA {
    const V inside = bounded(at.voltage[node]);
    if (advance) group.advance(n, state, inside, at.change[node] * corrected);
    if (sum_currents) group.currents(n, state, inside, at.change[node], at.ratio[node]);
  });
}

// From the tips to the root: each node's equation is eliminated into its parent's.
template <class V>
inline void eliminate(const Cell<Real<V>>& cell, const Variables<V>& at) {
  using R = Real<V>;
  V carried_conductance{}, carried_current{};  // from the previous node to this one
  for (int node = 0; node < cell.nodes; node++) {
    const int parent = cell.parent[node];
    const uint32_t kind = cell.kind[node];
    V diagonal = carried_conductance + cell.diagonal[node];
    V right = carried_current;
    if (kind & kJunction) {
      diagonal += at.conductance[node];
      right += at.current[node];
      at.conductance[node] = at.current[node] = V{};
    }
    if ((kind & kGroup) != kNoMembrane) {
      diagonal += at.ratio[node];
      right -= at.change[node];
    }
    const R own = cell.to_parent[node], others = cell.from_parent[node];
    const V difference = at.voltage[parent] - at.voltage[node];
    const V inverse = reciprocal(diagonal);
    const V change = (right - own * difference) * inverse;
    const V ratio = own * inverse;
    at.change[node] = change;
    at.ratio[node] = ratio;
    carried_conductance = -others * ratio;
    carried_current = others * (difference - change);
    if (parent != node + 1) {
      at.conductance[parent] += carried_conductance;
      at.current[parent] += carried_current;
      carried_conductance = carried_current = V{};
    }
  }
}

// From the root to the tips: the change of every voltage.
template <class V>
inline void substitute(const Cell<Real<V>>& cell, const Variables<V>& at) {
  const Real<V> scale = cell.second_order ? 2 : 1;
  V change{};
  for (int node = cell.nodes - 1; node >= 0; node--) {
    const int parent = cell.parent[node];
    const V above = parent == node + 1 ? change : at.change[parent];
    change = at.change[node] - at.ratio[node] * above;
    at.change[node] = change;
    at.voltage[node] += scale * change;
  }
}

// Moves point processes on to the last step's voltage, before events arrive.
template <class V>
inline void advance_points(const Cell<Real<V>>& cell, const Variables<V>& at) {
  const Real<V> corrected = cell.second_order ? 1 : 0;
  each_group<V>(cell, at.state, [&](auto group, const Numbers<V>& n, V* state,
                                    int node) INLINE_LAMBDA {
    group.advance_points(n, state, bounded(at.voltage[node]), at.change[node] * corrected);
  });
}

// Moves all that is left on to the last step's voltage; synapses that decay by themselves have.
template <class V>
inline void finish_step(const Cell<Real<V>>& cell, const Variables<V>& at) {
  if (kHasPoints) advance_points(cell, at);
  update_membrane(cell, at, true, false);
}

}  // namespace ensemble
