"""Every model: published sizes, causality, gradients; the ELM against its literal form."""

import copy

import numpy as np
import pytest
import torch

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.sections import key_values
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import FAMILIES, option_values, parse_options, sized_options
from neuronio.surrogate.families.elm import BranchElmOptions
from neuronio.surrogate.families.tcn import TcnOptions
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import BAND, reference

SEGMENTS = 30
MODELS = list(FAMILIES)
SMALL = {"tcn": {"kernels": "5,3"}, "pooled_elm": {"clusters": 4}}

# Parameters of the published Branch-ELMs by number of memory units.
PUBLISHED_PARAMETERS = {
    1: 4601,
    2: 4708,
    3: 4823,
    5: 5077,
    7: 5363,
    10: 5852,
    15: 6827,
    20: 8002,
    25: 9377,
    30: 10952,
    40: 14702,
    50: 19252,
    75: 34127,
    100: 54002,
}


def small_model(name, **options):
    return build_model(
        name, sized_options(name, 6, {"inputs": 2 * SEGMENTS, **SMALL.get(name, {}), **options})
    )


def random_inputs(duration_ms, seed=0, rate=0.05):
    rng = np.random.default_rng(seed)
    return InputEvents.from_dense(*(rng.random((2, SEGMENTS, duration_ms)) < rate))


@pytest.mark.parametrize(("num_memory", "parameters"), PUBLISHED_PARAMETERS.items())
@pytest.mark.parametrize("name", ["branch_elm", "branch_elm_v2"])
def test_branch_elm_has_the_published_number_of_parameters(name, num_memory, parameters):
    model = build_model(name, sized_options(name, num_memory, {}))
    assert model.count_parameters() == parameters


def test_headline_tcn():
    model = build_model("tcn", TcnOptions())
    assert model.receptive_field_ms == 153
    assert model.count_parameters() == 9_232_002
    other = TcnOptions(depth=8, channels=(512, 384, 256, 128), kernels=(3, 5, 7, 9, 19, 39, 59, 83))
    assert 1 + sum(kernel - 1 for _, kernel in other.layers()) == 217
    assert [channels for channels, _ in other.layers()] == [512, 384, 256] + [128] * 5


@pytest.mark.parametrize("name", MODELS)
def test_outputs_gradients_and_counts(name):
    model = small_model(name)
    if hasattr(model, "current_bias"):  # a neuron that does not spike learns nothing of its reset
        model.current_bias.data.fill_(0.2)
    batch = EventBatch.from_inputs([random_inputs(40, seed) for seed in range(3)])
    out_bto = model(batch)
    assert out_bto.shape == (3, 40, 2)
    out_bto.square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.any(), parameter_name
    assert model.count_parameters() == sum(p.numel() for p in model.parameters())
    assert model.count_multiply_adds() > 0
    assert model.state_size() > 0


@pytest.mark.parametrize("name", MODELS)
def test_one_ms_at_a_time_equals_the_whole_window(name):
    model = small_model(name, outputs=4).eval()
    batch = EventBatch.from_inputs([random_inputs(90, seed) for seed in range(3)])
    with torch.no_grad():
        torch.testing.assert_close(Surrogate.forward(model, batch), model(batch))
        assert model(batch).shape == (3, 90, 4)


@pytest.mark.parametrize("name", MODELS)
def test_no_output_depends_on_later_inputs(name):
    model = small_model(name).eval()
    first, second = random_inputs(60, 1), random_inputs(60, 2)
    dense = np.concatenate([first.dense()[:, :35], second.dense()[:, 35:]], axis=1)
    mixed = InputEvents.from_dense(dense[:SEGMENTS], dense[SEGMENTS:])
    with torch.no_grad():
        out_bto = model(EventBatch.from_inputs([first, mixed]))
    for out_bt in out_bto.unbind(2):
        torch.testing.assert_close(out_bt[0, :35], out_bt[1, :35])
        assert not torch.allclose(out_bt[0, 35:], out_bt[1, 35:])


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_equal_torchs_own_on_dense_inputs(name, layers):
    model = small_model(name, layers=layers).double()
    batch = EventBatch.from_inputs([random_inputs(60, seed) for seed in range(3)])
    dense_btn = batch.dense().transpose(1, 2).double()
    found, wanted = model(batch), model.readout(model.layers(dense_btn)[0])
    torch.testing.assert_close(found, wanted)
    parameters = dict(model.named_parameters())
    gradients = [
        torch.autograd.grad(out.square().sum(), list(parameters.values()))
        for out in (found, wanted)
    ]
    for key, ours, theirs in zip(parameters, *gradients, strict=True):
        assert theirs.any(), key
        torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore:on meta")
