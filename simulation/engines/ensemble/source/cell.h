// A cell as the kernel sees it: numbers exported from the NEURON model, the same for every lane.
#pragma once

#include <cstdint>

namespace ensemble {

constexpr int kSynapseKinds = 4;

// From neuronio/conventions.py, passed by kernel.py.
constexpr double kLowest_mV = LOWEST_MV, kHighest_mV = HIGHEST_MV;
constexpr int kSamplesPerMs = SAMPLES_PER_MS;

// Mechanisms of a node, one bit each. A node's parameters and states follow one another in the
// order of these bits; kLayout names them for the export. Ion reversal potentials follow the
// channels that use them.
enum Mechanism : uint32_t {
  kLeak = 1 << 0,
  kIh = 1 << 1,
  kCalciumDynamics = 1 << 2,
  kCalciumFixed = 1 << 3,
  kSkE2 = 1 << 4,
  kCaHva = 1 << 5,
  kCaLva = 1 << 6,
  kNaTa = 1 << 7,
  kNaTs2 = 1 << 8,
  kNap = 1 << 9,
  kSodium = 1 << 10,
  kIm = 1 << 11,
  kSkv3 = 1 << 12,
  kKTst = 1 << 13,
  kKPst = 1 << 14,
  kPotassium = 1 << 15,
  kSynapse = 1 << 16,   // and the next kSynapseKinds - 1 bits
  kJunction = 1 << 30,  // not a mechanism: children other than the previous node join here
};

// "NAME|parameters|states" of each bit in turn.
constexpr const char* kLayout =
    "pas|g,e|;Ih|gIhbar,e,vshift|m;CaDynamics_E2|fraction,gain,minCai|cai,ica,conductance,remainder;"
    "ca_ion|eca,log2_cai|;SK_E2|gSK_E2bar|z;Ca_HVA|gCa_HVAbar|m,h;Ca_LVAst|gCa_LVAstbar|m,h;"
    "NaTa_t|gNaTa_tbar|m,h;NaTs2_t|gNaTs2_tbar|m,h;Nap_Et2|gNap_Et2bar|m,h;na_ion|ena|;"
    "Im|gImbar|m;SKv3_1|gSKv3_1bar|m;K_Tst|gK_Tstbar|m,h;K_Pst|gK_Pstbar|m,h;k_ion|ek|";

// A dual-exponential synapse type: the fractions of themselves that its states lose in a step.
template <class R>
struct SynapseKind {
  R rise_loss, decay_loss;
  R reversal_mV;
  R magnesium;  // around an NMDA synapse, in units of kHalfBlock_mM; 0 for one without a block
};

// Nodes are numbered so that every node comes before its parent; the last is the root. Node i
// obeys, per unit area, diagonal dv + currents + to_parent (v_parent - v_i) ..., with NEURON's
// (negative) coefficients: to_parent in the node's own equation, from_parent in its parent's.
template <class R>
struct Cell {
  int32_t nodes;
  int32_t second_order;
  const int32_t* parent;
  const uint32_t* mechanisms;
  const R* diagonal;
  const R* to_parent;
  const R* from_parent;
  const R* parameters;
  const R* tables;  // null for exact kinetics
  R minus_dt_log2e;
  R sk_fraction;   // fraction that the gate z moves towards its steady state in a step
  R nernst_mV;     // eca = nernst_mV (log2_cao - log2 cai)
  R log2_cao;
  SynapseKind<R> synapse[kSynapseKinds];
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
