"""Resolving models: who sets a value, in which order, and what is known about it afterwards.

The language's reference in `compiler_tests/lang` tests what users see; here stands what only the compiler sees.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from compiler_tests.checker.resolving import SMALL, at, resolve, value
from moedsl.checker import hir
from moedsl.checker.evaluate import evaluate
from moedsl.checker.loader import Loader
from moedsl.diagnostics import Report


def history(text: str, path: str, **options) -> list[tuple[str, object]]:
    model = resolve(text, **options).model
    block, _, name = path.rpartition(".")
    return [(o.how, o.value) for o in at(model.block, block).settings[name].origins]


# ---- provenance


def test_a_value_remembers_everything_that_set_it():
    text = (
        SMALL
        + "model Wide extends Small { stack decoder { at 0 { ffn.d_ff = 64 } } layer dense { ffn { d_ff = 48 } } }"
    )
    steps = history(text, "decoder.0.ffn.d_ff", model="Wide", overrides=("decoder.layers.0.ffn.d_ff=96",))
    assert steps == [("written", 32), ("extends", 48), ("at", 64), ("set", 96)]


def test_a_value_remembers_the_arguments_it_came_through():
    text = "router base(k: int) = topk { top_k = k }\n" + SMALL.replace(
        "router topk { top_k = 2 }", "router base(k = width / 8)"
    )
    setting = at(resolve(text, params={"width": 32}).model.block, "decoder.1.moe.router").settings["top_k"]
    assert [(o.how, o.value, o.span.text) for o in setting.origins if o.span] == [
        ("argument", 32, "32"),
        ("argument", 4, "width / 8"),
        ("written", 4, "k"),
    ]
    assert setting.span.text == "k"


def test_when_is_a_step_of_its_own():
    text = SMALL.replace("head lm", "when width > 8 { d_model = 24 } head lm")
    model = resolve(text).model
    assert [(o.how, o.value) for o in model.block.settings["d_model"].origins] == [("written", 16), ("when", 24)]


def test_values_of_the_package_count_as_preset():
    text = "use std.mixtral as mixtral\nmodel Small extends mixtral.decoder(depth = 1) { norm rmsnorm { eps = 1e-6 } }"
    steps = [h for h, _ in history(text, "norm.eps")]
    assert steps == ["preset", "extends"]


def test_spans_point_at_the_name_and_the_value():
    setting = at(resolve(SMALL).model.block, "decoder.0.ffn").settings["d_ff"]
    assert (setting.name_span.text, setting.span.text) == ("d_ff", "2 * width")


def test_a_fraction_says_which_numbers_made_it():
    text = SMALL.replace("d_ff = 2 * width", "d_ff = width / 3")
    setting = at(resolve(text).model.block, "decoder.0.ffn").settings["d_ff"]
    assert setting.note == "16 / 3 is 5.333333333, which is not whole"
    assert setting.value == pytest.approx(16 / 3)


def test_a_symbol_knows_the_variables_around_it():
    text = SMALL.replace("d_ff = 2 * width", "d_ff = widht")
    symbol = at(resolve(text).model.block, "decoder.0.ffn").settings["d_ff"].value
    assert isinstance(symbol, hir.Symbol)
    assert sorted(symbol.scope) == ["depth", "width"]
    assert "width" in symbol.scope


# ---- values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", 1.5),
        ("1 / 2", 0.5),
        ("0.5 * 4", 2),
        ("2.0", 2.0),
        ("1e3", 1000),
        ("none", None),
        ("true", True),
        ('"a\\"b"', 'a"b'),
        ("[1, [2, none]]", (1, (2, None))),
        ("48MiB", hir.Bytes(value=48 * 2**20)),
        ("250ms", hir.Duration(seconds=0.25)),
        ("1..=3", hir.Range(start=1, stop=4)),
        ("-3", -3),
    ],
)
def test_values_become_plain(text, expected):
    model = resolve(SMALL.replace("d_ff = 2 * width", f"d_ff = {text}")).model
    found = value(model, "decoder.0.ffn.d_ff")
    assert found == expected
    assert type(found) is type(expected)


def test_components_keep_their_settings():
    text = SMALL.replace(
        "d_ff = 2 * width", "d_ff = 32 init = normal(0.5, std = width / 800) other = ties { density = [0.2] }"
    )
    ffn = at(resolve(text).model.block, "decoder.0.ffn").settings
    init, other = ffn["init"].value, ffn["other"].value
    assert isinstance(init, hir.Component)
    assert isinstance(other, hir.Component)
    assert (init.keyword, [a.value for a in init.arguments], init.settings["std"].value) == ("normal", [0.5], 0.02)
    assert (other.keyword, other.settings["density"].value) == ("ties", (0.2,))


def test_a_field_of_a_component_can_be_overridden():
    text = SMALL.replace("d_ff = 2 * width", "d_ff = 8 init = normal(std = 0.02)").replace(
        "* depth", "* depth at 0 { ffn.init.std = 0.1 }"
    )
    init = value(resolve(text).model, "decoder.0.ffn.init")
    assert isinstance(init, hir.Component)
    assert init.settings["std"].value == 0.1


# ---- layers


def test_equal_layers_are_one_object():
    stack = at(resolve(SMALL, params={"depth": 3}).model.block, "decoder")
    assert [c.name for c in stack.children] == ["dense", "sparse"] * 3
    assert len({id(c) for c in stack.children}) == 2


def test_an_override_touches_its_layer_alone():
    model = resolve(SMALL, overrides=("decoder.layers.2.ffn.d_ff=7",)).model
    assert [value(model, f"decoder.{i}.ffn.d_ff") for i in (0, 2)] == [32, 7]


# ---- from outside


def test_overrides_apply_last_and_in_order():
    model = resolve(SMALL, overrides=("d_model=24", "d_model=20", "decoder.layers.1.moe.router.top_k=1")).model
    assert (value(model, "d_model"), value(model, "decoder.1.moe.router.top_k")) == (20, 1)


def test_an_override_may_use_what_the_model_names():
    assert value(resolve(SMALL, overrides=("d_model=width * 2",)).model, "d_model") == 32


def test_overrides_reach_all_layers_with_a_template_name():
    model = resolve(SMALL, overrides=("decoder.layers.sparse.moe.router.top_k=1",)).model
    assert [value(model, f"decoder.{i}.moe.router.top_k") for i in (1, 3)] == [1, 1]


def test_overrides_can_remove():
    model = resolve(SMALL, overrides=("head=none", "decoder.layers.0.attention=none")).model
    assert [c.slot for c in model.block.children] == ["embed", "stack"]
    assert [c.slot for c in at(model.block, "decoder.0").children] == ["norm", "ffn"]


@pytest.mark.parametrize(
    ("override", "code"),
    [
        ("decoder.layers.9.ffn.d_ff=1", "E0213"),
        ("decoder.layers.0.moe.router.top_k=1", "E0216"),
        ("decodr.layers.0.ffn.d_ff=1", "E0222"),
        ("decoder.layers.0=1", "E0216"),
        ("d_model=widht*2", "E0201"),
    ],
)
def test_overrides_that_find_nothing(override, code):
    assert resolve(SMALL, overrides=(override,)).codes == [code]


def test_parameters_from_outside_are_checked():
    assert value(resolve(SMALL, params={"width": 64}).model, "d_model") == 64
    assert resolve(SMALL, params={"width": 1.5}).codes == ["E0303"]
    assert resolve(SMALL, params={"widht": 64}).codes == ["E0211"]
    assert resolve(SMALL, params={"width": True}).codes == ["E0301"]


def test_a_text_from_outside_can_be_a_choice():
    text = SMALL.replace("depth: int = 2", "depth: int = 2, act: choice[relu, gelu] = relu").replace(
        "d_ff = 2 * width", "d_ff = 8 act = act"
    )
    symbol = value(resolve(text, params={"act": "gelu"}).model, "decoder.0.ffn.act")
    assert isinstance(symbol, hir.Symbol)
    assert symbol.text == "gelu"
    assert resolve(text, params={"act": "glue"}).codes == ["E0301"]


def test_numbers_from_outside_are_exact():
    text = SMALL.replace("depth: int = 2", "depth: int = 2, mu: float = 0.5").replace(
        "weight = 0.01", "weight = mu * 3"
    )
    assert value(resolve(text, params={"mu": 0.1}).model, "decoder.1.moe.loss.weight") == 0.3


@pytest.mark.parametrize("other", [object(), b"16", {16}, math.nan, -math.inf])
def test_a_value_from_outside_that_is_none_of_the_language_is_an_error(other: object):
    assert resolve(SMALL, params={"width": other}).codes == ["E0301"]


def test_numbers_of_other_libraries_are_numbers():
    assert value(resolve(SMALL, params={"width": np.int64(8)}).model, "d_model") == 8


# ---- which models


def test_one_model_of_several():
    text = SMALL + "model Wide extends Small(width = 32) {}"
    assert [m.name for m in resolve(text).evaluated.models] == ["Small", "Wide"]
    assert [m.name for m in resolve(text, model="Wide").evaluated.models] == ["Wide"]
    assert resolve(text, model="Wdie").codes == ["E0207"]


def test_a_model_without_values_is_searched_and_left_out():
    text = SMALL.replace("width: int = 16", "width: int")
    result = resolve(text)
    assert (result.codes, result.evaluated.models, result.evaluated.open) == ([], (), ("Small",))
    assert resolve(text, model="Small").codes == ["E0212"]
    assert resolve(text.replace("num_heads = 2", "num_heads = hads + 1")).codes == ["E0201"]
    assert value(resolve(text, params={"width": 8}).model, "d_model") == 8


def test_recipes_name_their_model_and_take_overrides():
    quick = "recipe quick(n: int = 5) for Small { steps = n  optimizer adamw { lr = 1e-3 } }"
    text = f"{SMALL} {quick} recipe slow extends quick {{}}"
    quick, slow = resolve(text, overrides=("slow.steps=7", "slow.optimizer.lr=0.1")).evaluated.recipes
    assert (quick.name, quick.model, quick.block.settings["steps"].value) == ("quick", "Small", 5)
    assert (slow.model, slow.block.settings["steps"].value) == ("Small", 7)
    assert at(slow.block, "optimizer").settings["lr"].value == 0.1


def test_moved_and_docs_come_along():
    text = "## Small and quick.\n" + SMALL.strip().replace("head lm", "moved a.*.b -> c.*.d\n head lm")
    model = resolve(text + "\nmodel Wide extends Small {}", model="Wide").model
    assert [(m.old, m.new) for m in model.moved] == [(("a", "*", "b"), ("c", "*", "d"))]
    assert resolve(text).model.doc == "Small and quick."


# ---- assertions


def test_an_assertion_counts_with_the_functions_it_is_given():
    text = SMALL.replace("head lm", 'assert total_params() < 10 * width : "big"\n head lm')
    (assertion,) = resolve(text).model.assertions
    assert assertion.message == "big"
    assert assertion.evaluate({"total_params": lambda: 159}) is True
    assert assertion.evaluate({"total_params": lambda: 160}) is False


def test_an_assertion_can_count_another_model():
    text = SMALL + "model Wide extends Small(width = 32) { assert total_params() == 2 * Small(width = 8).total_params }"
    (assertion,) = resolve(text, model="Wide").model.assertions
    seen = []

    def of_model(model: hir.Model) -> dict[str, object]:
        seen.append(value(model, "d_model"))
        return {"total_params": lambda: 10}

    assert assertion.evaluate({"total_params": lambda: 20, "of_model": of_model}) is True
    assert seen == [8]


def test_an_assertion_that_is_wrong_reports_and_decides_nothing():
    report = Report()
    loader = Loader.for_text(SMALL.replace("head lm", "assert total_params() < 1KiB\n head lm"), "<text>", report)
    file = loader.main()
    assert file is not None
    (assertion,) = evaluate(file, loader, report).models[0].assertions
    assert assertion.evaluate({"total_params": lambda: 1}) is hir.POISON
    assert [d.code for d in report] == ["E0304"]


# ---- one mistake, one message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("width: int = 16", "width: int = 1 / 0", "E0306"),
        ("width: int = 16", "width: it = 16", "E0305"),
        ("d_ff = 2 * width", "d_ff = 2 * widht * 3 + 1", "E0201"),
        ("layers = [dense, sparse] * depth", "layers = [dense, sparse] * dept", "E0201"),
        ("layers = [dense, sparse]", "layers = [dens, sparse]", "E0208"),
        ("moe {", "mo {", "E0222"),
        ("router topk", "router common.fast", "E0201"),
        ("stack decoder {", "stack {", "E0219"),
        ("model Small(", "model Base extends Nothing { stack decoder { at 0 { ffn = none } } }\nmodel Small(", "E0207"),
        ("causal = true", "at 7 { ffn.d_ff = 1 }", "E0213"),
        ("head lm", "when widht > 2 { d_model = 8 } head lm", "E0201"),
    ],
)
def test_one_mistake_is_said_once(old, new, code):
    assert old in SMALL
    assert resolve(SMALL.replace(old, new)).codes == [code]


def test_all_mistakes_of_a_file_are_said_at_once():
    text = SMALL.replace("16", "16.5").replace("mlp { d_ff = 2", "mlp { d_ff = x").replace("topk", "tokp")
    assert sorted(resolve(text).codes) == ["E0201", "E0220", "E0303"]


def test_a_wrong_block_is_marked_and_its_neighbours_stay():
    result = resolve(SMALL.replace("router topk { top_k = 2 }", "rooter topk { top_k = 2 }"))
    moe = at(result.evaluated.models[0].block, "decoder.1.moe")
    assert moe.poisoned
    assert [c.slot for c in moe.children] == ["experts", "loss"]


def test_a_wrong_value_is_poison():
    result = resolve(SMALL.replace("d_ff = 2 * width", "d_ff = 2 * x"))
    assert value(result.evaluated.models[0], "decoder.0.ffn.d_ff") is hir.POISON


def test_unused_names_are_warnings_kept_apart():
    result = resolve(SMALL.replace("head lm", "let spare = 1\n head lm"))
    assert [(w.code, w.message) for w in result.evaluated.warnings] == [("W0202", "`spare` is never used")]
    assert result.codes == []


def test_a_field_of_a_component_has_one_value_among_equals():
    text = SMALL.replace("d_ff = 2 * width", "d_ff = 8 init = normal(std = 0.02)")
    path, whole = "ffn.init.std = 0.1", "ffn.init = normal(std = 0.2)"
    for one, other in [(path, "ffn.init.std = 0.2"), (path, whole), (whole, path)]:
        ats = f"at 0 {{ {one} }} at dense {{ {other} }}"
        assert resolve(text.replace("* depth", f"* depth {ats}")).codes == ["E0215"]
    assert resolve(text.replace("* depth", "* depth at all { ffn.init.std = 0.1 }")).codes == []
    assert resolve(text.replace("* depth", "* depth at all { ffn.inits.std = 0.1 }")).codes == ["E0216"]
