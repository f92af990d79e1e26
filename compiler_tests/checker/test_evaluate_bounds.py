"""Bounds: no spec builds a billion of anything, hangs, or ends in a Python error."""

from __future__ import annotations

import sys
import time

import pytest

from compiler_tests.checker.resolving import resolve

FRAME = (
    "model M {{ d_model = 1\nlayer a {{ ffn mlp {{ d_ff = 8 }} }}\nstack s {{ layers = [a] * {layers} }}\n{rest}\n}}"
)


def model(rest: str = "", layers: str = "2") -> str:
    return FRAME.format(rest=rest, layers=layers)


def chain(first: str, step: str, last: str, *, size: int) -> str:
    """Variables that each depend on the one before; `x` in `step` is that one."""
    lets = [f"let x0 = {first}", *(f"let x{i} = {step.replace('x', f'x{i - 1}')}" for i in range(1, size))]
    return model("\n".join([*lets, last.replace("x", f"x{size - 1}")]))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (model(layers="10001"), "E0308"),
        (model(layers="1T"), "E0309"),
        (model(layers="10 ** 500"), "E0309"),
        (model(layers="10 ** 700"), "E0307"),
        (chain("[1, 1]", "x + x", "assert x == x", size=60), "E0309"),
        (chain("[1, 1]", "[x, x]", "assert x == x", size=60), "E0311"),
        (chain("[1]", "[x]", "assert x == x", size=400), "E0310"),
        (chain("f(a = 1)", "f(a = x, b = x)", "layer b { ffn mlp { d_ff = x } }", size=60), "E0311"),
        (chain("f(a = 1)", "f(a = x)", "layer b { ffn mlp { d_ff = x } }", size=400), "E0310"),
        (chain("f { a = 1 }", "f { a = x }", "layer b { ffn mlp { d_ff = x } }", size=400), "E0310"),
        (chain("3", "x * x", "assert x == 1", size=60), "E0307"),
        (chain("3", "x ** x", "assert x == 1", size=60), "E0307"),
        (chain("1 / 3", "x / (x + 7)", "assert x == 1", size=1500), "E0307"),
        (model("assert 10 ** 10 ** 10 ** 10 > 1"), "E0307"),
        (model("assert 1e400 > 1e401"), "E0307"),
        (model("layer b { ffn mlp { d_ff = 2 ** 63 } }"), "E0307"),
        (model("layer b { ffn mlp { d_ff = 10 ** 400 / 3 } }"), "E0307"),
        (model(layers="10k " + " at all { ffn.d_ff = 3 }" * 300), "E0311"),
        ("".join(f"model M{i} extends M{i - 1} {{}}\n" for i in range(1, 80)) + "model M0 {}", "E0310"),
        ("".join(f"router r{i} = r{i - 1} {{}}\n" for i in range(1, 80)) + "router r0 = topk {}", "E0310"),
        ("".join(f"layer l{i} extends l{i - 1} {{}}\n" for i in range(1, 80)) + "layer l0 {}", "E0310"),
    ],
)
def test_bound(text, code):
    started = time.perf_counter()
    found = resolve(text).codes
    assert code in found
    assert {c for c in found if c != code} <= {"E0217"}
    assert time.perf_counter() - started < 20


def test_long_chains_are_no_nesting():
    size = 5_000
    assert resolve(chain("1", "x + 1", f"assert x == {size}", size=size)).codes == []
    backwards = "\n".join(f"let x{i} = x{i + 1} + 1" for i in range(size))
    assert resolve(model(f"{backwards}\nlet x{size} = 1\nassert x0 == {size + 1}")).codes == []


def test_nesting_needs_little_of_pythons_stack():
    depth = 30
    texts = [
        f"assert {'(' * depth}1{')' * depth} == 1",
        f"assert {'max(1, ' * depth}1{')' * depth} == 1",
        f"assert {'- ' * depth}1 == 1",
        f"assert {'not ' * depth}true",
        f"assert {'1 ** ' * depth}1 == 1",
        "let f = " + "[" * depth + "1" + "]" * depth + " assert len(f) == 1",
        "layer b { ffn mlp { d_ff = " + "f { a = " * 20 + "1" + " }" * 20 + " } }",
        "when true { " * 25 + 'version = "1"' + " }" * 25,
    ]
    limit = sys.getrecursionlimit()
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    sys.setrecursionlimit(used + 600)
    try:
        found = [resolve(model(text)).codes for text in texts]
    finally:
        sys.setrecursionlimit(limit)
    assert found == [[]] * len(texts)


def test_a_static_function_after_the_steps_are_used_up():
    lists = "let a = [1] * 1000\nlet b = [a] * 1000\nassert total_params() > 0 and [b] * 1000 == [b] * 1000"
    (assertion,) = resolve(model(lists)).evaluated.models[0].assertions
    assert repr(assertion.evaluate({"total_params": lambda: 1})) == "Poison()"


def test_time_is_linear_in_the_text():
    layer = "at {0} {{\n ffn mlp {{\n  d_ff = 3 * w + {0}\n  act = gelu\n }}\n}}\n"

    def seconds(size: int) -> float:
        text = model("let w = 5").replace(
            "layers = [a] * 2", f"layers = [a] * {size}\n" + "".join(map(layer.format, range(size)))
        )
        started = time.process_time()
        assert resolve(text).codes == []
        return time.process_time() - started

    small, large = min(seconds(100) for _ in range(3)), seconds(1000)
    assert large < 25 * small
