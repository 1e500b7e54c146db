// The fixed time step, as NEURON takes it, for all lanes of a group at once.
#pragma once

#include "membrane.h"

namespace ensemble {

// One pass over the nodes from the tips to the root: gates and calcium move on to the new voltage
// (kAdvance), currents are summed, and each node's equation is eliminated into its parent's.
template <class V, class Gates, bool kAdvance>
inline void eliminate(const Cell<Real<V>>& cell, const Variables<V>& at) {
  using R = Real<V>;
  Membrane<V, Gates, kAdvance> membrane(cell, at.state);
  V carried_conductance{}, carried_current{};  // from the previous node to this one
  for (int node = 0; node < cell.nodes; node++) {
    const int parent = cell.parent[node];
    const V v = at.voltage[node];
    const uint32_t has = cell.mechanisms[node];
    V diagonal = carried_conductance + cell.diagonal[node];
    V right = carried_current;
    if (has & kJunction) {
      diagonal += at.conductance[node];
      right += at.current[node];
      at.conductance[node] = at.current[node] = V{};
    }
    if (has & ~kJunction) {
      membrane.sum_currents(has, v, at.change[node]);
      diagonal += membrane.conductance;
      right -= membrane.current;
    }
    const R own = cell.to_parent[node], others = cell.from_parent[node];
    const V difference = at.voltage[parent] - v;
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

// Moves gates and calcium on to the last step's voltage; synapses have already decayed.
template <class V, class Gates>
inline void finish_step(const Cell<Real<V>>& cell, const Variables<V>& at) {
  Membrane<V, Gates, true> membrane(cell, at.state);
  for (int node = 0; node < cell.nodes; node++) {
    const uint32_t has = cell.mechanisms[node];
    membrane.sum_currents(has & (kSynapse - 1), at.voltage[node], at.change[node]);
    for (int kind = 0; kind < kSynapseKinds; kind++)
      if (has & (kSynapse << kind)) membrane.state += 2;
  }
}

}  // namespace ensemble
