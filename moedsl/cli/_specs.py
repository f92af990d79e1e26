"""From the paths of a command line to checked specs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moedsl.cli._exit import ExitCode
from moedsl.diagnostics import Diagnostic, Report
from moedsl.names import closest
from moedsl.source import SourceFile, Span

if TYPE_CHECKING:
    from moedsl.checker.run import CheckResult
    from moedsl.ir.graph import Graph

STDIN = "-"
_UNREADABLE = frozenset({"E0101", "E0102", "E0103", "E0710"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `--model`, `--param` and `--set` said."""

    model: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Every input of a command line, checked."""

    diagnostics: tuple[Diagnostic, ...]
    results: Mapping[str, CheckResult]
    """By the path as it was written or found."""

    @property
    def graphs(self) -> tuple[tuple[str, Graph], ...]:
        """The models without errors, each with its file's path."""
        return tuple((path, graph) for path, result in self.results.items() for graph in result.graphs.values())

    @property
    def exit_code(self) -> ExitCode:
        """What these findings amount to."""
        return exit_code(self.diagnostics)


def exit_code(diagnostics: Iterable[Diagnostic]) -> ExitCode:
    """Unreadable input outranks findings; warnings alone are fine."""
    errors = [d for d in diagnostics if d.severity == "error"]
    if any(map(_is_unreadable, errors)):
        return ExitCode.UNREADABLE
    return ExitCode.FINDINGS if errors else ExitCode.OK


def _is_unreadable(error: Diagnostic) -> bool:
    """E0702 is about a file that a spec imports, and then points at the import; or about an input itself."""
    is_input = error.span is None or not error.span.file.text
    return error.code in _UNREADABLE or (error.code == "E0702" and is_input)


def spec_options(command: click.decorators.FC) -> click.decorators.FC:
    """`--model`, `--param` and `--set`, for commands that check a spec first."""
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a field, last of all."),
        click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Give a model's parameter."),
        click.option("--model", metavar="NAME", help="Only this model."),
    ):
        command = option(command)
    return command


def settings(model: str | None, params: Sequence[str], overrides: Sequence[str]) -> Settings:
    """The options of `spec_options` as one value."""
    for text in (*params, *overrides):
        if not all(part.strip() for part in text.partition("=")):
            raise click.UsageError(f"`{text}` sets nothing: write it as NAME=VALUE")
    return Settings(model=model, params=dict(map(_param, params)), overrides=tuple(overrides))


def _param(text: str) -> tuple[str, object]:
    from moedsl.checker.settings_text import parse_param

    name, _, value = text.partition("=")
    report = Report()
    parsed = parse_param(name.strip(), value, report)
    for problem in report:
        raise click.UsageError(f"`--param {text}`: {problem.message}" + (f": {problem.help}" if problem.help else ""))
    return name.strip(), parsed


def check_specs(paths: Sequence[str], chosen: Settings) -> Checked:
    """Check every spec that the paths name; folders are searched for `*.moe`."""
    report = Report()
    results = {path: _check(path, chosen) for path in find_specs(paths, report)}
    found = [d for result in results.values() for d in result.diagnostics]
    return Checked(diagnostics=(*report, *found), results=results)


def _check(path: str, chosen: Settings) -> CheckResult:
    from moedsl.checker.run import CheckResult, check
    from moedsl.syntax.decode import decode

    options = {"model": chosen.model, "params": chosen.params, "overrides": chosen.overrides}
    if path != STDIN:
        return check(Path(path) if "::" not in path else path, **options)
    report = Report()
    source = decode(read(path, report) or b"", "<stdin>", report)
    if source is None:
        return CheckResult(diagnostics=tuple(report))
    return check(f"{source.text}\n", path="<stdin>", **options)


def find_specs(paths: Sequence[str], report: Report) -> Iterator[str]:
    """Every spec that the paths name, as it will be shown; what is missing is reported."""
    for path in dict.fromkeys(paths):
        name, _, model = path.partition("::")
        if path == STDIN:
            yield path
        elif os.path.isdir(name) and model:
            raise click.UsageError(f"`{name}` is a folder, and `::{model}` needs a file")
        elif os.path.isdir(name):
            yield from _find_in_folder(name, report)
        elif os.path.exists(name):
            yield path
        else:
            _report_missing(name, report)


def read(path: str, report: Report) -> bytes | None:
    """The bytes of a spec that `find_specs` found, or none; reported."""
    if path == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(path.partition("::")[0]).read_bytes()
    except OSError as refusal:
        _report_closed(refusal, report)
        return None


def _find_in_folder(folder: str, report: Report) -> list[str]:
    """Specs below a folder, those in hidden folders left out."""
    found = []
    for root, folders, files in os.walk(folder, onerror=lambda refusal: _report_closed(refusal, report)):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [os.path.normpath(os.path.join(root, f)) for f in sorted(files) if f.endswith(".moe")]
    if not found:
        help = "name a folder with `.moe` files, or a file"
        report.add("E0710", f"there is no `.moe` file in `{folder}` or below it", _start_of(folder), help=help)
    return found


def _report_missing(name: str, report: Report) -> None:
    folder = Path(name).parent
    near = [str(folder / f.name) for f in folder.glob("*.moe")] if folder.is_dir() else []
    best = closest(name, near)
    help = f"did you mean `{best}`?" if best else "write the path of a `.moe` file, a folder, or `-`"
    report.add("E0702", f"there is no file `{name}`", _start_of(name), help=help)


def _report_closed(refusal: OSError, report: Report) -> None:
    message = f"`{refusal.filename}` cannot be read: {(refusal.strerror or 'unknown reason').lower()}"
    report.add("E0702", message, _start_of(str(refusal.filename)), help="make it readable, or leave it out")


def _start_of(path: str) -> Span:
    """A place in a file that has no text."""
    return SourceFile(path=path, text="").span(0, 0)
