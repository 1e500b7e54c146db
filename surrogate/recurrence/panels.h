// A matrix packed for the product of a few rows with it, and that product.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "simd.h"

namespace simd {

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

// acc += x w for kRows rows and kVectors vectors of columns, all of acc in registers.
template <typename T, int kRows, int kVectors>
inline void tile(const T* x, int x_stride, const T* w, int depth, T* acc, int acc_stride) {
  constexpr int lanes = kLanes<T>;
  Vec<T> sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = load(acc + r * acc_stride + v * lanes);
  for (int k = 0; k < depth; ++k, w += kVectors * lanes) {
    Vec<T> column[kVectors];
    for (int v = 0; v < kVectors; ++v) column[v] = load(w + v * lanes);
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> value = splat(x[r * x_stride + k]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] += value * column[v];
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) store(acc + r * acc_stride + v * lanes, sum[r][v]);
}

template <typename T, int kVectors, int kRows = kTileRows>
inline void tile_rows(int rows, const T* x, int x_stride, const T* w, int depth, T* acc,
                      int acc_stride) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      tile<T, kRows, kVectors>(x, x_stride, w, depth, acc, acc_stride);
    else
      tile_rows<T, kVectors, kRows - 1>(rows, x, x_stride, w, depth, acc, acc_stride);
  }
}

template <typename T, int kVectors = kTileVectors>
inline void tile_columns(int vectors, int rows, const T* x, int x_stride, const T* w, int depth,
                         T* acc, int acc_stride) {
  if constexpr (kVectors > 0) {
    if (vectors == kVectors)
      tile_rows<T, kVectors>(rows, x, x_stride, w, depth, acc, acc_stride);
    else
      tile_columns<T, kVectors - 1>(vectors, rows, x, x_stride, w, depth, acc, acc_stride);
  }
}

// Parts of nearly equal size, none over `limit`.
inline int part_start(int n, int limit, int i) {
  const int parts = (n + limit - 1) / limit;
  return static_cast<int>(static_cast<int64_t>(n) * i / parts);
}

template <typename T>
class Panels {
 public:
  // Packs a (depth, columns) matrix whose element (k, c) is w[k * row_stride + c * column_stride].
  Panels(const T* w, int depth, int columns, int row_stride, int column_stride)
      : depth_(depth),
        vectors_(vectors_for<T>(columns)),
        data_(zeros<T>(static_cast<size_t>(depth) * padded<T>(columns))) {
    constexpr int lanes = kLanes<T>;
    for (int p = 0; p < panels(); ++p) {
      const int first = start(p) * lanes, width = (start(p + 1) - start(p)) * lanes;
      T* panel = data_.get() + static_cast<size_t>(first) * depth_;
      for (int k = 0; k < depth; ++k)
        for (int c = 0; c < width && first + c < columns; ++c)
          panel[k * width + c] = w[k * row_stride + (first + c) * column_stride];
    }
  }

  // acc (rows, padded columns) += x (rows, depth) times the matrix.
  void multiply(const T* x, int x_stride, int rows, T* acc) const {
    constexpr int lanes = kLanes<T>;
    const int acc_stride = vectors_ * lanes;
    const int blocks = (rows + kTileRows - 1) / kTileRows;
    for (int p = 0; p < panels(); ++p) {
      const T* panel = data_.get() + static_cast<size_t>(start(p)) * lanes * depth_;
      for (int b = 0; b < blocks; ++b) {
        const int r = part_start(rows, kTileRows, b);
        tile_columns<T>(start(p + 1) - start(p), part_start(rows, kTileRows, b + 1) - r,
                        x + r * x_stride, x_stride, panel, depth_,
                        acc + r * acc_stride + start(p) * lanes, acc_stride);
      }
    }
  }

 private:
  int panels() const { return (vectors_ + kTileVectors - 1) / kTileVectors; }
  int start(int p) const { return part_start(vectors_, kTileVectors, p); }

  int depth_, vectors_;
  Buffer<T> data_;
};

}  // namespace simd
