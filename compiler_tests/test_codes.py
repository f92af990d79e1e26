"""Every diagnostic code has a page, and the page's examples do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from moedsl.checker.run import check
from moedsl.codes import Example, Page, all_codes, page, slug
from moedsl.diagnostics import Diagnostic

ROOT = Path(__file__).parents[1]
PAGES = [page(code) for code in all_codes()]
CHECKED = [p for p in PAGES if p.bad_example and p.bad_example.language == "moe" and not p.command]
IN_SHELL = [p for p in PAGES if p.bad_example and p.bad_example.language == "sh" and "moedsl" in p.bad_example.text]


def only_checks(example: Example) -> bool:
    return set(re.findall(r"^ *moedsl (\w+)", example.text, re.MULTILINE)) == {"check"}


def write(example: Example, folder: Path) -> Path:
    for name, text in example.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    main = folder / "main.moe"
    main.write_text(example.text, encoding="utf-8")
    return main


def findings(example: Example, folder: Path) -> tuple[Diagnostic, ...]:
    return check(write(example, folder)).diagnostics


def errors(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{d.code} {d.message}" for d in diagnostics if d.severity == "error"]


def mended(text: str, diagnostics: tuple[Diagnostic, ...]) -> str:
    edits = {e for d in diagnostics for fix in d.fixes if fix.safety == "safe" for e in fix.edits}
    for edit in sorted(edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


@pytest.mark.parametrize("own", PAGES, ids=lambda p: p.code)
def test_a_page_is_well_formed(own: Page) -> None:
    assert slug(own.code) == own.slug
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", own.slug), own.slug
    assert own.title.endswith("."), own.title
    assert len(own.title) <= 100, own.title
    assert own.text
    assert own.bad
    assert own.good


def test_slugs_are_unique() -> None:
    repeated = [name for name, count in Counter(p.slug for p in PAGES).items() if count > 1]
    assert repeated == []


def test_every_code_in_the_source_has_a_page() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "moedsl").rglob("*.py")]
    named = {code for text in sources for code in re.findall(r'"([EW]\d{4})"', text)}
    assert sorted(named - set(all_codes())) == []


@pytest.mark.parametrize("own", CHECKED, ids=lambda p: p.code)
def test_the_bad_example_gives_exactly_the_code(own: Page, tmp_path: Path) -> None:
    assert own.bad_example
    found = findings(own.bad_example, tmp_path)
    codes = {d.code for d in found if d.severity == "error" or own.code[0] == "W"}
    assert codes == {own.code}, [f"{d.code} {d.message}" for d in found]


@pytest.mark.parametrize("own", CHECKED, ids=lambda p: p.code)
def test_the_good_example_gives_no_error(own: Page, tmp_path: Path) -> None:
    assert own.good_example
    found = findings(own.good_example, tmp_path)
    assert errors(found) == []
    assert own.code not in {d.code for d in found}


@pytest.mark.parametrize("own", CHECKED, ids=lambda p: p.code)
def test_safe_fixes_mend_the_bad_example(own: Page, tmp_path: Path) -> None:
    assert own.bad_example
    found = findings(own.bad_example, tmp_path)
    text = mended(own.bad_example.text, found)
    if text == own.bad_example.text:
        return  # nothing to apply: no fix of this code is certain enough
    (tmp_path / "main.moe").write_text(text, encoding="utf-8")
    again = check(tmp_path / "main.moe").diagnostics
    assert errors(again) == []
    assert own.code not in {d.code for d in again}


@pytest.mark.parametrize(
    "own", [p for p in IN_SHELL if p.bad_example and only_checks(p.bad_example)], ids=lambda p: p.code
)
def test_the_bad_commands_give_exactly_the_code(own: Page, tmp_path: Path) -> None:
    assert own.bad_example
    assert set(re.findall(r"\[([EW]\d{4})\]", shell(own.bad_example.text, tmp_path))) == {own.code}


def shell(commands: str, folder: Path) -> str:
    """What commands print that stand in a page, with the checkout's `moedsl`."""
    script = f'moedsl() {{ PYTHONPATH="{ROOT}" "{sys.executable}" -m moedsl "$@"; }}\n{commands}'
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr
