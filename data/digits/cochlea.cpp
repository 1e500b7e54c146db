// Hair cells, fibres and bushy cells of docs/spoken-digits.md; arrays are (channels, samples).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

constexpr int kLanes = 8;
// ln(1 - P) of a spike that comes as good as surely.
constexpr double kCertain = -40;

struct HairCell {
  double y, g, l, r, X, A, B, h, M, q, c, w, dt;
};

// Eight channels side by side, so that their steps fill vectors. Channels that are not there
// repeat the last one.
template <class Real>
void release(int64_t channels, int64_t samples, const HairCell& cell, const Real* velocity,
             double* out) {
  for (int64_t first = 0; first < channels; first += kLanes) {
    const Real* x[kLanes];
    double* probability[kLanes];
    for (int i = 0; i < kLanes; i++) {
      const int64_t channel = std::min(first + i, channels - 1);
      x[i] = velocity + channel * samples;
      probability[i] = out + channel * samples;
    }
    double q[kLanes], c[kLanes], w[kLanes], stimulus[kLanes];
    std::fill_n(q, kLanes, cell.q);
    std::fill_n(c, kLanes, cell.c);
    std::fill_n(w, kLanes, cell.w);
    for (int64_t t = 0; t < samples; t++) {
      for (int i = 0; i < kLanes; i++) stimulus[i] = x[i][t];
      for (int i = 0; i < kLanes; i++) {
        const double open = std::max(stimulus[i] + cell.A, 0.0);
        const double released = cell.g * open / (open + cell.B) * q[i];
        const double made = cell.y * std::max(cell.M - q[i], 0.0);
        const double processed = cell.X * w[i], returned = cell.r * c[i];
        q[i] += cell.dt * (made + processed - released);
        w[i] = std::max(w[i] + cell.dt * (returned - processed), 0.0);
        c[i] += cell.dt * (released - cell.l * c[i] - returned);
        stimulus[i] = std::min(std::max(cell.h * c[i] * cell.dt, 0.0), 1.0);
      }
      for (int i = 0; i < kLanes; i++) probability[i][t] = stimulus[i];
    }
  }
}

// xoshiro256++ (Blackman and Vigna 2019), started by splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }
  // From an exponential distribution of mean 1.
  double exponential() { return -std::log(double((next() >> 11) + 1) * 0x1p-53); }

 private:
  static uint64_t turned(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  uint64_t next() {
    uint64_t* s = state_;
    const uint64_t result = turned(s[0] + s[3], 23) + s[0], shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = turned(s[3], 45);
    return result;
  }
  uint64_t state_[4];
};

// The first place from `from` on where the rising sum reaches `target`: steps that double, then
// halves.
int64_t reached(const double* sum, int64_t from, int64_t samples, double target) {
  int64_t step = 64, low = from;
  while (low + step < samples && sum[low + step] < target) {
    low += step;
    step *= 2;
  }
  return std::lower_bound(sum + low, sum + std::min(low + step + 1, samples), target) - sum;
}

}  // namespace

extern "C" {

void release_f32(int64_t channels, int64_t samples, const HairCell* cell, const float* velocity,
                 double* out) {
  release(channels, samples, *cell, velocity, out);
}

void release_f64(int64_t channels, int64_t samples, const HairCell* cell, const double* velocity,
                 double* out) {
  release(channels, samples, *cell, velocity, out);
}

// A sample with probability P fires where the running sum of -ln(1 - P) passes the sum at the end
// of the dead time plus a number from an exponential distribution: as one draw for each sample.
void fibres(int64_t channels, int64_t samples, int64_t fibres, int64_t dead,
            const double* probability, const uint64_t* seeds, int32_t* out) {
  std::vector<double> sum(samples);
  for (int64_t channel = 0; channel < channels; channel++) {
    const double* p = probability + channel * samples;
    int32_t* count = out + channel * samples;
    double total = 0;
    for (int64_t t = 0; t < samples; t++) {
      total -= std::max(std::log1p(-p[t]), kCertain);
      sum[t] = total;
    }
    Random random(seeds[channel]);
    for (int64_t fibre = 0; fibre < fibres; fibre++) {
      for (int64_t free = 0; free < samples;) {
        const double before = free ? sum[free - 1] : 0;
        const int64_t t = reached(sum.data(), free, samples, before + random.exponential());
        if (t == samples) break;
        count[t]++;
        free = t + dead;
      }
    }
  }
}

// constants: decay of the current and of the potential in a sample, gain of a sample.
void bushy(int64_t channels, int64_t samples, int64_t refractory, const double* constants,
           const int32_t* fibres, uint8_t* out) {
  const double current_decay = constants[0], decay = constants[1], gain = constants[2];
  for (int64_t channel = 0; channel < channels; channel++) {
    const int32_t* count = fibres + channel * samples;
    uint8_t* spike = out + channel * samples;
    double current = 0, potential = 0;
    int64_t waits = 0;
    for (int64_t t = 0; t < samples; t++) {
      current = current * current_decay + count[t];
      if (waits > 0) {
        waits--;
        continue;
      }
      potential = potential * decay + gain * current;
      if (potential >= 1) {
        spike[t] = 1;
        potential = 0;
        waits = refractory;
      }
    }
  }
}

}  // extern "C"
