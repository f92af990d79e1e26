"""Laws of evaluation: order and naming never change what a spec means, and no text makes it raise."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler_tests.checker.resolving import resolve
from moedsl.checker import hir

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PARAMS = ["width: int = 16", "pairs: int = 2", "mu: float = 0.5 where mu < bound", "bound: int = 1"]
LETS = ["let d_ff = 2 * width", "let heads = d_ff / 16", "let rate = mu / (heads + 1)", "let wide = width > 8"]
SETTINGS = [
    "d_model = width",
    'version = "1"',
    "embed token { vocab_size = 8 }",
    "stack decoder { causal = wide  layers = [dense, sparse] * pairs  at 0 { ffn.d_ff = 7 } }",
    "head lm { tie = embed }",
    "when wide { norm rmsnorm { eps = 1e-6 } } else { norm layernorm {} }",
    "layer dense { norm rmsnorm {}  attention softmax { num_heads = heads }  ffn mlp { d_ff = d_ff } }",
    "layer sparse { moe { router fast(k = heads)  experts ffn { num_experts = 4  d_ff = d_ff } } }",
    "assert total_params() > rate",
    "moved a.b -> c.d",
]
TOP = ["router fast(k: int = 2) = topk { top_k = k  jitter = noise }", "let noise = 0.1"]


def spec(params: list[str], body: list[str], top: list[str]) -> str:
    inside = "\n  ".join(body)
    return "\n".join([*top[:1], f"model M({', '.join(params)}) {{\n  {inside}\n}}", *top[1:]])


def resolved(text: str) -> hir.Model:
    return resolve(text).model


def canonical(block: hir.Block) -> tuple[object, ...]:
    """A block without the order of what is not ordered: all but the sublayers of a layer and the layers of a stack."""
    children = [canonical(c) for c in block.children]
    ordered = children if block.slot in ("layer", "stack") else sorted(children, key=repr)
    return (block.slot, block.keyword, block.name, tuple(sorted(block.settings.items())), tuple(ordered))


ORIGINAL = resolved(spec(PARAMS, LETS + SETTINGS, TOP))


@LAWS
@given(st.permutations(PARAMS), st.permutations(LETS + SETTINGS), st.permutations(TOP))
def test_order_of_statements_means_nothing(params, body, top):
    assert canonical(resolved(spec(params, body, top)).block) == canonical(ORIGINAL.block)


@LAWS
@given(
    st.sampled_from(["width", "16", "2 * width", "wide", "[dense, sparse] * pairs", "heads", "1e-6", "mu"]), st.data()
)
def test_naming_a_value_means_nothing(expression, data):
    text = spec(PARAMS, LETS + SETTINGS, TOP)
    body, places = text.index("{\n"), []
    at = text.find(f"= {expression}", body)
    while at >= 0:
        places.append(at)
        at = text.find(f"= {expression}", at + 1)
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    renamed = f"{text[: at + 2]}extracted{text[at + 2 + len(expression) :]}"
    text = renamed.replace("{\n", f"{{\n  let extracted = {expression}\n", 1)
    assert canonical(resolved(text).block) == canonical(ORIGINAL.block)


@LAWS
@given(st.integers(0, len(SETTINGS) - 1))
def test_moving_a_statement_into_an_extending_model_means_nothing(index):
    base = spec(PARAMS, LETS + SETTINGS[:index] + SETTINGS[index + 1 :], TOP)
    lets = [f"let {line.split()[1]} = {line.partition('= ')[2]}" for line in LETS]
    derived = "\n".join(["model N extends M {", *lets, SETTINGS[index], "}"])
    model = resolve(f"{base}\n{derived}", model="N").model
    assert canonical(model.block)[3:] == canonical(ORIGINAL.block)[3:]


# ---- anything at all

_names = st.sampled_from(
    [
        "a",
        "b",
        "width",
        "topk",
        "fast",
        "M",
        "all",
        "sparse",
        "std",
        "decoder",
        "layers",
        "moe",
        "router",
        "ffn",
        "total_params",
    ]
)
_atoms = st.one_of(
    _names,
    st.integers(0, 10**6).map(str),
    st.sampled_from(["0.5", "1k", "2MiB", "1.5B", "3ms", "true", "none", '"text"', "1e-9", "9e300"]),
)


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", "and", "or", "..", "..="])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) if ({t[1]}) else ({t[2]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(_names, st.lists(inner, max_size=2)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
        st.tuples(_names, _names, inner).map(lambda t: f"{t[0]}({t[1]} = {t[2]})"),
        st.tuples(_names, _names, inner).map(lambda t: f"{t[0]} {{ {t[1]} = {t[2]} }}"),
        st.tuples(_names, _names).map(".".join),
        inner.map(lambda e: f"-({e})"),
        inner.map(lambda e: f"not ({e})"),
    )


EXPRESSIONS = st.recursive(_atoms, _expressions, max_leaves=6)
_slots = st.sampled_from(
    [
        "model",
        "recipe",
        "layer",
        "stack",
        "moe",
        "router",
        "experts",
        "ffn",
        "attention",
        "norm",
        "loss",
        "init",
        "embed",
        "odd",
    ]
)


def _statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bodies = st.lists(inner, max_size=4).map("\n".join)
    return st.one_of(
        st.tuples(_slots, _names, bodies).map(lambda t: f"{t[0]} {t[1]} {{ {t[2]} }}"),
        st.tuples(_slots, _names, _names, EXPRESSIONS, bodies).map(
            lambda t: f"{t[0]} {t[1]}({t[2]} = {t[3]}) {{ {t[4]} }}"
        ),
        st.tuples(_slots, bodies).map(lambda t: f"{t[0]} {{ {t[1]} }}"),
        st.tuples(_slots, _names, _names, bodies).map(lambda t: f"{t[0]} {t[1]} extends {t[2]} {{ {t[3]} }}"),
        st.tuples(EXPRESSIONS, bodies).map(lambda t: f"at {t[0]} {{ {t[1]} }}"),
        st.tuples(EXPRESSIONS, bodies, bodies).map(lambda t: f"when {t[0]} {{ {t[1]} }} else {{ {t[2]} }}"),
    )


_simple = st.one_of(
    st.tuples(_names, EXPRESSIONS).map(lambda t: f"let {t[0]} = {t[1]}"),
    st.tuples(_names, EXPRESSIONS).map(lambda t: f"{t[0]} = {t[1]}"),
    st.tuples(_names, _names, EXPRESSIONS).map(lambda t: f"{t[0]}.{t[1]} = {t[2]}"),
    st.tuples(_names, st.sampled_from(["int", "list[int]", "choice[a]", "odd", "float?"]), EXPRESSIONS).map(
        lambda t: f"param {t[0]}: {t[1]} = {t[2]} where {t[0]} > 0"
    ),
    st.tuples(_slots, _names, EXPRESSIONS).map(lambda t: f"{t[0]} {t[1]} = {t[2]}"),
    EXPRESSIONS.map(lambda e: f"assert {e}"),
    st.sampled_from(["use std.mixtral as a", "moved a.* -> b.c", "layers = [a] * 3", "use b"]),
)
STATEMENTS = st.recursive(_simple, _statements, max_leaves=8)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STATEMENTS, max_size=6), st.lists(STATEMENTS, max_size=6))
def test_no_text_makes_it_raise(top, body):
    inside = "\n".join(body)
    text = "\n".join(
        [*top, f"model M {{ layer a {{ ffn mlp {{ d_ff = 1 }} }} stack decoder {{ layers = [a] }} {inside} }}"]
    )
    evaluated = resolve(text).evaluated
    for model in evaluated.models:
        for assertion in model.assertions:
            assertion.evaluate(dict.fromkeys(["total_params", "of_model"], lambda *_, **__: 1))
