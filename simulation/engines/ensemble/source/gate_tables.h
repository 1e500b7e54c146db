// Gate kinetics as piecewise polynomials of the voltage; tables.py fills them.
//
// A piece's coefficients are found by permuting registers where there is an instruction for it (one
// on AVX-512, seven on AVX2), where a finer table would need a gather from memory for every lane.
#pragma once

#include "cell.h"

namespace ensemble {

using namespace simd;

// From tables.py, passed by kernel.py.
constexpr int kPieces = TABLE_PIECES, kCoefficients = TABLE_COEFFICIENTS;
constexpr int kTableSize = kPieces * kCoefficients;
constexpr double kTableLow_mV = TABLE_LOW_MV, kPiece_mV = TABLE_PIECE_MV;

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
KERNEL_INLINE DoubleVector look_up<DoubleVector>(const double* table, Int64Vector index) {
  return (DoubleVector)_mm512_i64gather_pd((__m512i)(index & (kPieces - 1)), table, 8);
}
template <>
KERNEL_INLINE FloatVector look_up<FloatVector>(const float* table, Int32Vector index) {
  return (FloatVector)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)index,
                                             _mm512_loadu_ps(table + 16));
}
#elif defined(__AVX2__)
template <>
KERNEL_INLINE DoubleVector look_up<DoubleVector>(const double* table, Int64Vector index) {
  return (DoubleVector)_mm256_i64gather_pd(table, (__m256i)(index & (kPieces - 1)), 8);
}
template <>
KERNEL_INLINE FloatVector look_up<FloatVector>(const float* table, Int32Vector index) {
  const auto of = [&](int k) {
    return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8 * k), (__m256i)index);
  };
  const __m256 odd = (__m256)(index << 28), upper = (__m256)(index << 27);  // bits 3 and 4 as signs
  const __m256 low = _mm256_blendv_ps(of(0), of(1), odd), high = _mm256_blendv_ps(of(2), of(3), odd);
  return (FloatVector)_mm256_blendv_ps(low, high, upper);
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

}  // namespace ensemble
