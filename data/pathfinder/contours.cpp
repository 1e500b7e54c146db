// Pathfinder images: two long contours of paddles, short distractors, two markers. The rules and
// their source stand in docs/long-horizon.md; __init__.py says what the settings are.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kFine = 2;   // paddles are drawn so many times larger, then reduced
constexpr int kLobes = 3;  // of the Lanczos kernel
constexpr double kTooMuch = 1.8;
constexpr int kDraws = 3;  // of a paddle
constexpr int kDistractorTries = 5;
constexpr int kMostTries = 1000000;  // of an image

struct Settings {
  int32_t window, length, paddles, seed_distance, distractors, distractor_paddles;
  int32_t margins, margin[2];
  double thickness, continuity, marker_radius;
  double contour_contrast, distractor_contrast, marker_contrast;
};

// What a caller may look at: contour (-1: none), then tail and head in fine cells (x, y).
struct PaddleRow {
  int32_t contour, tail_x, tail_y, head_x, head_y;
};

struct ImageRow {
  int32_t margin, tries, first_x, first_y, last_x, last_y;
};

// SplitMix64: the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  int below(int n) { return static_cast<int>(uniform() * n); }
  double angle() { return below(360) * kPi / 180; }

 private:
  uint64_t state_;
};

struct Cell {
  int x, y;
};

struct Paddle {
  Cell pivot, head;
  double angle;
};

Cell moved(Cell from, double angle, double distance) {
  return {from.x + static_cast<int>(std::lround(distance * std::cos(angle))),
          from.y + static_cast<int>(std::lround(distance * std::sin(angle)))};
}

std::vector<Cell> disc(double radius) {
  std::vector<Cell> cells;
  const int reach = static_cast<int>(radius);
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x)
      if (std::hypot(x, y) <= radius) cells.push_back({x, y});
  return cells;
}

std::vector<Cell> circle(int radius) {
  std::vector<Cell> cells;
  for (int y = -radius; y <= radius; ++y)
    for (int x = -radius; x <= radius; ++x)
      if (std::lround(std::hypot(x, y)) == radius) cells.push_back({x, y});
  return cells;
}

double lanczos(double x) {
  if (std::abs(x) < 1e-12) return 1;
  if (std::abs(x) >= kLobes) return 0;
  return kLobes * std::sin(kPi * x) * std::sin(kPi * x / kLobes) / (kPi * kPi * x * x);
}

class Square {
 public:
  explicit Square(int side) : side_(side), values_(static_cast<size_t>(side) * side, 0.0f) {}
  int side() const { return side_; }
  bool has(int x, int y) const { return x >= 0 && y >= 0 && x < side_ && y < side_; }
  float& at(int x, int y) { return values_[static_cast<size_t>(y) * side_ + x]; }
  float at(int x, int y) const { return values_[static_cast<size_t>(y) * side_ + x]; }
  void raise(int x, int y, float value) {
    if (has(x, y)) at(x, y) = std::max(at(x, y), value);
  }
  float most() const { return *std::max_element(values_.begin(), values_.end()); }

 private:
  int side_;
  std::vector<float> values_;
};

// What each of `side` cells takes from the finer ones, (side, fine).
std::vector<double> shares(int fine, int side) {
  const double ratio = double(fine) / side;
  std::vector<double> weight(static_cast<size_t>(side) * fine);
  for (int i = 0; i < side; ++i) {
    double* row = weight.data() + static_cast<size_t>(i) * fine;
    double sum = 0;
    for (int j = 0; j < fine; ++j) sum += row[j] = lanczos((j + 0.5) / ratio - (i + 0.5));
    for (int j = 0; j < fine; ++j) row[j] /= sum;
  }
  return weight;
}

