// Gate kinetics as piecewise polynomials of the voltage: 32 pieces of 6 mV, degree 5.
//
// A piece's coefficients are found with one register permutation on AVX-512, where a finer table
// would need a gather from memory for every lane.
#pragma once

#include "cell.h"
#include "gates.h"

namespace ensemble {

constexpr int kPieces = 32;
constexpr int kCoefficients = 6;
constexpr int kTableSize = kPieces * kCoefficients;
constexpr int kTables = 2 * kGates + kSynapseKinds;
constexpr double kTableLow_mV = -120, kPiece_mV = 6;

// table[index] for every lane; the index wraps around at kPieces.
template <class V>
KERNEL_INLINE V look_up(const Real<V>* table, Integer<V> index) {
  const Integer<V> wrapped = index & (kPieces - 1);
  if constexpr (Lanes<V>::count == 1) {
    return table[wrapped];
  } else {
    V out;
    for (int lane = 0; lane < Lanes<V>::count; lane++) out[lane] = table[wrapped[lane]];
    return out;
  }
}
#if defined(__AVX512F__)
template <>
KERNEL_INLINE FloatVector look_up<FloatVector>(const float* table, Int32Vector index) {
  return (FloatVector)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)index,
                                             _mm512_loadu_ps(table + 16));
}
#endif

// Where voltages lie: their piece and the place in it, -1 to 1.
template <class V>
struct TablePosition {
  Integer<V> piece;
  V place;

  KERNEL_INLINE explicit TablePosition(V voltage) {
    using R = Real<V>;
    constexpr R highest = R(kPieces - 0.501);
    const V number = voltage * R(1 / kPiece_mV) - R(kTableLow_mV / kPiece_mV + 0.5);
    const V inside = smaller(larger(number, splat<V>(R(-0.499))), splat<V>(highest));
    const V shifted = inside + Format<R>::round_to_integer;
    piece = reinterpret_bits<Integer<V>>(shifted);
    place = (inside - (shifted - Format<R>::round_to_integer)) * R(2);
  }

  // The polynomial of a table: coefficient k of piece j at table[32 k + j].
  KERNEL_INLINE V value(const Real<V>* table) const {
    V sum = look_up<V>(table + kPieces * (kCoefficients - 1), piece);
    for (int k = kCoefficients - 2; k >= 0; k--)
      sum = sum * place + look_up<V>(table + kPieces * k, piece);
    return sum;
  }
};

// Interpolates f at the Chebyshev points of every piece; `table` has kTableSize entries.
template <class R, class Function>
KERNEL_INLINE void fill_table(R* table, const Function& f) {
  constexpr int n = kCoefficients;
  // Chebyshev points cos(pi (2 j + 1) / 12), and T_k written in powers.
  const double points[n] = {0.9659258262890683,  0.7071067811865476,  0.25881904510252074,
                            -0.25881904510252074, -0.7071067811865476, -0.9659258262890683};
  const double powers[n][n] = {{1, 0, 0, 0, 0, 0},  {0, 1, 0, 0, 0, 0},  {-1, 0, 2, 0, 0, 0},
                               {0, -3, 0, 4, 0, 0}, {1, 0, -8, 0, 8, 0}, {0, 5, 0, -20, 0, 16}};
  for (int piece = 0; piece < kPieces; piece++) {
    double coefficient[n] = {};
    for (int j = 0; j < n; j++) {
      const double y = f(kTableLow_mV + kPiece_mV * (piece + 0.5 + 0.5 * points[j]));
      double basis[n] = {1, points[j]};
      for (int k = 2; k < n; k++) basis[k] = 2 * points[j] * basis[k - 1] - basis[k - 2];
      for (int k = 0; k < n; k++)
        for (int power = 0; power <= k; power++)
          coefficient[power] += (k ? 2.0 : 1.0) / n * y * basis[k] * powers[k][power];
    }
    for (int power = 0; power < n; power++) table[kPieces * power + piece] = R(coefficient[power]);
  }
}

template <class Gate, class R>
KERNEL_INLINE void fill_gate(R* tables, double minus_dt_log2e) {
  R* table = tables + kTableSize * 2 * Gate::index;
  fill_table(table, [](double v) { return Gate::template at<double>(v).steady; });
  fill_table(table + kTableSize, [=](double v) {
    return one_minus_exp2<double>(Gate::template at<double>(v).rate * minus_dt_log2e);
  });
}

template <class R, class... Gates>
KERNEL_INLINE void fill_gates(R* tables, double minus_dt_log2e) {
  (fill_gate<Gates>(tables, minus_dt_log2e), ...);
}

// Fills the tables (kTables x kTableSize) of a cell.
template <class R>
KERNEL_INLINE void fill_tables(const Cell<R>& cell, R* tables) {
  fill_gates<R, NaTa_m, NaTa_h, NaTs2_m, NaTs2_h, Nap_m, Nap_h, KTst_m, KTst_h, KPst_m, KPst_h,
             SKv3_m, Im_m, Ih_m, CaHVA_m, CaHVA_h, CaLVA_m, CaLVA_h>(tables, cell.minus_dt_log2e);
  for (int kind = 0; kind < kSynapseKinds; kind++) {
    const double magnesium = cell.synapse[kind].magnesium;
    fill_table(tables + kTableSize * (2 * kGates + kind),
               [=](double v) { return magnesium_block<double>(v, magnesium); });
  }
}

}  // namespace ensemble
