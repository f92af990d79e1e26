from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from compiler_tests.render.findings import FULL, OTHER, PLACELESS, WARNING
from compiler_tests.syntax.reading import read
from moedsl.diagnostics import Diagnostic, Edit, Fix
from moedsl.render.text import render_text
from moedsl.source import SourceFile


def rendered(diagnostic: Diagnostic, *, width: int = 100) -> list[str]:
    return render_text([diagnostic], color=False, width=width).splitlines()


def test_every_part() -> None:
    assert rendered(FULL) == [
        "error[E0114]: `top_k: 9` asks for more experts than the layer has",
        "  --> specs/switch.moe:5:24",
        "   |",
        " 3 |     experts glu { num_experts = 8 }",
        "   |                                 - 8 experts, set here",
        " 5 |     router topk { top_k: 9 }",
        "   |                        ^^^",
        "  ::: common.moe:1:10",
        "   |",
        " 1 | let 世界 = 4",
        "   |            - the default",
        "   = note: a token uses each expert once",
        "   = help: lower `top_k`, or raise `num_experts`",
        "   = fix: write `=`",
        " 5 ~     router topk { top_k = 9 }",
        "   = fix: use two experts (look before you apply it)",
        " 5 ~     router topk { top_k = 2 }",
        "   = explain: moedsl explain E0114",
    ]


def test_without_a_place_or_a_page() -> None:
    assert rendered(PLACELESS) == ["error[E9999]: nothing to point at", "  = help: look elsewhere"]


def test_wide_letters_are_underlined_in_full() -> None:
    assert rendered(WARNING)[3:] == [" 1 | let 世界 = 4", "   |     ^^^^"]


def test_several_are_separated_by_an_empty_line() -> None:
    text = render_text([PLACELESS, PLACELESS], color=False, width=80)
    assert text.count("\n\n") == 1


def test_color_adds_nothing_but_color() -> None:
    colored = render_text([FULL, WARNING], color=True, width=100)
    plain = render_text([FULL, WARNING], color=False, width=100)
    assert "\033[1;31m" in colored
    assert "\033" not in plain
    assert re.sub(r"\033\[[0-9;]*m", "", colored) == plain


@pytest.mark.parametrize("width", [1, 40, 60, 80])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    source = SourceFile(path="a.moe", text="x" * 100 + " here " + "y" * 100)
    place = source.span(101, 105)
    fix = Fix(title="shorten", edits=(Edit(span=place, text="there"),))
    long = Diagnostic(code="E9999", message="m", span=place, help="word " * 40, note="word " * 40, fixes=(fix,))
    lines = rendered(long, width=width)
    assert all(len(line) <= max(width, 40) for line in lines), lines
    shown, underline = lines[3:5]
    assert shown[underline.index("^") : underline.rindex("^") + 1] == "here"


def test_terminal_escapes_in_a_spec_do_not_reach_the_terminal() -> None:
    source = SourceFile(path="a\033[31m.moe", text='let a = "\033[2J\u202e" + \x07\n')
    text = render_text(
        [Diagnostic(code="E9999", message="\033[0m", span=source.span(8, 9), help="\x07")], color=False, width=80
    )
    assert not set(text) & {"\033", "\x07", "\u202e"}


def test_a_span_over_several_lines_is_underlined_on_its_first() -> None:
    source = SourceFile(path="a.moe", text="model M {\n  a = 1\n}\n")
    lines = rendered(Diagnostic(code="E9999", message="m", span=source.span(6, 19)))
    assert lines[3:] == [" 1 | model M {", "   |       ^^^"]


def test_the_end_of_a_file_can_be_pointed_at() -> None:
    end = OTHER.span(len(OTHER.text), len(OTHER.text))
    assert rendered(Diagnostic(code="E9999", message="m", span=end))[1:] == [
        "  --> common.moe:2:1",
        "   |",
        " 2 |",
        "   | ^",
    ]


MESSAGES = {
    "unclosed": "model M {\n  moe {\n    router topk { top_k = 2\n    experts glu { }\n  }\n}\n",
    "missing_value": "model M {\n  d_model =\n  d_ff = 2\n}\n",
    "indentation": "model M:\n  d_model = 8\n\nmodel N { }\n",
    "look_alike": "let wіdth = 128\n",
    "unit": "let width = 8KB\n",
    "several": "let a: 1\nlet b = True\nlet c = [1 2]\nassert 0 <= c < 1\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_as_people_see_them(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"messages/{name}.txt", render_text(read(MESSAGES[name])[1], color=False, width=80) + "\n")
