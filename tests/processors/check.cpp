// The compiled kernels beside the C library and plain loops, on whichever processor this runs.
// Prints the largest error of each: of a function in units in the last place, of a kernel as it is.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "vector.h"

extern "C" {
void memory_forward_f32(const int* shape, float* const* arrays);
void memory_forward_f64(const int* shape, double* const* arrays);
void rotate_f32(const int* shape, int reverse, const float* turn, const float* x, float* y);
void rotate_f64(const int* shape, int reverse, const double* turn, const double* x, double* y);
}

namespace {

// Numbers between -1 and 1 that are the same everywhere.
double draw() {
  static uint64_t state = 1;
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return double(state >> 11) / (1ull << 52) - 1;
}

template <class R>
std::vector<R> drawn(int n, double scale = 1) {
  std::vector<R> values(n);
  for (R& value : values) value = R(scale * draw());
  return values;
}

template <class R, class Ours, class Wanted>
void function(const char* name, double low, double high, const Ours& ours, const Wanted& wanted) {
  constexpr int lanes = simd::kLanes<R>;
  const double unit = sizeof(R) == 4 ? 0x1p-23 : 0x1p-52;
  double worst = 0;
  for (int k = 0; k < 2000; k += lanes) {
    R x[lanes], y[lanes];
    for (R& value : x) value = R(low + (high - low) * (draw() + 1) / 2);
    simd::store(y, ours(simd::load(x)));
    for (int lane = 0; lane < lanes; lane++) {
      const double exact = wanted(double(x[lane]));
      worst = std::fmax(worst, std::fabs((y[lane] - exact) / exact) / unit);
    }
  }
  std::printf("%s_%zu %g\n", name, 8 * sizeof(R), worst);
}

template <class R>
void functions() {
  using V = simd::Vec<R>;
  function<R>("tanh", -20, 20, simd::tanh_of<V>, [](double x) { return std::tanh(x); });
  function<R>("sigmoid", -80, 80, simd::sigmoid_of<V>,
              [](double x) { return 1 / (1 + std::exp(-x)); });
  function<R>("exp2", -99, 99, simd::exp2_of<V>, [](double x) { return std::exp2(x); });
  function<R>("one_minus_exp2", -20, 20, simd::one_minus_exp2<V>,
              [](double x) { return -std::expm1(x * std::log(2.0)); });
  function<R>("log2", 2, 1e6, simd::log2_of<V>, [](double x) { return std::log2(x); });
  function<R>("reciprocal", -9, 9, simd::reciprocal<V>, [](double x) { return 1 / x; });
}

// The ELM memory (memory.cpp) with ReLU in two threads.
template <class R, class Kernel>
void recursion(const char* name, const Kernel& kernel) {
  const int rows = 9, duration = 40, units = 7, hidden = 11, inputs = 5;
  const int shape[] = {rows, duration, units, hidden, inputs, 0, 2};
  auto x = drawn<R>(rows * duration * inputs);
  auto wm = drawn<R>(hidden * units, 0.3), wi = drawn<R>(hidden * inputs), bias = drawn<R>(hidden);
  auto wp = drawn<R>(units * hidden, 0.3), after = drawn<R>(units);
  std::vector<R> decay(units, R(0.9)), gain(units, R(0.1)), found(rows * duration * units);
  R* arrays[] = {x.data(),     wm.data(),    wi.data(),   bias.data(),  wp.data(), after.data(),
                 decay.data(), gain.data(), found.data(), nullptr,      nullptr};
  kernel(shape, arrays);
  double worst = 0;
  for (int row = 0; row < rows; row++) {
    std::vector<double> memory(units, 0.0), active(hidden);
    for (int t = row * duration; t < (row + 1) * duration; t++) {
      for (int d = 0; d < units; d++) memory[d] *= decay[d];
      for (int h = 0; h < hidden; h++) {
        double sum = bias[h];
        for (int d = 0; d < units; d++) sum += wm[h * units + d] * memory[d];
        for (int i = 0; i < inputs; i++) sum += wi[h * inputs + i] * double(x[t * inputs + i]);
        active[h] = std::fmax(sum, 0.0);
      }
      for (int d = 0; d < units; d++) {
        double sum = after[d];
        for (int h = 0; h < hidden; h++) sum += wp[d * hidden + h] * active[h];
        memory[d] += gain[d] * 1.7159 * std::tanh(sum * 2 / 3);
        worst = std::fmax(worst, std::fabs(memory[d] - found[t * units + d]));
      }
    }
  }
  std::printf("%s %g\n", name, worst);
}

template <class R, class Kernel>
void rotation(const char* name, const Kernel& kernel) {
  const int rows = 3, duration = 50, half = 5, all = 2 * half;
  const int shape[] = {rows, duration, 0, 0, all, 2};
  const auto turn = drawn<R>(all, 0.7), x = drawn<R>(rows * duration * all);
  std::vector<R> found(rows * duration * all);
  kernel(shape, 0, turn.data(), x.data(), found.data());
  double worst = 0;
  for (int row = 0; row < rows; row++) {
    for (int c = 0; c < half; c++) {
      double re = 0, im = 0;
      for (int t = row * duration; t < (row + 1) * duration; t++) {
        const double real = turn[c] * re - turn[half + c] * im + x[t * all + c];
        im = turn[c] * im + turn[half + c] * re + x[t * all + half + c];
        re = real;
        worst = std::fmax(worst, std::fabs(re - found[t * all + c]));
        worst = std::fmax(worst, std::fabs(im - found[t * all + half + c]));
      }
    }
  }
  std::printf("%s %g\n", name, worst);
}

// Subnormal numbers are 0 while the guard lives, and not after.
void mode() {
  volatile double smallest = 0x1p-1022, inside, outside;
  {
    const simd::FlushSubnormals flush;
    inside = smallest * 0.5;
  }
  outside = smallest * 0.5;
  std::printf("flushed %d\nkept %d\n", inside == 0, outside != 0);
}

}  // namespace

int main() {
  functions<float>();
  functions<double>();
  recursion<float>("memory_32", memory_forward_f32);
  recursion<double>("memory_64", memory_forward_f64);
  rotation<float>("rotation_32", rotate_f32);
  rotation<double>("rotation_64", rotate_f64);
  mode();
}