@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_follows_the_model_to_another_device(name):
    """The meta device computes shapes only, and refuses to mix with tensors left on the CPU."""
    model = small_model(name).to("meta")
    out_bto = model(EventBatch.from_inputs([random_inputs(20)] * 2).to("meta"))
    assert out_bto.shape == (2, 20, 2)
    assert out_bto.device.type == "meta"


@pytest.mark.parametrize("name", ["tcn", "tcn_residual"])
def test_receptive_field_is_as_stated(name):
    model = small_model(name, depth=2).eval()
    field, duration_ms = model.receptive_field_ms, 80
    silent = np.zeros((SEGMENTS, duration_ms), dtype=bool)
    spike = silent.copy()
    spike[:, 10] = True
    inputs = [InputEvents.from_dense(x, x) for x in (silent, spike)]
    with torch.no_grad():
        difference = model(EventBatch.from_inputs(inputs)).diff(dim=0).squeeze(0).T
    reached = torch.nonzero(difference.abs().sum(0) > 1e-9).flatten()
    assert reached.min() == 10
    assert 10 + field - 3 <= reached.max() <= 10 + field - 1


@pytest.mark.parametrize("name", MODELS)
def test_seed_makes_the_weights_and_leaves_the_global_generator_alone(name):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again = (small_model(name).state_dict() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)


BRANCHES = {"num_branch": 7, "synapses_per_branch": 12}
ELMS = {
    "elm": ("elm", {}),
    "branch_elm": ("branch_elm", BRANCHES),
    "branch_elm_v2": ("branch_elm_v2", BRANCHES),
    "pooled": ("pooled_elm", {"clusters": 7}),
    "weighted": ("pooled_elm", {"clusters": 7, "weights": "synapse", "memory_gain": "v2"}),
    "embedded": ("elm_embedded", {"embedding": 5}),
}


@pytest.mark.filterwarnings("ignore:.* hidden layers")
@pytest.mark.parametrize(("name", "extra"), ELMS.values(), ids=ELMS)
@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize(("learn_tau", "mlp_layers"), [(False, 1), (True, 1), (True, 3)])
def test_elm_equals_its_literal_form(name, extra, activation, learn_tau, mlp_layers):
    """In float64 all forms agree; in float32 each is held against that, not against another."""
    options = {"activation": activation, "learn_tau": learn_tau, "mlp_layers": mlp_layers}
    model = small_model(name, **options, **extra)
    weights = [p for n, p in model.named_parameters() if n == "synapse_weight"]
    with torch.no_grad():
        for weight in weights:
            weight.uniform_(-0.2, 1.0, generator=torch.Generator().manual_seed(0))
    assert len(weights) == (extra not in ({"clusters": 7}, {"embedding": 5}))
    batch = EventBatch.from_inputs([random_inputs(150, seed) for seed in range(2)])

    def literal(elm):
        return elm.step_by_step(batch.dense().transpose(1, 2).to(elm.readout.weight.dtype))

    def compiled(elm):
        return elm(batch)

    def plain(elm):
        elm = copy.copy(elm)  # the same parameters
        elm.compute = reference
        return elm(batch)

    def values_and_gradients(form, elm):
        out_bto = form(elm)
        loss = out_bto[..., 0].sum() + out_bto[..., 1].square().sum()
        return out_bto, *torch.autograd.grad(loss, list(elm.parameters()))

    exact = copy.deepcopy(model).double()
    truth = values_and_gradients(literal, exact)
    cases = [(form, exact, 1e-12) for form in (compiled, plain)]
    cases += [(form, model, 5e-5) for form in (literal, compiled, plain)]
    for form, elm, tolerance in cases:
        for ours, theirs in zip(values_and_gradients(form, elm), truth, strict=True):
            assert (ours - theirs).norm() <= tolerance * theirs.norm().clamp(min=1e-6)


