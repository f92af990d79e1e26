"""Diagnostics to render: every part that a diagnostic can have, across two files."""

from __future__ import annotations

from moedsl.diagnostics import Diagnostic, Edit, Fix, Label
from moedsl.source import SourceFile, Span

SPEC = SourceFile(
    path="specs/switch.moe",
    text="model M {\n  moe {\n\texperts glu { num_experts = 8 }\n\n    router topk { top_k: 9 }\n  }\n}\n",
)
OTHER = SourceFile(path="common.moe", text="let 世界 = 4\n")


def find(source: SourceFile, text: str) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


FULL = Diagnostic(
    code="E0114",
    message="`top_k: 9` asks for more experts than the layer has",
    span=find(SPEC, ": 9"),
    labels=(Label(span=find(SPEC, "8"), text="8 experts, set here"), Label(span=find(OTHER, "4"), text="the default")),
    note="a token uses each expert once",
    help="lower `top_k`, or raise `num_experts`",
    fixes=(
        Fix(title="write `=`", edits=(Edit(span=find(SPEC, ":"), text=" ="),), safety="safe"),
        Fix(title="use two experts", edits=(Edit(span=find(SPEC, ": 9"), text=" = 2"),)),
    ),
)
WARNING = Diagnostic(code="W9999", message="50% of, say: all", span=find(OTHER, "世界"))
PLACELESS = Diagnostic(code="E9999", message="nothing to point at", help="look elsewhere")
