// Membrane currents of one node, with the gates moved on to the node's new voltage first.
#pragma once

#include "cell.h"
#include "gate_tables.h"

namespace ensemble {

// Gate kinetics computed from their equations.
template <class V>
struct ExactGates {
  V v;
  Real<V> minus_dt_log2e;

  KERNEL_INLINE ExactGates(const Cell<Real<V>>& cell, V voltage)
      : v(smaller(larger(voltage, splat<V>(kLowest_mV)), splat<V>(kHighest_mV))),
        minus_dt_log2e(cell.minus_dt_log2e) {}

  // The gate's value one step later at constant voltage (NMODL's cnexp).
  template <class Gate>
  KERNEL_INLINE V next(V x) const {
    const Kinetics<V> kinetics = Gate::at(v);
    return x + one_minus_exp2<V>(kinetics.rate * minus_dt_log2e) * (kinetics.steady - x);
  }

  KERNEL_INLINE V block(int, Real<V> magnesium) const { return magnesium_block(v, magnesium); }
};

// Gate kinetics from tables over the voltage.
template <class V>
struct TabulatedGates {
  TablePosition<V> position;
  const Real<V>* tables;

  KERNEL_INLINE TabulatedGates(const Cell<Real<V>>& cell, V voltage)
      : position(voltage), tables(cell.tables) {}

  template <class Gate>
  KERNEL_INLINE V next(V x) const {
    const V steady = position.value(tables + kTableSize * (2 * Gate::index));
    const V fraction = position.value(tables + kTableSize * (2 * Gate::index + 1));
    return x + fraction * (steady - x);
  }

  KERNEL_INLINE V block(int kind, Real<V>) const {
    return position.value(tables + kTableSize * (2 * kGates + kind));
  }
};

// Walks the parameters and states of the nodes in order. kAdvance: move the gates on by a step.
template <class V, class Gates, bool kAdvance>
struct Membrane {
  using R = Real<V>;
  const Cell<R>& cell;
  const R* parameter;
  V* state;
  V v, current, conductance;

  KERNEL_INLINE Membrane(const Cell<R>& cell, V* state)
      : cell(cell), parameter(cell.parameters), state(state) {}

  // The node's total current (mA/cm2) and its derivative by the voltage (S/cm2), at voltage v;
  // `change` is the solution of the step that led to v.
  KERNEL_INLINE void sum_currents(uint32_t has, V voltage, V change) {
    v = voltage;
    current = conductance = V{};
    const Gates gates(cell, v);
    if (has & kLeak) ohmic(splat<V>(*parameter++));
    if (has & kIh) add_ih(gates);
    V sk{};
    if (has & (kCalciumDynamics | kCalciumFixed)) sk = add_calcium(has, gates, change);
    if (has & kSodium) add_sodium(has, gates);
    if (has & kPotassium) add_potassium(has, gates, sk);
    for (int kind = 0; kind < kSynapseKinds; kind++)
      if (has & (kSynapse << kind)) add_synapse(kind, gates);
  }

 private:
  KERNEL_INLINE void ohmic(V g) {
    current += g * (v - *parameter++);
    conductance += g;
  }

  template <class Gate>
  KERNEL_INLINE V gate(const Gates& gates) {
    if (kAdvance) *state = gates.template next<Gate>(*state);
    return *state++;
  }

  KERNEL_INLINE void add_ih(const Gates& gates) {
    const R g = *parameter++, reversal = *parameter++, shift = *parameter++;
    const V open = shift == 0 ? gate<Ih_m>(gates) : gate<Ih_m>(Gates(cell, v - shift));
    current += g * open * (v - reversal);
    conductance += g * open;
  }

