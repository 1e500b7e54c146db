// A matrix packed for the product of a few rows with it, and that product.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "arrays.h"

namespace simd {

// A tile of the product that stays in registers, of which AVX-512 has twice as many.
constexpr int kTileRows = 6;
constexpr int kTileVectors = kVectorBytes == 64 ? 4 : 2;

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <typename T>
using Buffer = std::unique_ptr<T[], Free>;

template <typename T>
Buffer<T> zeros(size_t n) {
  const size_t bytes = std::max<size_t>((n * sizeof(T) + 63) / 64 * 64, 64);
  void* p = std::aligned_alloc(64, bytes);
  std::memset(p, 0, bytes);
  return Buffer<T>(static_cast<T*>(p));
}

// a b + c rounded once wherever the processor can. The compiler's own choice may depend on the size
// of the tile (GCC splits the sum of a single accumulator on AMD's Zen), and with it a row's result
// on how many rows its thread has.
inline FloatVector multiply_add(FloatVector a, FloatVector b, FloatVector c) {
#if defined(__AVX512F__)
  return (FloatVector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (FloatVector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

inline DoubleVector multiply_add(DoubleVector a, DoubleVector b, DoubleVector c) {
#if defined(__AVX512F__)
  return (DoubleVector)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (DoubleVector)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return a * b + c;
#endif
}

// Holds a value in its register. GCC may otherwise load it from memory again for each use, and loads
// then bound the product.
template <typename V>
KERNEL_INLINE void keep(V& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#endif
}

// A matrix by where it begins, how far apart its rows are, and how far apart its columns.
template <typename T>
struct Matrix {
  const T* at;
  int row, column;
};

// acc += x w for kRows rows and kVectors vectors of columns, summed in registers. Row k of w is
// `w_step` after the one before. Not inlined: each tile has all registers to itself.
template <typename T, int kRows, int kVectors>
__attribute__((noinline)) void tile(Matrix<T> x, const T* w, int w_step, int depth, T* acc,
                                    int acc_stride) {
  constexpr int lanes = kLanes<T>;
  Vec<T> sum[kRows][kVectors];  // cleared one by one: all at once, GCC clears them in memory
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Vec<T>{};
  for (int k = 0; k < depth; ++k, w += w_step, x.at += x.column) {
    Vec<T> column[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      column[v] = load(w + v * lanes);
      keep(column[v]);
    }
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> value = splat<Vec<T>>(x.at[r * x.row]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(value, column[v], sum[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) {
      T* to = acc + r * acc_stride + v * lanes;
      store(to, load(to) + sum[r][v]);
    }
}

template <typename T, int kVectors, int kRows = kTileRows>
inline void tile_rows(int rows, Matrix<T> x, const T* w, int w_step, int depth, T* acc,
                      int acc_stride) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      tile<T, kRows, kVectors>(x, w, w_step, depth, acc, acc_stride);
    else
      tile_rows<T, kVectors, kRows - 1>(rows, x, w, w_step, depth, acc, acc_stride);
  }
}

template <typename T, int kVectors = kTileVectors>
inline void tile_columns(int vectors, int rows, Matrix<T> x, const T* w, int w_step, int depth,
                         T* acc, int acc_stride) {
  if constexpr (kVectors > 0) {
    if (vectors == kVectors)
      tile_rows<T, kVectors>(rows, x, w, w_step, depth, acc, acc_stride);
    else
      tile_columns<T, kVectors - 1>(vectors, rows, x, w, w_step, depth, acc, acc_stride);
  }
}

// The size of the fewest equal parts of n that are none over `limit`; the last may be smaller.
inline int part_size(int n, int limit) {
  const int parts = (n + limit - 1) / limit;
  return (n + parts - 1) / parts;
}

template <typename T>
class Panels {
 public:
  // Packs a (depth, columns) matrix whose element (k, c) is w[k * row_stride + c * column_stride].
  Panels(const T* w, int depth, int columns, int row_stride, int column_stride)
      : depth_(depth),
        vectors_(vectors_for<T>(columns)),
        width_(part_size(vectors_, kTileVectors)),
        data_(zeros<T>(static_cast<size_t>(depth) * padded<T>(columns))) {
    for (int v = 0; v < vectors_; v += width_) {
      const int first = v * kLanes<T>, width = std::min(width_, vectors_ - v) * kLanes<T>;
      T* panel = data_.get() + static_cast<size_t>(first) * depth_;
      for (int k = 0; k < depth; ++k)
        for (int c = 0; c < width && first + c < columns; ++c)
          panel[k * width + c] = w[k * row_stride + (first + c) * column_stride];
    }
  }

  // acc (rows, padded columns) += x (rows, depth) times the matrix, `block` rows at a time.
  void multiply(const T* x, int x_stride, int rows, int block, T* acc) const {
    const int acc_stride = vectors_ * kLanes<T>;
    for (int v = 0; v < vectors_; v += width_) {
      const int first = v * kLanes<T>, width = std::min(width_, vectors_ - v);
      const T* panel = data_.get() + static_cast<size_t>(first) * depth_;
      for (int r = 0; r < rows; r += block)
        tile_columns<T>(width, std::min(block, rows - r), {x + r * x_stride, x_stride, 1}, panel,
                        width * kLanes<T>, depth_, acc + r * acc_stride + first, acc_stride);
    }
  }

 private:
  int depth_, vectors_, width_;  // width_: vectors of a panel
  Buffer<T> data_;
};

// acc (n, padded columns) += x^T y, summed over the rows of x (rows, n) and y (rows, columns), whose
// rows are `x_stride` and `y_stride` apart.
template <typename T>
void add_outer(const T* x, int x_stride, int n, const T* y, int y_stride, int columns, int rows,
               T* acc) {
  const int vectors = vectors_for<T>(columns), acc_stride = padded<T>(columns);
  const int wide = part_size(vectors, kTileVectors), tall = part_size(n, kTileRows);
  for (int v = 0; v < vectors; v += wide) {
    const int first = v * kLanes<T>;
    for (int i = 0; i < n; i += tall)
      tile_columns<T>(std::min(wide, vectors - v), std::min(tall, n - i), {x + i, 1, x_stride},
                      y + first, y_stride, rows, acc + i * acc_stride + first, acc_stride);
  }
}

// Calls work(block, first row, number of rows) for one block of rows a thread.
template <typename Work>
void over_rows(int rows, int threads, const Work& work) {
  const int blocks = threads < rows ? threads : rows;
#pragma omp parallel for num_threads(blocks) schedule(static, 1)
  for (int b = 0; b < blocks; ++b) {
    const FlushSubnormals flush;
    const int first = static_cast<int>(static_cast<int64_t>(rows) * b / blocks);
    const int last = static_cast<int>(static_cast<int64_t>(rows) * (b + 1) / blocks);
    work(b, first, last - first);
  }
}

}  // namespace simd
