"""Files: read and parsed once, never outside the project's root.

A spec reads nothing but what it declares: `import` of `.moe` files below the root, `use std…` of the package's own
presets, `use PACKAGE` of an installed plugin. No environment, no network.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from moedsl.checker.limits import MAX_FILES
from moedsl.diagnostics import Report
from moedsl.names import did_you_mean
from moedsl.ops import registry
from moedsl.source import SourceFile, Span
from moedsl.syntax import ast
from moedsl.syntax.decode import MAX_BYTES, decode
from moedsl.syntax.parser import parse

ROOT_MARKS = ("moedsl.lock", "pyproject.toml", ".git", "run.json")
"""`run.json` marks a run folder, which holds copies of its specs."""
SUFFIX = ".moe"
STD = Path(__file__).parent.parent / "std"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a file lies: what its imports are relative to, and what they may not leave."""

    folder: Path
    root: Path
    shown: str
    """The folder as messages print it."""
    is_preset: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Loader:
    """Loads files for one check."""

    report: Report
    home: Home
    main_path: Path | None = None
    main_source: SourceFile | None = None
    plugins: bool = True
    """False refuses `use PACKAGE`: for specs of strangers."""
    _files: dict[Path, ast.File | None] = field(default_factory=dict)
    _homes: dict[int, Home] = field(default_factory=dict)
    """By identity of the source."""

    @classmethod
    def of(cls, source: object, shown: str, report: Report) -> Loader | None:
        """A loader for a path or a text, or none for what is neither or no text; reported."""
        if isinstance(source, os.PathLike):
            return cls.for_path(Path(os.fsdecode(source)), report)
        if isinstance(source, str | bytes | bytearray):
            data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else bytes(source)
            decoded = decode(data, shown, report)
            return None if decoded is None else cls.for_text(decoded.text, shown, report)
        help = "give the path of a `.moe` file, or the text of a spec"
        report.add("E0709", "what was given is neither a path nor a text", _start_of(shown), help=help)
        return None

    @classmethod
    def for_text(cls, text: str, path: str, report: Report) -> Loader:
        """A loader for a text that is no file; its imports start in the current folder."""
        here = _resolved(Path())
        home = Home(folder=here, root=here, shown="")
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        return cls(report=report, home=home, main_source=SourceFile(path=path, text=text))

    @classmethod
    def for_path(cls, path: Path, report: Report) -> Loader:
        """A loader for a file; its imports may reach as far as the project's root."""
        folder = _resolved(path).parent
        shown = str(path.parent) if path.parent != Path() else ""
        home = Home(folder=folder, root=_root(folder), shown=shown)
        return cls(report=report, home=home, main_path=path)

    def main(self) -> ast.File | None:
        """The file that was asked for, or none where it cannot be read; reported."""
        source = self.main_source
        if source is None:
            assert self.main_path is not None, "a loader is made by for_text or for_path"
            source = self._read(self.main_path, str(self.main_path), None)
        if source is None:
            return None
        file = parse(source, self.report)
        self._homes[id(source)] = self.home
        if self.main_path is not None:
            self._files[_resolved(self.main_path)] = file
        return file

    @property
    def sources(self) -> dict[str, str]:
        """The project's texts that were read, the main one first, by path below its root."""
        main = {} if self.main_source is None else {"spec.moe": self.main_source.text}
        own = {path: f for path, f in self._files.items() if f is not None and not self.is_preset(f)}
        return main | {path.relative_to(self.home.root).as_posix(): f.source.text for path, f in own.items()}

    def is_preset(self, file: ast.File) -> bool:
        """Whether a file is one of the package's own presets."""
        return self._homes.get(id(file.source), self.home).is_preset

    # ---- imports

    def imported(self, node: ast.Import, importer: ast.File) -> ast.File | None:
        """The file that an `import` names, or none; reported."""
        home = self._homes.get(id(importer.source), self.home)
        text, span = node.path.value, node.path.span
        path = self._inside(home, text, span)
        if path is None:
            return None
        shown = os.path.normpath(os.path.join(home.shown, text))
        return self._load(path, shown, span, _home_of(home, path.parent, os.path.dirname(shown)))

    def _inside(self, home: Home, text: str, span: Span) -> Path | None:
        """The path of an import, with links followed; none where it leaves the root."""
        if "\0" in text or not text.endswith(SUFFIX):
            words = f'"{text}" is no `{SUFFIX}` file'
            self.report.add("E0703", words, span, help=f"import a file whose name ends in `{SUFFIX}`")
            return None
        path = _resolved(home.folder / text)
        if Path(text).is_absolute() or text.startswith("~") or not path.is_relative_to(home.root):
            self.report.add(
                "E0703",
                f'"{text}" lies outside the project',
                span,
                help="import a file below the folder that holds `pyproject.toml` or `.git`",
                note="links are followed before this is decided",
            )
            return None
        return path

    def _load(self, path: Path, shown: str, span: Span, home: Home) -> ast.File | None:
        if path not in self._files:
            self._files[path] = None
            if len(self._files) > MAX_FILES:
                words = f"this spec imports more than {MAX_FILES} files"
                self.report.add("E0705", words, span, help="put declarations together in fewer files")
                return None
            source = self._read(path, shown, span)
            if source is not None:
                self._files[path] = parse(source, self.report)
                self._homes[id(source)] = home
        return self._files[path]

    def _read(self, path: Path, shown: str, span: Span | None) -> SourceFile | None:
        """The text of a file, or none; reported at the import that names it, or at the file's own start."""
        span = span or _start_of(shown)
        try:
            is_file, size = path.is_file(), path.stat().st_size if path.is_file() else 0
            data = path.read_bytes() if is_file and size <= MAX_BYTES else b""
        except OSError as problem:
            words = f"`{shown}` cannot be read: {(problem.strerror or 'it is no file').lower()}"
            self.report.add("E0702", words, span, help="check its name and its permissions")
            return None
        if not is_file:
            words, help = _no_file(path, shown)
            self.report.add("E0702", words, span, help=help)
            return None
        if size > MAX_BYTES:
            words = f"`{shown}` has {size / 2**20:,.1f} MiB; at most {MAX_BYTES // 2**20} MiB are read"
            self.report.add("E0103", words, span, help="a spec is a text; is this the right file?")
            return None
        return decode(data, shown, self.report)

    # ---- presets and plugins

    def preset(self, node: ast.Use) -> ast.File | None:
        """The file that `use std.NAME` names, or none; reported."""
        known = sorted(p.stem for p in STD.glob(f"*{SUFFIX}"))
        names = [n.text for n in node.path[1:]]
        if len(names) != 1 or names[0] not in known:
            self.report.add(
                "E0708",
                f"there is no preset file `{'.'.join(n.text for n in node.path)}`",
                node.path[0].span.to(node.path[-1].span),
                help=did_you_mean(names[0] if names else "", known) or "`moedsl list presets` shows them all",
            )
            return None
        home = Home(folder=STD, root=STD, shown="std", is_preset=True)
        return self._load(STD / f"{names[0]}{SUFFIX}", f"std/{names[0]}{SUFFIX}", node.span, home)

    def use_plugin(self, node: ast.Use) -> None:
        """Make the ops of a plugin package known; reported where there is none."""
        name, span = node.path[0].text, node.path[0].span.to(node.path[-1].span)
        if not self.plugins:
            self.report.add("E0707", f"plugins are switched off, and this spec uses `{name}`", span, help=_PLUGIN_HELP)
            return
        try:
            found = len(node.path) == 1 and registry.use_plugin(name)
        except Exception as problem:  # a plugin is code of strangers: whatever it raises is its mistake, not the spec's
            words = f"plugin `{name}` cannot be loaded: {problem}"
            self.report.add("E0707", words, span, help="mend or reinstall the plugin")
            return
        if not found:
            known = ["std", *(e.name for e in entry_points(group=registry.ENTRY_POINTS))]
            words = f"no installed package offers components as `{'.'.join(n.text for n in node.path)}`"
            self.report.add("E0706", words, span, help=did_you_mean(name, known) or "install the plugin's package")


