// How many numbers a vector register of this machine holds.

#include "vector.h"

extern "C" int lane_count(int bytes_per_value) { return simd::kVectorBytes / bytes_per_value; }
