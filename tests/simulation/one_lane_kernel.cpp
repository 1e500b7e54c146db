// The kernel with one trial per call and plain numbers for lanes: what a GPU thread would run.

#include "step.h"

using namespace ensemble;

extern "C" void one_step(const Cell<LANE_REAL>* cell, const Variables<LANE_REAL>* at) {
  update_membrane(*cell, *at, true, true);
  eliminate(*cell, *at);
  substitute(*cell, *at);
  finish_step(*cell, *at);
}