  // Adds the calcium current; returns the conductance of the calcium-activated potassium channel.
  KERNEL_INLINE V add_calcium(uint32_t has, const Gates& gates, V change) {
    V* pool = nullptr;
    V log2_cai, reversal;
    if (has & kCalciumDynamics) {
      pool = state;
      state += 4;
      log2_cai = log2_of(advance_calcium(pool, change));
      reversal = (cell.log2_cao - log2_cai) * cell.nernst_mV;
    } else {
      reversal = splat<V>(*parameter++);
      log2_cai = splat<V>(*parameter++);
    }
    const V sk = has & kSkE2 ? sk_conductance(log2_cai) : V{};
    V g{};
    if (has & kCaHva) g += *parameter++ * squared_gate<CaHVA_m, CaHVA_h>(gates);
    if (has & kCaLva) g += *parameter++ * squared_gate<CaLVA_m, CaLVA_h>(gates);
    const V calcium = g * (v - reversal);
    current += calcium;
    conductance += g;
    if (pool) {
      pool[1] = calcium;
      pool[2] = g;
    }
    return sk;
  }

  // pool: concentration (mM), calcium current and its conductance before the step.
  KERNEL_INLINE V advance_calcium(V* pool, V change) {
    const R fraction = *parameter++, gain = *parameter++, resting = *parameter++;
    if (kAdvance) {
      const V calcium = cell.second_order ? pool[1] + pool[2] * change : pool[1];
      const V before = pool[0];
      const V added = fraction * (resting + gain * calcium - before) + pool[3];
      pool[0] = before + added;
      pool[3] = added - (pool[0] - before);
    }
    return pool[0];
  }

  KERNEL_INLINE V sk_conductance(V log2_cai) {
    constexpr R log2_half = R(-11.183375719734714);  // log2(0.00043)
    if (kAdvance) {
      const V steady = reciprocal(exp2_of<V>((log2_half - log2_cai) * R(4.8)) + R(1));
      *state += cell.sk_fraction * (steady - *state);
    }
    return *parameter++ * *state++;
  }

  template <class M, class H>
  KERNEL_INLINE V squared_gate(const Gates& gates) {
    const V m = gate<M>(gates);
    return m * m * gate<H>(gates);
  }

  template <class M, class H>
  KERNEL_INLINE V cubed_gate(const Gates& gates) {
    const V m = gate<M>(gates);
    return m * m * m * gate<H>(gates);
  }

  KERNEL_INLINE void add_sodium(uint32_t has, const Gates& gates) {
    V g{};
    if (has & kNaTa) g += *parameter++ * cubed_gate<NaTa_m, NaTa_h>(gates);
    if (has & kNaTs2) g += *parameter++ * cubed_gate<NaTs2_m, NaTs2_h>(gates);
    if (has & kNap) g += *parameter++ * cubed_gate<Nap_m, Nap_h>(gates);
    ohmic(g);
  }

  KERNEL_INLINE void add_potassium(uint32_t has, const Gates& gates, V g) {
    if (has & kIm) g += *parameter++ * gate<Im_m>(gates);
    if (has & kSkv3) g += *parameter++ * gate<SKv3_m>(gates);
    if (has & kKTst) {
      const R maximal = *parameter++;
      const V m = gate<KTst_m>(gates);
      g += maximal * (m * m) * (m * m) * gate<KTst_h>(gates);
    }
    if (has & kKPst) g += *parameter++ * squared_gate<KPst_m, KPst_h>(gates);
    ohmic(g);
  }

  // The states, in S/cm2, already hold the events of this step; they decay for the next.
  KERNEL_INLINE void add_synapse(int kind, const Gates& gates) {
    const SynapseKind<R>& synapse = cell.synapse[kind];
    const V rise = state[0], decay = state[1];
    V g = decay - rise;
    const V drive = v - synapse.reversal_mV;
    if (synapse.magnesium != 0) {
      const V open = gates.block(kind, synapse.magnesium);
      current += g * open * drive;
      // NEURON differentiates over 0.001 mV; this is the slope in the middle of that.
      constexpr double slope = kBlockSlope_per_mV, half_mV = 0.0005;
      const V middle = open + open * (R(1) - open) * R(slope * half_mV);
      g *= middle + middle * (R(1) - middle) * R(slope) * (drive + R(half_mV));
    } else {
      current += g * drive;
    }
    conductance += g;
    state[0] = rise - rise * synapse.rise_loss;
    state[1] = decay - decay * synapse.decay_loss;
    state += 2;
  }
};

}  // namespace ensemble
