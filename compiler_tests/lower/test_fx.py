"""The generated code: what it says, who shares it, and which line of the spec its errors name."""

from __future__ import annotations

import copy
import operator
import traceback

import pytest
import torch
from torch import fx, nn

from compiler_tests.lower.models import graph, model, tokens
from moedsl.lower.boundary import boundaries
from moedsl.lower.code import show_code
from moedsl.lower.model import Layer, lower


def layer(small: nn.Module, index: int) -> Layer:
    found = small.get_submodule(f"decoder.layers.{index}")
    assert isinstance(found, Layer)
    return found


def test_the_code_of_a_model(golden):
    golden("lower/small.py.txt", show_code(model()))


def test_graphs_are_well_formed():
    small = model()
    for module in (small, *small.layers.values()):
        assert isinstance(module, fx.GraphModule)
        module.graph.lint()


def test_equal_layers_have_equal_code_and_share_one_class():
    small = model()
    assert layer(small, 0).code == layer(small, 1).code == layer(small, 3).code
    assert type(layer(small, 0)) is type(layer(small, 1)) is type(layer(small, 3))
    assert type(layer(small, 2)) is not type(layer(small, 0))


def test_layers_with_equal_code_and_other_fields_do_not_share():
    small = model(layers="[sparse] * 2", edits="at 1 { moe { router.top_k = 1 } }")
    assert layer(small, 0).code == layer(small, 1).code
    assert type(layer(small, 0)) is not type(layer(small, 1))


def test_carries_and_caches_are_arguments_and_results():
    edge = boundaries(graph())["decoder.layers.1"]
    assert list(edge.arguments.values()) == ["x", "positions", "velocity"]
    assert edge.cached == ("decoder.layers.1.attention",)
    assert [str(v).removeprefix("decoder.layers.1.moe.") for v in edge.results] == [
        "momentum",
        "momentum:velocity",
        "load",
        "loss.load_balance",
    ]


def test_the_graph_runs_under_an_interpreter():
    small = model()
    assert torch.equal(fx.Interpreter(small).run(tokens(), None).logits, small(tokens()).logits)


def test_editing_one_layer_leaves_the_others_alone():
    small = model()
    wanted = copy.deepcopy(small)(tokens()).logits
    edited = layer(small, 1)
    (add,) = (n for n in edited.graph.nodes if n.target is operator.add)
    add.target = operator.sub
    edited.recompile()
    assert " - " in edited.code
    assert " - " not in layer(small, 0).code
    assert type(layer(small, 0)) is type(layer(small, 3))
    assert not torch.equal(small(tokens()).logits, wanted)


def test_layers_stand_in_a_list():
    small = model()
    assert [type(x).__name__ for x in small.get_submodule("decoder.layers")] == [
        "SparseLayer",
        "SparseLayer",
        "DenseLayer",
        "SparseLayer",
    ]


def notes_of(error: pytest.ExceptionInfo[Exception]) -> list[str]:
    return error.value.__notes__


def test_an_error_names_path_and_line_of_the_spec():
    with pytest.raises(IndexError) as caught:
        model()(torch.full((1, 2), 99))
    assert notes_of(caught) == ["in embed, small.moe:4:9"]


def test_an_error_in_a_layer_names_the_layer_it_ran_in():
    small = model()
    small.get_submodule("decoder.layers.3.moe.router").gate = nn.Parameter(torch.zeros(4, 3, dtype=torch.float64))
    with pytest.raises(RuntimeError) as caught:
        small(tokens())
    assert notes_of(caught) == ["in decoder.layers.3.moe.router, small.moe:9:14"]
    assert "moe_router = self.moe.router(moe_tokens)" in "".join(traceback.format_exception(caught.value))


def test_an_error_in_wiring_names_what_was_joined():
    small = model()
    small.get_submodule("decoder.layers.0.attention").w_o = nn.Parameter(torch.zeros(5, 8, dtype=torch.float64))
    with pytest.raises(RuntimeError) as caught:
        small(tokens())
    assert notes_of(caught) == ["in decoder.layers.0.attention_residual, small.moe:7:15"]


def test_a_call_that_never_reaches_the_code_gets_no_note():
    with pytest.raises(TypeError) as caught:
        model()()
    assert not hasattr(caught.value, "__notes__")


def test_fx_shows_the_line_of_the_spec_too():
    small = lower(graph(), device="meta")
    (node,) = (n for n in layer(small, 0).graph.nodes if n.name == "moe_router")
    assert node.meta["stack_trace"].startswith('File "small.moe", line 9, in decoder.layers.0.moe.router')