@pytest.mark.parametrize(
    ("later", "options"), [("branch_elm_v2", {}), ("pooled_elm", {"memory_gain": "v2"})]
)
def test_versions_differ_in_the_memory_gain_only(later, options):
    first, second = small_model(later.removesuffix("_v2")), small_model(later, **options)
    tau = first.tau_ms()
    decay, gain = first.decay_and_gain()
    torch.testing.assert_close(gain, 5 * (1 - torch.exp(-1 / tau)))
    other_decay, other_gain = second.decay_and_gain()
    assert torch.equal(decay, other_decay)
    torch.testing.assert_close(other_gain, 1 - torch.exp(-5 / tau))


def test_memory_time_constants_are_log_spaced():
    model = build_model("branch_elm", BranchElmOptions(num_memory=5))
    wanted = torch.logspace(0, np.log10(150), 5)
    torch.testing.assert_close(model.tau_ms(), wanted, rtol=1e-5, atol=1e-4)
    assert not model.tau_logit.requires_grad
    learned = build_model("branch_elm", BranchElmOptions(num_memory=5, learn_tau=True))
    assert learned.count_parameters() == model.count_parameters() + 5


def test_routing_interlaces_excitation_and_inhibition():
    model = build_model("branch_elm", BranchElmOptions())
    source, sign = (x.view(45, 100) for x in (model.synapse_source, model.synapse_sign))
    assert source[0, :4].tolist() == [0, 639, 1, 640]
    assert sign[0, :4].tolist() == [1, -1, 1, -1]
    assert source[1, 0].item() == 639 + 14  # branch 1 begins at place 29 of the interlaced inputs
    assert int((sign == 0).sum()) == 45 * 100 - sum(min(100, 1278 - 29 * j) for j in range(45))
    reached = torch.unique(source[sign != 0])
    assert len(reached) == 1278


@pytest.mark.parametrize(("clusters", "num_memory", "parameters"), [(20, 20, 3302), (8, 6, 368)])
def test_pooled_elm_is_small(clusters, num_memory, parameters):
    values = {"clusters": clusters}
    free = build_model("pooled_elm", sized_options("pooled_elm", num_memory, values))
    assert free.count_parameters() == parameters
    values["weights"] = "synapse"
    weighted = build_model("pooled_elm", sized_options("pooled_elm", num_memory, values))
    assert weighted.count_parameters() == parameters + 1278


@pytest.mark.parametrize("clusters", [1, 4, 7, SEGMENTS])
def test_pooled_elm_sums_stretches_of_segments_and_keeps_inhibition_apart(clusters):
    model = small_model("pooled_elm", clusters=clusters)
    kernel_nf = model.input_kernel()
    assert ((kernel_nf != 0).sum(1) == 1).all()
    feature_n = kernel_nf.argmax(1)
    assert torch.equal(feature_n[SEGMENTS:], feature_n[:SEGMENTS] + clusters)
    assert (feature_n[:SEGMENTS].diff() >= 0).all()  # stretches, in the order of the segments
    sizes = feature_n[:SEGMENTS].bincount(minlength=clusters)
    assert sizes.max() - sizes.min() <= 1
    assert len(kernel_nf[kernel_nf != 0].unique()) == 1  # no synapse counts more than another


@pytest.mark.parametrize(
    ("name", "options", "banded"),
    [
        ("branch_elm", {}, False),
        ("branch_elm", {"synapses_per_branch": 7}, True),
        ("branch_elm", {"num_branch": 1, "synapses_per_branch": 2 * SEGMENTS}, False),
        ("branch_elm", {"num_branch": 9, "synapses_per_branch": 2 * SEGMENTS}, False),
        ("pooled_elm", {"clusters": 1}, False),
        ("pooled_elm", {"clusters": 7}, True),
        ("elm", {}, False),
    ],
)
def test_the_band_of_an_input_holds_all_branches_that_it_reaches(name, options, banded):
    model = small_model(name, **options)
    assert (model.input_band is not None) == banded
    if banded:
        kernel_nj = model.input_kernel()
        branch_j, first_n1 = torch.arange(kernel_nj.shape[1]), model.input_band[:, None]
        outside = (branch_j < first_n1) | (branch_j >= first_n1 + BAND)
        assert not kernel_nj[outside].any()
        assert first_n1.min() >= 0
        assert first_n1.max() <= len(branch_j) - BAND


