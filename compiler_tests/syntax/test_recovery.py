"""All syntax errors of a file in one run, each at its place."""

from __future__ import annotations

import pytest

from compiler_tests.syntax.reading import codes, nodes, read
from moedsl.syntax import ast
from moedsl.syntax.recovery import MAX_ERRORS

SEEDED = """\
edition 2026

model Tiny(pairs: int = 2) {
  param mu float = 0.7
  d_model = 10%
  layer sparse {
    attention softmax { num_heads: 4 }
    moe {
      router topk { top_k = }
      experts glu { num_experts = 8, act = 'silu' }
      momentum heavy_ball { mu = [1 2] }
  }
  stack decoder {
    layers = [sparse] * * pairs
  }
  head lm { tie = True }
}
"""


def places(text: str) -> list[tuple[str, int]]:
    found = [(d.code, d.span.position.line) for d in read(text)[1] if d.span]
    return sorted(found, key=lambda pair: pair[1])


def test_eight_errors_in_seventeen_lines() -> None:
    assert places(SEEDED) == [
        ("E0105", 4),
        ("E0112", 5),
        ("E0114", 7),
        ("E0106", 8),
        ("E0116", 9),
        ("E0109", 10),
        ("E0105", 11),
        ("E0116", 14),
        ("E0115", 16),
    ]


def test_what_is_right_survives() -> None:
    file, _ = read(SEEDED)
    assigned = {node.path[0].text for node in nodes(file) if isinstance(node, ast.Assign)}
    assert assigned == {"d_model", "num_heads", "top_k", "num_experts", "act", "mu", "layers", "tie"}
    (model,) = file.items
    assert isinstance(model, ast.Block)
    assert model.body is not None
    heads = [s.head[0].text if s.head else s.slot.text for s in model.body.statements if isinstance(s, ast.Block)]
    assert heads == ["sparse", "decoder", "lm"]


def test_a_broken_statement_leaves_a_mark() -> None:
    file, _ = read("moe { router 3 3 3\n  experts glu { } }")
    (moe,) = file.items
    assert isinstance(moe, ast.Block)
    assert moe.body is not None
    assert [type(s) for s in moe.body.statements] == [ast.Assign, ast.Broken, ast.Block] or [
        type(s) for s in moe.body.statements
    ] == [ast.Broken, ast.Block]


def test_a_broken_value_leaves_a_mark() -> None:
    file, _ = read("top_k =\n")
    (item,) = file.items
    assert isinstance(item, ast.Assign)
    assert isinstance(item.value, ast.Broken)


def test_a_broken_element_keeps_its_neighbours() -> None:
    file, report = read("a = [1, 2 3 4 5, 6]")
    assert len(report.diagnostics) >= 1
    (item,) = file.items
    assert isinstance(item, ast.Assign)
    assert isinstance(item.value, ast.List)
    assert isinstance(item.value.items[0], ast.Number)
    assert isinstance(item.value.items[-1], ast.Number)


def test_a_broken_head_does_not_hide_the_errors_of_its_body() -> None:
    assert places("model M extends {\n  a: 1\n  b = \n}\n") == [("E0105", 1), ("E0114", 2), ("E0116", 3)]


def test_one_report_a_line_after_giving_up() -> None:
    assert codes("x { ? ? ? a ? ? }\n") == ["E0105"]


def test_errors_in_hopeless_text_are_limited() -> None:
    _, report = read("? a\n" * 5000)
    assert len(report.diagnostics) <= MAX_ERRORS


@pytest.mark.parametrize(
    ("text", "code", "line", "label_line"),
    [
        ("model M {\n  moe {\n    router topk { top_k = 2\n    experts glu { }\n  }\n}\n", "E0106", 3, 4),
        ("model M {\n  moe {\n    a = 1\n  stack s { }\n}\n", "E0106", 2, 4),
        ("model M {\n  moe {\n    a = 1\n}\nmodel N { }\n", "E0106", 2, 4),
        ("model M {\n  a = 1\n", "E0106", 1, 3),
        ("model M {\n  a = f(1, 2\n  b = 3\n}\n", "E0106", 2, 3),
        ("model M {\n  a = [b, c * 6\n  d = 3\n}\n", "E0106", 2, 3),
        ("model M(a: int = 1 {\n  b = 3\n}\n", "E0106", 1, 1),
        ("model M {\n  a = [1, (2 + 3]\n}\n", "E0106", 2, 2),
        ("model M {\n  moe\n    a = 1\n  }\n  b = 2\n}\n", "E0107", 4, 2),
        ("model M\n  a = 1\n}\n", "E0107", 3, 1),
        ("model M {\n  a = 1\n}\n}\n", "E0107", 4, None),
        ("model M {\n  moe {\n  }\n  }\n  b = 2\n}\n", "E0107", 4, None),
        ("a = (1 + 2))\n", "E0107", 1, None),
    ],
)
def test_the_bracket_to_blame(text: str, code: str, line: int, label_line: int | None) -> None:
    _, report = read(text)
    (found,) = report
    assert found.span is not None
    assert (found.code, found.span.position.line) == (code, line)
    assert [label.span.position.line for label in found.labels] == ([label_line] if label_line else [])


def test_indentation_means_nothing_where_brackets_match() -> None:
    assert codes("model M {\na = 1\n    moe {\n  b = 2\n        }\n}\n") == []


def test_brackets_in_an_unclosed_string_do_not_count() -> None:
    assert codes('model M {\n  data t { path = "a.txt }\n  b = 1\n}\n') == ["E0108"]


def test_brackets_in_comments_and_strings_do_not_count() -> None:
    assert codes('a = "}{" # }}}\n') == []
