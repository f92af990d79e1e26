"""Settings that come as text: paths with layer numbers, values, and what is refused."""

from __future__ import annotations

import pytest

from moedsl.checker.hir import Bytes, Symbol
from moedsl.checker.settings_text import parse_override, parse_param
from moedsl.diagnostics import Report
from moedsl.syntax import ast


def test_a_path_may_hold_layer_numbers():
    report = Report()
    found = parse_override("decoder.layers.3.moe.router.top_k = 1", report)
    assert list(report) == []
    assert found
    assert [n.text for n in found.path] == ["decoder", "layers", "3", "moe", "router", "top_k"]
    assert [n.span.text for n in found.path] == [n.text for n in found.path]
    assert found.value.span.text == "1"
    assert found.span.file.text == "decoder.layers.3.moe.router.top_k = 1"


def test_a_component_is_a_value_too():
    found = parse_override("decoder.layers.0.moe.router.init=normal(std = 0.1)", Report())
    assert found
    assert isinstance(found.value, ast.Reference)


@pytest.mark.parametrize("text", ["", "a", "a.b", "= 1", "a = ", "a..b = 1", "a = 1  b = 2", "model M {}", "1a = 2"])
def test_what_is_no_setting_is_reported_at_its_text(text):
    report = Report()
    assert parse_override(text, report) is None
    assert report.has_errors
    assert all(d.span and d.span.file.text == text for d in report)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6", 6),
        ("-6", -6),
        ("32k", 32_000),
        ("0.25", 0.25),
        ("-1e-3", -0.001),
        ("true", True),
        ("none", None),
        ('"a b"', "a b"),
        ("[1, 2]", [1, 2]),
        ("48MiB", Bytes(value=48 * 2**20)),
    ],
)
def test_values(text, value):
    report = Report()
    assert parse_param("x", text, report) == value
    assert list(report) == []


def test_a_bare_name_stays_a_name():
    found = parse_param("act", "relu", Report())
    assert isinstance(found, Symbol)
    assert (found.text, found.span.text) == ("relu", "relu")


@pytest.mark.parametrize("text", ["", "1 2", "1 +", "f(x)", "1 + 2", "3ms", "-2KiB", "1e999999", "{"])
def test_values_that_are_refused(text):
    report = Report()
    assert parse_param("x", text, report) is None
    assert report.has_errors