def test_elm_inhibition_opposes_excitation():
    model = small_model("elm")
    one = np.zeros((SEGMENTS, 20), dtype=bool)
    one[3, 5] = True
    none = np.zeros_like(one)
    excited, inhibited = InputEvents.from_dense(one, none), InputEvents.from_dense(none, one)
    with torch.no_grad():
        model.mlp[0].weight[:, SEGMENTS + 3] = model.mlp[0].weight[:, 3]
        drive = model.traces(EventBatch.from_inputs([excited, inhibited]))
    torch.testing.assert_close(drive[0], -drive[1])
    assert drive[0, 5:].any()


def test_recompute_gives_the_same_gradients():
    kept, anew = (small_model("branch_elm", recompute=recompute) for recompute in (False, True))
    batch = EventBatch.from_inputs([random_inputs(100)])
    for model in (kept, anew):
        model(batch).square().sum().backward()
    for first, second in zip(kept.parameters(), anew.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["lif", "lif2"])
def test_lif_fires_more_with_more_current(name):
    model = small_model(name)
    batch = EventBatch.from_inputs([random_inputs(200)])
    with torch.no_grad():
        fired = []
        for current in (0.0, 0.15, 0.5):
            model.bank.weight.zero_()
            model.current_bias.fill_(current)
            fired.append(int((model.potentials(batch)[..., 0] > 1.0).sum()))
    assert fired[0] == 0 < fired[1] < fired[2]


def test_event_batch_equals_its_dense_form():
    inputs = [random_inputs(30, seed) for seed in range(4)]
    batch = EventBatch.from_inputs(inputs)
    assert torch.equal(batch.dense(), torch.from_numpy(np.stack([i.dense() for i in inputs])))
    assert batch.to("cpu").n_rows == 4
    with pytest.raises(NeuronIOError, match="one length"):
        EventBatch.from_inputs([random_inputs(30), random_inputs(31)])


@pytest.mark.parametrize("name", MODELS)
def test_options_survive_json(name):
    options = parse_options(name, {})
    assert parse_options(name, option_values(options)) == options


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        ("elmo", {}, "there is no model 'elmo'; did you mean 'elm'"),
        ("branch_elm", {"num_memroy": 20}, "did you mean 'num_memory'"),
        ("branch_elm", {"num_memory": "twenty"}, "'num_memory' is 'twenty'"),
        ("branch_elm", {"num_memory": 0}, "'num_memory' is 0, .* or equal to 1"),
        ("branch_elm", {"num_memory": 2.5}, "'num_memory' is 2.5"),
        ("branch_elm", {"num_memory": True}, "'num_memory' is True"),
        ("branch_elm", {"activation": "gelu"}, "'relu' or 'silu'"),
        ("branch_elm", {"synapses_per_branch": 10}, "at least 29"),
        ("branch_elm", {"num_branch": 2000}, "at most inputs"),
        ("branch_elm", {"tau_max_ms": 0.5}, "above tau_min_ms"),
        ("pooled_elm", {"clusters": 640}, "at most 639, the number of segments"),
        ("branch_elm", {"learn_tau": "maybe"}, "'learn_tau' is 'maybe'"),
        ("tcn", {"kernels": "45,x"}, "'kernels.1' is 'x'"),
        ("tcn", {"kernels": ""}, "kernels"),
        ("tcn", {"kernels": [3, 3], "depth": 1}, "kernels has 2 numbers"),
        ("tcn", {"inputs": 7}, "inputs is 7 .* multiple of 2, .* signed to false"),
        ("lif", {"tau_min_ms": float("nan")}, "'tau_min_ms' is nan"),
    ],
)
def test_wrong_options_are_one_sentence(model, values, message):
    with pytest.raises(NeuronIOError, match=message) as error:
        parse_options(model, values)
    assert "\n" not in str(error.value)


def test_options_from_a_command_line():
    texts = ["num_memory=7", "learn_tau=true", "tau_max_ms=100", "memory_scale=5e-1"]
    options = parse_options("branch_elm", key_values(texts))
    assert (options.num_memory, options.learn_tau, options.tau_max_ms) == (7, True, 100.0)
    assert options.memory_scale == 0.5
    for text in ("kernels=45,19", "kernels=[45, 19]"):
        assert parse_options("tcn", key_values([text])).kernels == (45, 19)
    assert parse_options("tcn", key_values(["kernels=45"])).kernels == (45,)
    with pytest.raises(NeuronIOError, match="set by its size"):
        sized_options("branch_elm", 5, {"num_memory": 6})
