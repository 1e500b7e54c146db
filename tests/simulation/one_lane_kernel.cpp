// The kernel with one trial per call and plain numbers for lanes: what a GPU thread would run.

#include "step.h"

using namespace ensemble;

template <class V, class Gates>
static void step_of(const Cell<V>& cell, const Variables<V>& at) {
  eliminate<V, Gates, true>(cell, at);
  substitute(cell, at);
  finish_step<V, Gates>(cell, at);
}

extern "C" {
void step_float(const Cell<float>* cell, const Variables<float>* at) {
  step_of<float, ExactGates<float>>(*cell, *at);
}
void step_float_tables(const Cell<float>* cell, const Variables<float>* at) {
  step_of<float, TabulatedGates<float>>(*cell, *at);
}
void step_double(const Cell<double>* cell, const Variables<double>* at) {
  step_of<double, ExactGates<double>>(*cell, *at);
}
}