// A square of fewer cells, limited to 0..1.
Square reduced(const Square& fine, int side) {
  const int n = fine.side();
  const std::vector<double> weight = shares(n, side);
  std::vector<double> half(static_cast<size_t>(n) * side, 0.0);
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < side; ++x) {
      double& sum = half[static_cast<size_t>(y) * side + x];
      for (int i = 0; i < n; ++i) sum += weight[static_cast<size_t>(x) * n + i] * fine.at(i, y);
    }
  Square out(side);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      double sum = 0;
      for (int i = 0; i < n; ++i)
        sum += weight[static_cast<size_t>(y) * n + i] * half[static_cast<size_t>(i) * side + x];
      out.at(x, y) = static_cast<float>(std::clamp(sum, 0.0, 1.0));
    }
  return out;
}

// A disc whose centre is the middle cell.
Square round_marker(double radius) {
  const int reach = static_cast<int>(std::ceil(radius)) + kLobes, side = 2 * reach + 1;
  const int middle = kFine * reach;
  Square fine(kFine * side);
  for (const Cell& c : disc(kFine * radius)) fine.raise(middle + c.x, middle + c.y, 1);
  return reduced(fine, side);
}

void stamp(const Square& stencil, Cell centre, double contrast, Square& canvas) {
  const int reach = stencil.side() / 2;
  for (int y = 0; y < stencil.side(); ++y)
    for (int x = 0; x < stencil.side(); ++x)
      canvas.raise(centre.x - reach + x, centre.y - reach + y,
                   static_cast<float>(contrast * stencil.at(x, y)));
}

bool overlaps(const Square& stencil, Cell centre, const Square& occupied) {
  const int reach = stencil.side() / 2;
  for (int y = 0; y < stencil.side(); ++y)
    for (int x = 0; x < stencil.side(); ++x) {
      const double here = stencil.at(x, y);
      if (here < kTooMuch - 1) continue;  // nothing is more than fully occupied
      const int cx = centre.x - reach + x, cy = centre.y - reach + y;
      if (here + (occupied.has(cx, cy) ? occupied.at(cx, cy) : 1.0) >= kTooMuch) return true;
    }
  return false;
}

// Draws images with one margin.
class Painter {
 public:
  Painter(const Settings& s, int margin)
      : s_(s),
        margin_(margin),
        reach_(s.length + margin + static_cast<int>(std::ceil(s.thickness))),
        pen_(disc((kFine * s.thickness - 1) / 2)),
        broad_(disc(kFine * margin)),
        near_(disc(margin)),
        circle_(circle(s.length + margin)),
        marker_(round_marker(s.marker_radius)),
        lines_(ends()),
        masks_(ends()) {}

  // One try; false where a contour found no way on.
  bool paint(Random& random, int label, uint8_t* image, PaddleRow* rows, ImageRow& about) const;

 private:
  struct Contour {
    std::vector<Paddle> paddles;
    const Square* newest = nullptr;  // mask of the last paddle, which is not yet in `occupied`
  };

  size_t ends() const { return static_cast<size_t>(across()) * across(); }
  int across() const { return 2 * kFine * s_.length + 1; }
  const Square& line(const Paddle& paddle) const { return drawn(paddle, lines_, false); }
  const Square& mask(const Paddle& paddle) const { return drawn(paddle, masks_, true); }
  using Stencils = std::vector<std::optional<Square>>;
  const Square& drawn(const Paddle& paddle, Stencils& known, bool broad) const;
  Square draw(Cell end, bool broad) const;
  bool accept(const Paddle& paddle, Contour& contour, Square& occupied) const;
  bool begin(Cell tail, double angle, Contour& contour, Square& occupied) const;
  bool grow(Random& random, Contour& contour, Square& occupied) const;
  void finish(Contour& contour, Square& occupied) const;
  bool distract(Random& random, Contour& contour, Square& occupied) const;
  bool seed(Random& random, Contour (&pair)[2], Square& occupied) const;

  const Settings s_;
  const int margin_, reach_;
  const std::vector<Cell> pen_, broad_, near_, circle_;
  const Square marker_;
  mutable Stencils lines_, masks_;  // by the paddle's other end, drawn when first asked for
};

