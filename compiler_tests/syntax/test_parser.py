from __future__ import annotations

import gc
import time

import pytest

from compiler_tests.syntax.reading import LANGUAGE, codes, nodes, read, tree
from moedsl.syntax import ast, reader
from moedsl.syntax.parser import MAX_DEPTH
from moedsl.syntax.reader import MAX_NESTING


def value(text: str) -> ast.Value:
    item = tree(f"x = {text}").items[0]
    assert isinstance(item, ast.Assign)
    return item.value


def brief(node: object) -> object:
    """A value as nested tuples, without spans."""
    match node:
        case ast.Number():
            return node.text + node.unit
        case ast.String():
            return repr(node.value)
        case ast.Constant():
            return node.value
        case ast.Reference():
            return brief_reference(node)
        case ast.Unary():
            return (node.operator, brief(node.operand))
        case ast.Binary():
            return (brief(node.left), node.operator, brief(node.right))
        case ast.Conditional():
            return (brief(node.then), "if", brief(node.test), "else", brief(node.otherwise))
        case ast.List():
            return list(map(brief, node.items))
        case ast.Object():
            return (brief(node.head), "{}", len(node.body.statements))
    raise AssertionError(node)


def brief_reference(node: ast.Reference) -> object:
    path = ".".join(name.text for name in node.path)
    if node.call is None:
        return path
    call = tuple((f"{a.name.text}=", brief(a.value)) if a.name else brief(a.value) for a in node.call)
    member = (".".join(name.text for name in node.member),) if node.member else ()
    return (path, call, *member)


# ---- values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32k", "32k"),
        ("1_000", "1000"),
        ("48MiB", "48MiB"),
        ("1e-5", "1e-5"),
        ("1.5e3ms", "1.5e3ms"),
        (r'"a\n\t\"\\A"', repr('a\n\t"\\A')),
        ("true", True),
        ("false", False),
        ("none", None),
        ("a.b.c", "a.b.c"),
        ("f()", ("f", ())),
        ("f(1, k = 2,)", ("f", ("1", ("k=", "2")))),
        ("std.t5(n = 2).total_params", ("std.t5", (("n=", "2"),), "total_params")),
        ("-x", ("-", "x")),
        ("- -1", ("-", ("-", "1"))),
        ("-2 ** 2", ("-", ("2", "**", "2"))),
        ("2 ** -1", ("2", "**", ("-", "1"))),
        ("2 ** 3 ** 4", ("2", "**", ("3", "**", "4"))),
        ("1 - 2 - 3", (("1", "-", "2"), "-", "3")),
        ("1 + 2 * 3", ("1", "+", ("2", "*", "3"))),
        ("(1 + 2) * 3", (("1", "+", "2"), "*", "3")),
        ("7 // 2 % 3 / 4", ((("7", "//", "2"), "%", "3"), "/", "4")),
        ("0..n - 1", ("0", "..", ("n", "-", "1"))),
        ("0..=4", ("0", "..=", "4")),
        ("not a == b", ("not", ("a", "==", "b"))),
        ("a or b and not c", ("a", "or", ("b", "and", ("not", "c")))),
        ("1 if a else 2 if b else 3", ("1", "if", "a", "else", ("2", "if", "b", "else", "3"))),
        ("[]", []),
        ("[1, [2], f(3),]", ["1", ["2"], ("f", ("3",))]),
        ("ties { density = 0.2 }", ("ties", "{}", 1)),
        ("noise(1) { }", (("noise", ("1",)), "{}", 0)),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert brief(value(text)) == expected


def test_a_group_spans_its_parentheses() -> None:
    assert value("(1 + 2)").span.text == "(1 + 2)"


# ---- statements


