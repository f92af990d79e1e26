"""The usual mistakes, each inside a model whose other statements must stay readable."""

from __future__ import annotations

import pytest

from compiler_tests.syntax.reading import codes, nodes, read
from moedsl.diagnostics import Diagnostic
from moedsl.syntax import ast

INSIDE = {
    "E0105": [
        "a = [1 2]",
        "a = f(1 2)",
        "a = 1 2",
        "router topk extends { b = 1 }",
        "a = 1 .5",
        "a ? 3",
        "param r: list<int>",
        "param a int",
    ],
    "E0108": ['a = "abc', 'data text { path = "abc }', 'a = "abc\\'],
    "E0109": ["a = 'x'", 'a = """x"""', "a = 'say \"x\"'", 'a = """x\ny"""'],
    "E0110": ["a = 1;", "when a && b { }", "when !a { }", "@a = 1", "a = $b", "a = 2 ^ 3", "a = 1 \\"],
    "E0111": [
        "dо = 1",
        "a = １２",
        "a = “x”",
        "größe = 1",
        "a = größe",
        "a\u00a0= 1",
        "a ＝ 1",
        "a = 1\u200b",
        "a = x²",
    ],
    "E0112": [
        "a = 32kk",
        "a = 10%",
        "a = 10% b = 3",
        "a = .5",
        "a = 5.",
        "a = 0x10",
        "a = 1.2.3",
        "2nd = 3",
        "a = 1.5%",
    ],
    "E0113": ["let at = 3", "for = 3", "at = 3", "a = import + 1", "layer use { }", "a = f(if = 3)", "else = 1"],
    "E0114": [
        "k: 2",
        "k == 2",
        "k := 2",
        "k += 2",
        "k -> 2",
        "k => 2",
        "k 2",
        "router fast(k: 2)",
        "a = fast(k: 2)",
        "a = f(k: int)",
    ],
    "E0115": ["a = True", "a = [1, None]", "a = f(x = FALSE)"],
    "E0116": [
        "a =",
        "a = 1 +",
        "a = [1, , 2]",
        "a = f(b = )",
        "x { a = }",
        "at { }",
        "let a =",
        "a.b =\n  c.d = 2",
        "moved a ->",
        "a = (1 + )",
    ],
    "E0117": ["a = f(**kw)", "a = f(*args, b = 1)"],
    "E0118": ["moe:\n    k = 2\n    j = 3"],
    "E0119": ['import "x.moe"', "use std.x", "edition 2026"],
    "E0120": [r'a = "C:\data"', r'a = "\ud800"'],
    "E0121": ["assert 0 <= mu < 1", "assert 0 <= f(2) < 1 and b", "assert a == b == c"],
    "E0122": ["param mu = 0.7", "mu: float = 0.7", "param mu"],
    "E0123": ["asert x <= 3", "parm x: int = 3", "mved a -> b", "whn x == 3 { }"],
    "E0124": ["// hi there x = 3", "-- hi", "/* hi */", "a = 1\n  let b = 2\n  -- c"],
    "E0125": ["if a { b = 1 }", "when a { b = 1 } else if c { d = 1 }", "for i in 3 { b = 1 }", "else { a = 1 }"],
    "E0126": ["assert depth() = 3", "a = 1 if b = 2 else 3"],
    "E0127": ["router a.b = topk { }"],
}
INSIDE_CASES = [(code, text) for code, texts in INSIDE.items() for text in texts]


@pytest.mark.parametrize(("code", "text"), INSIDE_CASES)
def test_a_mistake_is_reported_once_and_the_rest_is_read(code: str, text: str) -> None:
    file, report = read(f"model M {{\n  first = 1\n  {text}\n  last = 1\n}}\nmodel N {{ }}\n")
    assert [d.code for d in report] == [code], [d.message for d in report]
    names = {node.path[0].text for node in nodes(file) if isinstance(node, ast.Assign)}
    heads = {node.head[0].text for node in nodes(file) if isinstance(node, ast.Block) and node.head}
    assert {"first", "last"} <= names
    assert {"M", "N"} <= heads


@pytest.mark.parametrize(("code", "text"), INSIDE_CASES)
def test_words_for_users(code: str, text: str) -> None:
    _, report = read(f"model M {{\n  {text}\n}}\n")
    for diagnostic in report:
        assert diagnostic.help, code
        assert "\n" not in diagnostic.message
        assert len(diagnostic.message) <= 100
        for jargon in ("RBRACE", "NAME", "NUMBER", "LALR", "Token", "oken(", "$END", "lark", "__"):
            assert jargon not in diagnostic.message + (diagnostic.help or "")


@pytest.mark.parametrize(("code", "text"), INSIDE_CASES)
def test_safe_fixes_mend_the_text(code: str, text: str) -> None:
    whole = f"model M {{\n  {text}\n}}\n"
    diagnostics = list(read(whole)[1])
    if any(fix.safety == "safe" for d in diagnostics for fix in d.fixes):
        assert codes(fixed(whole, diagnostics)) == [], code


def fixed(text: str, diagnostics: list[Diagnostic]) -> str:
    edits = [edit for d in diagnostics for fix in d.fixes for edit in fix.edits]
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


AT_THE_TOP = [
    ("E0119", "let a = 1\nedition 2026\nlet b = 1\n"),
    ("E0123", 'imprt "x.moe"\nlet b = 1\n'),
    ("E0123", "edtion 2026\nlet b = 1\n"),
    ("E0109", "import common\nlet b = 1\n"),
    ("E0113", "model use { }\nlet b = 1\n"),
    ("E0124", "edition 2026\n// comment\nlet b = 1\n"),
    ("E0127", "model M(3) { }\nlet b = 1\n"),
    ("E0122", "model M(a = 1, b: int) { }\nparam c = 1\nlet b = 1\n"),
    ("E0118", "model M:\n  a = 1\n  c = 2\nlet b = 1\n"),
    ("E0105", "edition twenty\nlet b = 1\n"),
]


@pytest.mark.parametrize(("code", "text"), AT_THE_TOP)
def test_mistakes_at_the_top_of_a_file(code: str, text: str) -> None:
    file, report = read(text)
    assert [d.code for d in report] == [code], [d.message for d in report]
    assert isinstance(file.items[-1], ast.Let)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [1 2]", "expected `,` or `]`, found `2`"),
        ("x { 3 }", "expected a statement or `}`, found `3`"),
        ("a = 32kk", "`32kk` has an unknown unit `kk`"),
        ("dо = 1", "`dо` is not `do`: it contains the Cyrillic `о` (U+043E)"),
        ("d_model =\nd_ff = 2", "`d_model` has no value"),
        ("a = 2 *\nb = 3", "`*` has no right side"),
        ("let for = 1", "`for` is a word of the language and cannot be a name"),
        ("assert 0 <= mu < 1", "`<= mu <` compares three values at once"),
        ("let", "expected a name, found the end of the file"),
        ("moved a.b", "expected `->`, found the end of the file"),
        ("param a int", "expected `:`, found `int`"),
    ],
)
def test_messages(text: str, message: str) -> None:
    assert message in [d.message for d in read(text)[1]]


def test_units_are_suggested() -> None:
    assert read("a = 8MB")[1].diagnostics[0].help == "did you mean `MiB`?"
    assert read("a = 8KB")[1].diagnostics[0].help == "did you mean `KiB`?"
