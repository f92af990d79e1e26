"""The language reference is true: every example gives the diagnostics and the structure that its page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler_tests.lang.outline import outline
from compiler_tests.lang.pages import FOLDER, Example, examples
from moedsl.checker.run import check

PAGES = sorted(FOLDER.glob("*.md"))
EXAMPLES = [example for page in PAGES for example in examples(page)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_example(example: Example, project: Path):
    for name, text in {**example.files, "main.moe": example.text}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    found = [(d.span.position.line if d.span else 0, d.code) for d in check(project / "main.moe").diagnostics]
    assert sorted(found) == sorted(example.expected)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.resolved], ids=lambda e: e.name)
def test_outline(example: Example, project: Path):
    for name, text in example.files.items():
        (project / name).write_text(text, encoding="utf-8")
    (project / "main.moe").write_text(example.text, encoding="utf-8")
    assert outline(project / "main.moe", example.place) == example.resolved


def test_every_page_has_examples():
    pages = {example.name.partition(":")[0] for example in EXAMPLES}
    assert pages == {page.stem for page in PAGES}
    assert len(PAGES) >= 10