def test_every_rule_makes_its_node() -> None:
    file = tree(LANGUAGE)
    made = {type(node) for node in nodes(file)}
    expected = {
        *(ast.Edition, ast.Import, ast.Use, ast.Param, ast.Let, ast.Assign, ast.Block, ast.Declare, ast.At, ast.When),
        *(ast.Assert, ast.Moved, ast.Body, ast.TypeName, ast.Name, ast.Number, ast.String, ast.Constant),
        *(ast.Reference, ast.Argument, ast.Unary, ast.Binary, ast.Conditional, ast.List, ast.Object, ast.File),
    }
    assert made == expected
    assert file.edition is not None
    assert file.edition.year == "2026"


def test_the_parentheses_of_a_declaration_hold_parameters() -> None:
    (model,) = tree("model M(a: int = 1 where a > 0, b, c = 2) { }").items
    assert isinstance(model, ast.Block)
    assert [(p.name.text, p.type and p.type.name) for p in model.parameters] == [("a", "int"), ("b", None), ("c", None)]
    assert model.parameters[0].where is not None
    assert model.parameters[1].default is None
    assert model.arguments is None


def test_the_parentheses_of_a_use_hold_arguments() -> None:
    (model,) = tree("model M { router fast(1, k = 2) layer block(n: int) { } moe { } }").items
    assert isinstance(model, ast.Block)
    assert model.body is not None
    router, layer, moe = model.body.statements
    assert isinstance(router, ast.Block)
    assert isinstance(layer, ast.Block)
    assert isinstance(moe, ast.Block)
    assert router.arguments is not None
    assert [a.name and a.name.text for a in router.arguments] == [None, "k"]
    assert (router.parameters, router.body) == ((), None)
    assert ([p.name.text for p in layer.parameters], layer.arguments) == (["n"], None)
    assert (moe.slot.text, moe.head, moe.arguments) == ("moe", (), None)


def test_extends_and_for() -> None:
    bigger, quick = tree("model B extends a.b(n = 1) { }  recipe q for B { }").items
    assert isinstance(bigger, ast.Block)
    assert isinstance(quick, ast.Block)
    assert brief(bigger.extends) == ("a.b", (("n=", "1"),))
    assert brief(quick.subject) == "B"


def test_else_when_is_a_body_with_one_statement() -> None:
    (when,) = tree("when a { x = 1 } else when b { } else { y = 2 }").items
    assert isinstance(when, ast.When)
    assert when.otherwise is not None
    (other,) = when.otherwise.statements
    assert isinstance(other, ast.When)
    assert other.otherwise is not None
    assert len(other.otherwise.statements) == 1


def test_moved_takes_stars_and_indices() -> None:
    (moved,) = tree("moved decoder.layers.*.ffn -> d.0.1.*").items
    assert isinstance(moved, ast.Moved)
    assert (moved.old, moved.new) == (("decoder", "layers", "*", "ffn"), ("d", "0", "1", "*"))


def test_types() -> None:
    (param,) = tree("param x: list[component[router]?]? = none").items
    assert isinstance(param, ast.Param)
    assert param.type is not None
    inner = param.type.arguments[0]
    assert (param.type.name, param.type.optional) == ("list", True)
    assert (inner.name, inner.optional, inner.arguments[0].name) == ("component", True, "router")


def test_line_breaks_and_commas_between_statements_mean_nothing() -> None:
    assert tree("a = 1, b = 2 c\n= 3") == tree("a = 1\nb = 2\nc = 3\n")


def test_an_empty_text_is_an_empty_file() -> None:
    for text in ("", "\n\n", "# only a comment", "\t \n"):
        assert tree(text).items == ()


# ---- documentation


def test_doc_comments_belong_to_the_next_statement() -> None:
    first, second = tree("## One\n##  two  \n# plain\nlet a = 1\nlet b = 2 ## behind\n").items
    assert isinstance(first, ast.Let)
    assert isinstance(second, ast.Let)
    assert (first.doc, second.doc) == ("One\n two", None)