// The other end of a paddle, in fine cells from its head's.
Cell back(const Paddle& paddle, int length) {
  return moved({0, 0}, paddle.angle + kPi, kFine * length);
}

const Square& Painter::drawn(const Paddle& paddle, Stencils& known, bool broad) const {
  const Cell end = back(paddle, s_.length);
  const int middle = kFine * s_.length;
  auto& found = known[static_cast<size_t>(end.y + middle) * across() + end.x + middle];
  if (!found) found = draw(end, broad);
  return *found;
}

// A paddle around its head, or all that is within the margin of it.
Square Painter::draw(Cell end, bool broad) const {
  const int middle = kFine * reach_, side = 2 * middle + 1;
  Square thin(side), wide(side);
  const int steps = std::max({std::abs(end.x), std::abs(end.y), 1});
  for (int i = 0; i <= steps; ++i) {
    const int x = middle + static_cast<int>(std::lround(double(end.x) * i / steps));
    const int y = middle + static_cast<int>(std::lround(double(end.y) * i / steps));
    for (const Cell& c : pen_) thin.raise(x + c.x, y + c.y, 1);
  }
  if (!broad) return reduced(thin, 2 * reach_ + 1);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      if (thin.at(x, y) > 0)
        for (const Cell& c : broad_) wide.raise(x + c.x, y + c.y, 1);
  return reduced(wide, 2 * reach_ + 1);
}

// The newest paddle of a contour is not in what is occupied, where it would stop the next one.
bool Painter::accept(const Paddle& paddle, Contour& contour, Square& occupied) const {
  if (overlaps(mask(paddle), paddle.head, occupied)) return false;
  finish(contour, occupied);
  contour.paddles.push_back(paddle);
  contour.newest = &mask(paddle);
  return true;
}

void Painter::finish(Contour& contour, Square& occupied) const {
  if (contour.newest) stamp(*contour.newest, contour.paddles.back().head, 1, occupied);
  contour.newest = nullptr;
}

bool Painter::begin(Cell tail, double angle, Contour& contour, Square& occupied) const {
  const Paddle first{moved(tail, angle, -margin_), moved(tail, angle, s_.length), angle};
  return accept(first, contour, occupied);
}

bool Painter::grow(Random& random, Contour& contour, Square& occupied) const {
  const Paddle last = contour.paddles.back();
  const Cell pivot = moved(last.pivot, last.angle, s_.length + 2 * margin_);
  std::vector<Paddle> heads;
  std::vector<double> sums;
  double sum = 0;
  for (const Cell& c : circle_) {
    const Cell head{pivot.x + c.x, pivot.y + c.y};
    const double angle = std::atan2(c.y, c.x);
    const double turn = std::abs(std::remainder(angle - last.angle, 2 * kPi));
    if (!occupied.has(head.x, head.y) || s_.continuity * turn >= kPi / 2) continue;
    const double straight = std::cos(s_.continuity * turn);
    float most = 0;
    for (const Cell& n : near_)
      if (occupied.has(head.x + n.x, head.y + n.y))
        most = std::max(most, occupied.at(head.x + n.x, head.y + n.y));
    heads.push_back({pivot, head, angle});
    sums.push_back(sum += (1 - most) * straight * straight);
  }
  if (!(sum > 1e-12)) return false;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double at = random.uniform() * sum;
    const auto i = std::upper_bound(sums.begin(), sums.end(), at) - sums.begin();
    if (accept(heads[std::min<size_t>(i, heads.size() - 1)], contour, occupied)) return true;
  }
  return false;
}

bool Painter::seed(Random& random, Contour (&pair)[2], Square& occupied) const {
  const int edge = 2 * s_.seed_distance, free = s_.window - 2 * edge;
  const Cell first{edge + random.below(free), edge + random.below(free)};
  const Cell second = moved(first, random.angle(), s_.seed_distance);
  return begin(first, random.angle(), pair[0], occupied) &&
         begin(second, random.angle(), pair[1], occupied);
}

