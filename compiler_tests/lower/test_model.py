"""What comes out of lowering behaves like any module: state, copies, pickles, ties, devices, caches."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch.func import functional_call, grad, vmap

from compiler_tests.lower.models import assert_equal_tensors, gradients, graph, model, tokens
from moedsl.checker.run import check
from moedsl.lower.model import lower
from moedsl.lower.output import Output
from moedsl.names import MODULE_ATTRIBUTES, is_free_for_modules


def test_keys_of_the_state_are_paths_of_the_spec():
    keys = set(model().state_dict())
    assert keys == set(graph().params)
    assert {"embed.table", "decoder.layers.3.moe.experts.w_in", "decoder.layers.2.ffn.w_in", "head.weight"} <= keys


def test_everything_is_returned_and_nothing_kept_on_modules():
    small = model()
    before = {name: set(vars(m)) for name, m in small.named_modules()}
    out = small(tokens())
    assert isinstance(out, Output)
    assert out.logits.shape == (2, 6, 16)
    assert list(out.losses) == [f"decoder.layers.{i}.moe.loss.load_balance" for i in (0, 1, 3)]
    assert {name: int(load.sum()) for name, load in out.loads.items()} == {
        f"decoder.layers.{i}.moe": 2 * 6 * 2 for i in (0, 1, 3)
    }
    assert out.caches is None
    assert {name: set(vars(m)) for name, m in small.named_modules()} == before


def test_a_model_without_a_head_returns_hidden_states():
    out = model(head="")(tokens())
    assert out.hidden is out.logits
    assert out.hidden.shape == (2, 6, 8)


def test_the_carry_reaches_the_next_layer():
    """The same layers in the same state, with and without a memory of the layer before."""
    kept, forgotten = model(), model(momentum="momentum heavy_ball { mu = 0.0 }")
    forgotten.load_state_dict(kept.state_dict())
    first = [m.get_submodule("decoder.layers.0") for m in (kept, forgotten)]
    x, positions = torch.randn(1, 3, 8, dtype=torch.float64), torch.arange(3)
    streams = [layer(x, positions, torch.zeros_like(x), None)[0] for layer in first]
    torch.testing.assert_close(*streams)
    assert not torch.allclose(kept(tokens()).logits, forgotten(tokens()).logits)


def test_decoding_with_caches_equals_one_call():
    small, given = model(), tokens(length=7)
    caches, logits = small.empty_cache(2), []
    assert set(caches) == {"positions", *(f"decoder.layers.{i}.attention" for i in (0, 1, 3))}
    for piece in given.split([3, 1, 1, 2], dim=1):
        out = small(piece, caches)
        caches = out.caches
        logits.append(out.logits)
    torch.testing.assert_close(torch.cat(logits, dim=1), small(given).logits)
    assert int(caches["positions"][0]) == 7


def test_a_tied_parameter_is_one_object_under_two_names():
    small = model()
    assert small.get_parameter("head.weight") is small.get_parameter("embed.table")
    assert "head.weight" not in dict(small.named_parameters())
    assert "head.weight" in small.state_dict()


@pytest.mark.parametrize("part", ["copy", "pickle", "to_empty", "assign"])
def test_ties_survive(part):
    small = lower(graph(), device="meta") if part in ("to_empty", "assign") else model()
    if part == "to_empty":
        small.to_empty(device="cpu")
    elif part == "assign":
        small.load_state_dict(model().state_dict(), assign=True)
    else:
        small = copy.deepcopy(small) if part == "copy" else pickle.loads(pickle.dumps(small))
    assert small.get_parameter("head.weight") is small.get_parameter("embed.table")


def test_state_round_trip_is_strict():
    one, other = model(seed=0), model(seed=1)
    assert not torch.equal(one(tokens()).logits, other(tokens()).logits)
    other.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(one(tokens()).logits, other(tokens()).logits)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({k: v for k, v in one.state_dict().items() if "router" not in k})


def test_a_copy_has_tensors_of_its_own_and_shares_the_code():
    small = model()
    twin = copy.deepcopy(small)
    wanted = small(tokens()).logits
    with torch.no_grad():
        twin.get_parameter("norm.weight").zero_()
    assert torch.equal(small(tokens()).logits, wanted)
    assert not twin(tokens()).logits.any()
    assert twin.spec is small.spec
    assert type(twin.get_submodule("decoder.layers.0")) is type(small.get_submodule("decoder.layers.0"))


def test_pickle_keeps_state_mode_and_what_fx_nodes_carry():
    small = model().eval()
    small.get_parameter("norm.weight").requires_grad_(False)
    next(iter(small.graph.nodes)).meta["custom"] = ("any", 1)
    buffer = io.BytesIO()
    torch.save(small, buffer)
    buffer.seek(0)
    twin = torch.load(buffer, weights_only=False)
    assert torch.equal(twin(tokens()).logits, small(tokens()).logits)
    assert not twin.training
    assert not twin.get_parameter("norm.weight").requires_grad
    assert next(iter(twin.graph.nodes)).meta["custom"] == ("any", 1)
    assert twin.spec == small.spec
    assert twin.code == small.code


def test_pickle_of_many_layers_shares_code_again():
    deep = lower(graph(layers="[sparse] * 60"), dtype=torch.float64)
    twin = pickle.loads(pickle.dumps(deep))
    assert len({type(layer) for layer in twin.layers.values()}) == 1


def test_a_layer_can_be_pickled_alone():
    layer = model().get_submodule("decoder.layers.2")
    x = torch.randn(1, 2, 8, dtype=torch.float64)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))


def test_building_on_meta_needs_no_memory_and_then_gives_the_same_model():
    small = lower(graph(), device="meta", dtype=torch.float64)
    assert all(p.is_meta for p in small.parameters())
    small.to_empty(device="cpu").reset_parameters(seed=5)
    assert_equal_tensors(small.state_dict(), model(seed=5).state_dict(), atol=0)


def test_a_device_context_is_respected():
    with torch.device("meta"):
        small = lower(graph())
    assert all(p.is_meta for p in small.parameters())


def test_functional_call_and_grad_equal_backward():
    small, given = model(), tokens()
    params = dict(small.named_parameters())

    def objective(values, rows):
        out = functional_call(small, values, (rows,))
        weight = torch.linspace(-1, 1, out.logits.numel(), dtype=torch.float64).view_as(out.logits)
        return (out.logits * weight).sum()

    found = grad(objective)(params, given)
    objective(params, given).backward()
    assert_equal_tensors(found, {name: p.grad for name, p in params.items()})


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@pytest.mark.filterwarnings("ignore:.*searchsorted.*non-contiguous:UserWarning")
def test_vmap_over_samples_gives_gradients_per_sample():
    small, given = model(momentum=""), tokens(rows=3)
    params = dict(small.named_parameters())

    def objective(values, row):
        return functional_call(small, values, (row[None],)).logits.square().sum()

    each = vmap(grad(objective), in_dims=(None, 0))(params, given)
    for i, row in enumerate(given):
        assert_equal_tensors({k: v[i] for k, v in each.items()}, grad(objective)(params, row), atol=1e-10)


def test_float64_and_bfloat16_run_throughout():
    out = model(dtype=torch.float64)(tokens())
    assert {out.logits.dtype, *(x.dtype for x in out.losses.values())} == {torch.float64}
    assert model(dtype=torch.bfloat16)(tokens()).logits.dtype == torch.bfloat16


def test_a_model_over_features_is_called_with_them():
    spec = "model M { d_model = 4  stack s { layers = [a]  layer a { ffn mlp { d_ff = 4 } } } }"
    result = check(spec)
    assert result.graph is not None, result.diagnostics
    small = lower(result.graph)
    x = torch.randn(1, 2, 4)
    assert small(features=x).hidden.shape == (1, 2, 4)
    assert small(x, small.empty_cache(1)).caches == {}


def test_gradients_reach_every_parameter():
    assert all(g.any() for g in gradients(model(), tokens(rows=8, length=12)).values())


def test_names_of_a_models_own_attributes_are_known_to_the_checker():
    """A stack becomes an attribute; the checker, which has no torch, refuses those that exist already."""
    small = model()
    own = {name for name in dir(small) if not name.startswith("_")} - set(small._modules)
    assert own <= MODULE_ATTRIBUTES
    assert not is_free_for_modules("class")
    assert is_free_for_modules("decoder")