def test_a_blank_line_ends_a_doc_comment() -> None:
    (item,) = tree("## About the file.\n\n## About a.\n\nlet a = 1").items
    assert isinstance(item, ast.Let)
    assert item.doc == "About a."


def test_parameters_blocks_and_declarations_have_docs() -> None:
    model, router = tree("## m\nmodel M(\n  ## p\n  a: int,\n) {\n  ## x\n  x = 1\n}\n## r\nrouter f = topk { }").items
    assert isinstance(model, ast.Block)
    assert isinstance(router, ast.Declare)
    assert model.body is not None
    assign = model.body.statements[0]
    assert isinstance(assign, ast.Assign)
    assert [model.doc, model.parameters[0].doc, assign.doc, router.doc] == ["m", "p", "x", "r"]


# ---- places


def test_every_span_holds_its_own_text() -> None:
    for node in nodes(tree(LANGUAGE)):
        again = node.span.text
        if isinstance(node, ast.Name):
            assert again == node.text
        elif isinstance(node, ast.Number):
            assert again.replace("_", "") == node.text + node.unit
        elif isinstance(node, ast.Body) and not again.startswith("when"):
            assert (again[0], again[-1]) == ("{", "}")
        elif isinstance(node, ast.Binary):
            assert node.operator_span.text == node.operator
            assert node.left.span.end <= node.operator_span.start < node.right.span.start


def test_a_statement_spans_from_its_first_to_its_last_token() -> None:
    for node in nodes(tree(LANGUAGE)):
        if isinstance(
            node, ast.Assign | ast.Let | ast.Param | ast.Block | ast.Assert | ast.Declare | ast.At | ast.When
        ):
            assert node.span.text == node.span.text.strip().rstrip(",")
    (a, b) = tree("a = f(1) ,\n  b = [2]\n").items
    assert (a.span.text, b.span.text) == ("a = f(1)", "b = [2]")


def test_positions_count_characters_with_tabs_and_wide_letters() -> None:
    _, report = read('x = "世界"\n\ty: 1\n')
    span = report.diagnostics[0].span
    assert span is not None
    assert (span.position.line, span.position.column) == (2, 3)


# ---- limits


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "x = " + "[" * MAX_NESTING + "1" + "]" * MAX_NESTING
    assert codes(text) == []
    assert codes(text.replace("1", "[1]")) == ["E0104"]


@pytest.mark.parametrize(
    "text",
    [
        "x = " + " + ".join(["1"] * (MAX_DEPTH + 2)),
        "x = " + "-" * 5000 + "1",
        "x = " + "not " * 5000 + "true",
        "x = " + "2 ** " * 5000 + "1",
        "x = " + "1 if a else " * 5000 + "1",
        "when a { } " + "else when a { } " * 500,
    ],
    ids=["sum", "minus", "not", "power", "conditional", "when"],
)
def test_long_chains_are_refused(text: str) -> None:
    assert codes(text) == ["E0104"]


@pytest.mark.parametrize("unit", ["{", "[", "(", "a{", "x = [{"])
def test_millions_of_brackets_are_refused_at_once(unit: str) -> None:
    started = time.process_time()
    assert codes(unit * (8_000_000 // len(unit))) == ["E0104"]
    assert time.process_time() - started < 2


def test_too_many_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TOKENS", 1000)
    assert codes("x " * 1000) == []
    assert codes("x " * 1001) == ["E0103"]


def test_time_is_linear_in_the_length() -> None:
    body = LANGUAGE.split("\n", 1)[1]
    short, long = body * 12, body * 120
    tree(short)
    times = []
    gc.collect()
    gc.freeze()  # what other tests left behind is not searched again and again while the clock runs
    for text in (short, long):
        started = time.process_time()
        tree(text)
        times.append(time.process_time() - started)
    gc.unfreeze()
    assert times[1] < 15 * times[0], times
    assert times[1] / (120 * body.count("\n")) < 0.0003, "more than 3 s for 10,000 lines"