// Each try begins with a paddle that fits, at any of the places where it does.
bool Painter::distract(Random& random, Contour& contour, Square& occupied) const {
  for (int i = 0; i < kDistractorTries; ++i) {
    Square with = occupied;
    const double angle = random.angle();
    bool whole = false;
    for (int n = s_.window * s_.window; !whole && n > 0; --n) {
      contour = Contour();
      whole = begin({random.below(s_.window), random.below(s_.window)}, angle, contour, with);
    }
    for (int n = 1; whole && n < s_.distractor_paddles; ++n) whole = grow(random, contour, with);
    if (!whole) continue;
    finish(contour, with);
    occupied = std::move(with);
    return true;
  }
  return false;
}

bool Painter::paint(Random& random, int label, uint8_t* image, PaddleRow* rows,
                    ImageRow& about) const {
  Square occupied(s_.window);
  for (int i = 0; i < s_.window; ++i)
    for (int edge : {0, s_.window - 1}) occupied.at(i, edge) = occupied.at(edge, i) = 1;
  Contour pair[2];
  if (!seed(random, pair, occupied)) return false;
  for (int n = 1; n < s_.paddles; ++n)
    for (Contour& contour : pair)
      if (!grow(random, contour, occupied)) return false;
  for (Contour& contour : pair) finish(contour, occupied);
  std::vector<Contour> all(pair, pair + 2);
  for (int i = 0; i < s_.distractors; ++i) {
    Contour distractor;
    if (distract(random, distractor, occupied)) all.push_back(std::move(distractor));
  }

  Square canvas(s_.window);
  for (size_t k = 0; k < all.size(); ++k)
    for (const Paddle& p : all[k].paddles) {
      const double contrast = k < 2 ? s_.contour_contrast : s_.distractor_contrast;
      stamp(line(p), p.head, contrast, canvas);
      const Cell end = back(p, s_.length), head{kFine * p.head.x, kFine * p.head.y};
      *rows++ = {static_cast<int>(k), head.x + end.x, head.y + end.y, head.x, head.y};
    }
  const int one = random.below(2);
  const Paddle& start = pair[one].paddles.front();
  const Cell end = back(start, s_.length);
  const Cell first{start.head.x + end.x / kFine, start.head.y + end.y / kFine};
  const Cell last = pair[label ? one : 1 - one].paddles.back().head;
  for (const Cell& tip : {first, last}) stamp(marker_, tip, s_.marker_contrast, canvas);
  about.first_x = first.x, about.first_y = first.y, about.last_x = last.x, about.last_y = last.y;
  const float most = canvas.most();
  for (int y = 0; y < s_.window; ++y)
    for (int x = 0; x < s_.window; ++x)
      *image++ = static_cast<uint8_t>(std::lround(255.0 * canvas.at(x, y) / most));
  return true;
}

}  // namespace

extern "C" {

int settings_bytes() { return sizeof(Settings); }

// Paint n images from their seeds. Images are (n, window, window), paddles (n, all paddles), filled
// with -1 by the caller. Returns n, or which image could not be made.
int64_t paint(const Settings* settings, int64_t n, const uint64_t* seeds, const int8_t* labels,
              uint8_t* images, int32_t* paddles, int32_t* about) {
  const Settings& s = *settings;
  const int64_t rows = 2 * s.paddles + int64_t(s.distractors) * s.distractor_paddles;
  std::vector<Painter> painters;
  for (int m = 0; m < s.margins; ++m) painters.emplace_back(s, s.margin[m]);
  for (int64_t i = 0; i < n; ++i) {
    Random random(seeds[i]);
    const int which = random.below(s.margins);
    auto* of_image = reinterpret_cast<PaddleRow*>(paddles) + i * rows;
    auto& told = reinterpret_cast<ImageRow*>(about)[i];
    told.margin = s.margin[which];
    told.tries = 1;
    uint8_t* image = images + i * int64_t(s.window) * s.window;
    while (!painters[which].paint(random, labels[i], image, of_image, told))
      if (++told.tries > kMostTries) return i;
  }
  return n;
}
}