_PLUGIN_HELP = "allow plugins, or remove this line"


def _home_of(home: Home, folder: Path, shown: str) -> Home:
    """The home of a file that one in `home` imports."""
    return Home(folder=folder, root=home.root, shown=shown, is_preset=home.is_preset)


def _root(folder: Path) -> Path:
    """The nearest folder that marks a project, else the file's own."""
    marked: Sequence[Path] = [f for f in (folder, *folder.parents) if any((f / m).exists() for m in ROOT_MARKS)]
    return marked[0] if marked else folder


def _start_of(shown: str) -> Span:
    """A place in what has no text."""
    return SourceFile(path=shown, text="").span(0, 0)


def _resolved(path: Path) -> Path:
    """The path with links followed; where that cannot be done, one that is below no project."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # the folder is gone, a name no system can have, links in a circle
        return Path("/") / path.name


def _no_file(path: Path, shown: str) -> tuple[str, str]:
    """Message and help where a path is not that of a file."""
    if path.is_dir():
        return f"`{shown}` is a folder, not a file", "name a `.moe` file in it"
    if path.exists():
        return f"`{shown}` is a device or a pipe, not a file", "name a `.moe` file, or `-` for standard input"
    return f"there is no file `{shown}`", _neighbour(path) or "check the name and the folder"


def _neighbour(path: Path) -> str | None:
    """An offer of the closest file beside a missing one."""
    try:
        return did_you_mean(path.name, [p.name for p in path.parent.iterdir() if p.suffix == SUFFIX])
    except (OSError, ValueError):
        return None
