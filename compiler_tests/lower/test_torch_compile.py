"""torch.compile, torch.export, recomputation and sharding of what comes out of lowering."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.fsdp import fully_shard

from compiler_tests.lower.models import assert_equal_tensors, gradients, model, tokens
from moedsl.lower.model import Layer, Model
from moedsl.lower.output import Output
from moedsl.lower.regions import compile_layers, recompute_layers

LENGTHS = (5, 7, 20)

# torch silences this warning of its own by other means than a filter, and here warnings are errors
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def assert_same_for_all_lengths(compiled: nn.Module, eager: Model) -> None:
    for length in LENGTHS:
        given = tokens(rows=3, length=length)
        torch.testing.assert_close(compiled(given).logits, eager(given).logits, rtol=0, atol=1e-12)


def test_the_whole_model_is_one_graph_for_all_lengths():
    small, counter = model(), CompileCounterWithBackend("eager")
    assert_same_for_all_lengths(torch.compile(small, backend=counter, fullgraph=True, dynamic=True), small)
    assert counter.frame_count == 1


def test_decoding_with_caches_compiles_whole():
    small = model()
    compiled = torch.compile(small, backend="eager", fullgraph=True, dynamic=True)
    caches, logits = small.empty_cache(2), []
    for piece in tokens(length=7).split([3, 2, 2], dim=1):
        out = compiled(piece, caches)
        caches = out.caches
        logits.append(out.logits)
    torch.testing.assert_close(torch.cat(logits, dim=1), small(tokens(length=7)).logits)


def test_compiled_gradients_equal_eager_ones():
    small = model(layers="[sparse, dense]")
    compiled = torch.compile(small, backend="aot_eager", fullgraph=True, dynamic=True)
    assert_equal_tensors(gradients(compiled, tokens(), small), gradients(small, tokens()))


@pytest.mark.parametrize(
    ("layers", "momentum", "bodies"),
    [
        ("[sparse] * 5", "", 1),
        ("[sparse, dense] * 3", "", 2),
        # the first layer's velocity, fresh zeros, needs no gradient: torch.compile specialises on that
        ("[sparse] * 5", "momentum heavy_ball { mu = 0.7 }", 2),
    ],
)
def test_equal_layers_are_compiled_once(layers, momentum, bodies):
    small, counter = model(layers=layers, momentum=momentum), CompileCounterWithBackend("eager")
    compiled = copy.deepcopy(small)
    compile_layers(compiled, backend=counter)
    assert_same_for_all_lengths(compiled, small)
    assert counter.frame_count == bodies


def test_compiled_layers_survive_a_copy():
    small = model(layers="[sparse]")
    compile_layers(small, backend="eager")
    twin = copy.deepcopy(small)
    assert torch.equal(twin(tokens()).logits, small(tokens()).logits)


@pytest.mark.parametrize("strict", [True, False])
def test_export_with_free_batch_and_length(strict):
    small = model(layers="[sparse, dense]")
    batch, length = torch.export.Dim("batch", min=2, max=64), torch.export.Dim("length", min=2, max=4096)
    exported = torch.export.export(
        small, (tokens(),), dynamic_shapes={"tokens": {0: batch, 1: length}}, strict=strict
    ).module()
    given = tokens(rows=5, length=13)
    out = exported(given)
    assert isinstance(out, Output)
    assert out.losses.keys() == small(given).losses.keys()
    torch.testing.assert_close(out.logits, small(given).logits)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")  # torch 2.11's own loader
def test_an_export_is_saved_and_loaded(tmp_path):
    small = model(layers="[sparse]")
    torch.export.save(torch.export.export(small, (tokens(),)), tmp_path / "small.pt2")
    loaded = torch.export.load(tmp_path / "small.pt2").module()
    torch.testing.assert_close(loaded(tokens()).logits, small(tokens()).logits)


@pytest.mark.parametrize("compiled", ["no", "layers", "whole"])
def test_recomputed_layers_have_the_same_gradients(compiled):
    small = model(layers="[sparse, sparse]")
    wanted = gradients(small, tokens())
    recompute_layers(small)
    called: nn.Module = small
    if compiled == "layers":
        compile_layers(small, backend="aot_eager")
    elif compiled == "whole":
        called = torch.compile(small, backend="aot_eager", fullgraph=True)
    assert_equal_tensors(gradients(called, tokens(), small), wanted)


def test_recomputed_layers_keep_only_their_inputs():
    def saved_bytes(small: Model) -> int:
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.nbytes) or x, lambda x: x):
            small(tokens(rows=4, length=32))
        return sum(kept)

    small = model(layers="[sparse] * 4")
    without = saved_bytes(small)
    recompute_layers(small)
    assert saved_bytes(small) < 0.4 * without


def test_torchs_own_checkpoint_wrapper_fits_around_a_layer():
    small = model()
    wanted, keys = gradients(small, tokens()), set(small.state_dict())
    stack = small.get_submodule("decoder.layers")
    assert isinstance(stack, nn.ModuleList)
    for i, layer in enumerate(stack):
        stack[i] = checkpoint_wrapper(layer)
    found = {k.replace("_checkpoint_wrapped_module.", ""): v for k, v in gradients(small, tokens()).items()}
    assert_equal_tensors(found, wanted)
    assert set(small.state_dict()) == keys


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("recompute", [False, True])
def test_layers_are_boundaries_for_sharding(recompute):
    small = model()
    wanted = gradients(small, tokens())
    mesh = dist.init_device_mesh("cpu", (1,))
    recompute_layers(small, on=recompute)
    for layer in small.layers.values():
        assert isinstance(layer, Layer)
        fully_shard(layer, mesh=mesh)
    fully_shard(small, mesh=mesh)
    small.reset_parameters(seed=0)
    found = {k: v.full_tensor() for k, v in gradients(small, tokens()).items()}
    assert_equal_tensors(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["whole", "layers"])
def test_inductor_gives_the_same_numbers(part):
    small = model()
    wanted, compiled = gradients(small, tokens()), copy.deepcopy(small)
    if part == "layers":
        compile_layers(compiled)
        found = gradients(compiled, tokens())
    else:
        found = gradients(torch.compile(compiled, fullgraph=True, dynamic=True), tokens(), compiled)
    assert_equal_tensors(found, wanted)
