"""An ELM as a C++17 header that needs nothing but itself."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from string import Template

import numpy as np

from neuronio.surrogate.elm_step import ElmStep, elm_step
from neuronio.surrogate.export.facts import facts
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.load import LoadedModel
from neuronio.surrogate.protocol import SomaScale

WIDTH = 100
ACTIVATIONS = {"relu": "a[i] < 0.0f ? 0.0f : a[i]", "silu": "a[i] / (1.0f + std::exp(-a[i]))"}
# What C++ (up to C++20) or a program of it has for itself, and no namespace may be called.
TAKEN = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
constinit continue decltype default delete do double dynamic_cast else enum explicit export
extern false float for friend goto if inline int long main mutable namespace new noexcept not
not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires
return short signed sizeof static static_assert static_cast std struct switch template this
thread_local throw true try typedef typeid typename union unsigned using virtual void volatile
wchar_t while xor xor_eq linux unix i386
"""
# Functions and types of <cmath>, which stand in the global namespace too, most also with f or l.
CMATH = """
abs acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh div drem erf erfc exp exp10
exp2 expm1 fabs fdim finite floor fma fmax fmin fmod frexp gamma hypot ilogb j0 j1 jn labs ldexp
ldiv lgamma llabs lldiv llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint
nextafter nexttoward pow pow10 remainder remquo rint round scalb scalbln scalbn signbit significand
signgam sin sincos sinh sqrt tan tanh tgamma trunc y0 y1 yn double_t float_t fpclassify isfinite
isgreater isgreaterequal isinf isless islessequal islessgreater isnan isnormal isunordered
"""
ADD_BRANCHES = """\
    for (int i = 0; i < kHidden; ++i) {
      float sum = 0.0f;
      for (int c = 0; c < kChannels; ++c) sum += kBranchWeight[i][c] * trace_[c];
      a[i] += sum;
    }"""
ADD_TRACES = "    for (int i = 0; i < kHidden; ++i) a[i] += trace_[i];"


def header(loaded: LoadedModel, name: str) -> str:
    """The header's text; what it holds stands in a namespace called `name`.

    Raises:
        NeuronIOError: the model is no ELM.
    """
    step, scale, told = elm_step(loaded.module), SomaScale(), facts(loaded)
    synapses, channels = step.kernel.shape
    name = re.sub(r"\W", "_", name)
    template = Template(Path(__file__).with_name("elm.h.in").read_text())
    return template.substitute(
        name=name if name[:1].isalpha() and not _taken(name) else f"model_{name}",
        label=FAMILIES[loaded.name].label,
        parameters=f"{loaded.module.count_parameters():,}",
        facts="\n".join(_comment(f"{key}: {value}") for key, value in told.items()),
        synapses=synapses,
        last_synapse=synapses - 1,
        channels=channels,
        hidden=len(step.bias),
        memory=len(step.move),
        state=loaded.module.state_size(),
        clip_mV=f"{scale.clip_mV:g}",
        threshold=_threshold(loaded.threshold),
        trace_decay=_number(step.trace_decay),
        soma_scale=_number(scale.scale),
        soma_shift_mV=_number(scale.shift_mV),
        arrays="\n".join(_arrays(step)),
        drive=ADD_TRACES if step.branch_weight is None else ADD_BRANCHES,
        layers="\n".join(_layers(len(step.layers))),
        activation=ACTIVATIONS[step.activation],
    )


def _taken(name: str) -> bool:
    words, functions = {*TAKEN.split()}, {*CMATH.split()}
    return name in words or bool({name, name.removesuffix("f"), name.removesuffix("l")} & functions)


def _arrays(step: ElmStep) -> list[str]:
    synapse, channel = np.nonzero(step.kernel)
    first = np.searchsorted(synapse, np.arange(len(step.kernel) + 1))
    # A model may have no synapse with a weight, but C++ has no empty array.
    added = step.kernel[synapse, channel] if len(synapse) else np.zeros(1, np.float32)
    arrays: dict[str, np.ndarray] = {
        "kFirst": first,
        "kChannel": channel if len(channel) else np.zeros(1, np.int64),
        "kAdded": added,
        "kMemoryDecay": step.memory_decay,
        "kMove": step.move,
        "kMemoryWeight": step.memory_weight,
        "kBias": step.bias,
        "kReadoutWeight": step.readout[0][:2],
        "kReadoutBias": step.readout[1][:2],
    }
    if step.branch_weight is not None:
        arrays["kBranchWeight"] = step.branch_weight
    for i, (weight, bias) in enumerate(step.layers):
        arrays |= {f"kWeight{i}": weight, f"kBias{i}": bias}
    return [_array(name, values) for name, values in arrays.items()]


def _layers(count: int) -> list[str]:
    """The layers after the first: all but the last are hidden ones."""
    lines = []
    for i in range(count - 1):
        lines += [
            f"    float a{i}[kHidden] = {{}};",
            f"    layer(kWeight{i}, kBias{i}, {f'a{i - 1}' if i else 'a'}, a{i});",
            f"    activate(a{i});",
        ]
    before = f"a{count - 2}" if count > 1 else "a"
    last = count - 1
    return [
        *lines,
        "    float proposal[kMemory] = {};",
        f"    layer(kWeight{last}, kBias{last}, {before}, proposal);",
    ]


def _array(name: str, values: np.ndarray) -> str:
    kind = "int" if np.issubdtype(values.dtype, np.integer) else "float"
    shape = "".join(f"[{n}]" for n in values.shape)
    if values.ndim == 1:
        return f"inline constexpr {kind} {name}{shape} = {_braces(values)};"
    rows = ",\n".join(_braces(row) for row in values)
    return f"inline constexpr {kind} {name}{shape} = {{\n{rows}}};"


def _braces(values: np.ndarray) -> str:
    told = map(str, values) if np.issubdtype(values.dtype, np.integer) else map(_number, values)
    return "\n".join(textwrap.wrap(f"{{{', '.join(told)}}}", WIDTH, subsequent_indent="    "))


def _number(value: float) -> str:
    """A float literal that gives the same float again."""
    told = f"{np.float32(value):.9g}"
    return f"{told}f" if "." in told or "e" in told else f"{told}.0f"


def _threshold(logit: float | None) -> str:
    if logit is None:
        return ""
    return (
        "// Logit that a peak must reach to count as a spike, chosen on validation trials. A\n"
        "// peak is the largest logit within 2 ms: more ms than spikes are above it. The\n"
        "// probability of a spike in a ms with the logit x is 1 / (1 + exp(-x)).\n"
        f"inline constexpr float kSpikeThresholdLogit = {_number(logit)};\n"
    )


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="// ", subsequent_indent="//   ")
