from __future__ import annotations

import json

from compiler_tests.render.findings import FULL, PLACELESS, WARNING
from moedsl.render.concise import render_concise
from moedsl.render.github import render_github
from moedsl.render.json import to_json


def test_concise_is_one_line_each() -> None:
    assert render_concise([FULL, WARNING, PLACELESS]).splitlines() == [
        "specs/switch.moe:5:24: error[E0114]: `top_k: 9` asks for more experts than the layer has",
        "common.moe:1:5: warning[W9999]: 50% of, say: all",
        "error[E9999]: nothing to point at",
    ]


def test_json_has_the_promised_keys_and_counts_from_one() -> None:
    data = to_json(FULL)
    place = {"path": "specs/switch.moe", "line": 5, "column": 24, "end_line": 5, "end_column": 27}
    assert data == {
        "code": "E0114",
        "slug": "not-an-equals-sign",
        "severity": "error",
        "message": "`top_k: 9` asks for more experts than the layer has",
        **place,
        "labels": [
            {
                **{"path": "specs/switch.moe", "line": 3, "column": 30, "end_line": 3, "end_column": 31},
                "text": "8 experts, set here",
            },
            {**{"path": "common.moe", "line": 1, "column": 10, "end_line": 1, "end_column": 11}, "text": "the default"},
        ],
        "help": "lower `top_k`, or raise `num_experts`",
        "fixes": [
            {"title": "write `=`", "safety": "safe", "edits": [{**place, "end_column": 25, "text": " ="}]},
            {"title": "use two experts", "safety": "unsafe", "edits": [{**place, "text": " = 2"}]},
        ],
    }
    assert json.loads(json.dumps(data)) == data


def test_json_without_a_place() -> None:
    data = to_json(PLACELESS)
    assert [data[key] for key in ("path", "line", "column", "end_line", "end_column", "slug")] == [None] * 5 + [""]


def test_github_escapes_what_would_end_a_command() -> None:
    first, second, third = render_github([FULL, WARNING, PLACELESS]).splitlines()
    assert first.startswith(
        "::error file=specs/switch.moe,line=5,endLine=5,col=24,endColumn=27,title=E0114::`top_k: 9`"
    )
    assert first.endswith("%0Ahelp: lower `top_k`, or raise `num_experts`")
    assert second.endswith("::50%25 of, say: all")
    assert third == "::error title=E9999::nothing to point at%0Ahelp: look elsewhere"
