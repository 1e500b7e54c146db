// A cell as the kernel sees it: numbers exported from the NEURON model, the same for every lane.
#pragma once

#include "vector.h"

namespace ensemble {

// From neuronio/conventions.py, passed by kernel.py.
constexpr double kLowest_mV = LOWEST_MV, kHighest_mV = HIGHEST_MV;
constexpr int kSamplesPerMs = SAMPLES_PER_MS;

// A node's group, or that it has no membrane; and whether children other than the previous node
// join it.
constexpr uint32_t kNoMembrane = 0xffff, kGroup = 0xffff, kJunction = 1u << 31;

// Nodes are numbered so that every node comes before its parent; the last is the root. Node i
// obeys, per unit area, diagonal dv + currents + to_parent (v_parent - v_i) ..., with NEURON's
// (negative) coefficients: to_parent in the node's own equation, from_parent in its parent's.
template <class R>
struct Cell {
  int32_t nodes;
  int32_t second_order;
  const int32_t* parent;
  const uint32_t* kind;  // group, and kJunction
  const R* diagonal;
  const R* to_parent;
  const R* from_parent;
  const R* parameters;   // of every node in turn
  const R* constants;    // of all nodes, each in every lane
  const R* tables;       // of gates, kTableSize each
};

// The lanes' variables: [node][lane] and [state][lane].
template <class V>
struct Variables {
  V* voltage;
  V* change;       // the solution of the last step: half of the voltage's change at second order
  V* ratio;        // back-substitution coefficient of a node
  V* conductance;  // at junctions, what children other than the previous node add to the
  V* current;      // equation; 0 between steps
  V* state;
};

}  // namespace ensemble
