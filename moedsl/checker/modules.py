"""Files as scopes: what stands at the top of a file, and what it imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from moedsl.checker.limits import MAX_DEPTH
from moedsl.checker.loader import Loader
from moedsl.checker.scope import Definition, Module, Scope, Template
from moedsl.checker.slots import kind_of_word
from moedsl.names import RESERVED, did_you_mean
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

EDITIONS = ("2026",)
_DEFINITIONS = ("model", "recipe")
_TEMPLATES = ("layer", "moe")


@dataclass(slots=True, kw_only=True, eq=False)
class Modules:
    """Makes the scopes of files."""

    ev: Evaluation
    loader: Loader
    _scopes: dict[int, Scope] = field(default_factory=dict)
    """By identity of the file."""
    _files: list[ast.File] = field(default_factory=list)
    """Files whose scope is being made, the importing one first."""

    def scope(self, file: ast.File) -> Scope:
        """The names at the top of a file."""
        known = self._scopes.get(id(file))
        if known is not None:
            return known
        scope = Scope(is_preset=self.loader.is_preset(file))
        self._scopes[id(file)] = scope
        self._files.append(file)
        if file.edition is not None:
            self._check_edition(file.edition)
        for item in file.items:
            self._item(item, file, scope)
        self.ev.bodies.declare([s for s in file.items if isinstance(s, ast.Let | ast.Declare | ast.Broken)], scope)
        self._files.pop()
        return scope

    def _check_edition(self, edition: ast.Edition) -> None:
        if edition.year not in EDITIONS:
            self.ev.report.add(
                "E0701",
                f"there is no edition {edition.year}",
                edition.span,
                help=f"write `edition {EDITIONS[-1]}`, or install a newer moedsl",
            )

    def _item(self, item: ast.Item, file: ast.File, scope: Scope) -> None:
        if isinstance(item, ast.Import):
            self._import(item, file, scope)
        elif isinstance(item, ast.Use):
            self._use(item, scope)
        elif isinstance(item, ast.Block):
            self._block(item, scope)
        elif not isinstance(item, ast.Let | ast.Declare | ast.Broken):
            word = type(item).__name__.lower()
            words = "a setting stands inside a block" if word == "assign" else f"`{word}` stands inside a block"
            self.ev.report.add("E0210", words, item.span, help="move it into a `model`")

    # ---- other files

    def _import(self, node: ast.Import, file: ast.File, scope: Scope) -> None:
        stem = PurePosixPath(node.path.value).stem
        if node.alias is None and (not stem.isidentifier() or not stem.isascii() or stem in RESERVED):
            words = f'"{node.path.value}" gives no usable name'
            self.ev.report.add("E0219", words, node.path.span, help='write `import "…" as NAME`')
            scope.is_broken = True
            return
        name = node.alias or ast.Name(text=stem, span=node.path.span)
        self._module(name, self.loader.imported(node, file), node.path, scope)

    def _use(self, node: ast.Use, scope: Scope) -> None:
        if node.path[0].text == "std":
            self._module(node.alias or node.path[-1], self.loader.preset(node), node, scope)
        else:
            self.loader.use_plugin(node)

    def _module(self, name: ast.Name, file: ast.File | None, node: ast.Node, scope: Scope) -> None:
        if file is not None and self._is_circular(file, node):
            file = None
        inner = self.scope(file) if file is not None else Scope(is_broken=True)
        self.ev.bodies.name(name, Module(span=name.span, scope=inner), scope)

    def _is_circular(self, file: ast.File, node: ast.Node) -> bool:
        at = next((i for i, f in enumerate(self._files) if f is file), None)
        if at is None and len(self._files) < MAX_DEPTH:
            return False
        ring = self._files[at:] if at is not None else self._files[:8]
        names = " -> ".join(f"`{f.source.path}`" for f in [*ring, file])
        help = "move what both need into a third file"
        self.ev.report.add("E0704", f"these files import each other: {names}", node.span, help=help)
        return True

    # ---- blocks

    def _block(self, node: ast.Block, scope: Scope) -> None:
        word = node.slot.text
        if word not in (*_DEFINITIONS, *_TEMPLATES):
            self._report_block(node)
        elif len(node.head) != 1:
            words = f"this {word} has no name" if not node.head else "a new name has no dots"
            self.ev.report.add("E0219", words, node.slot.span, help=f"write `{word} NAME {{ … }}`")
            scope.is_broken = True
        elif word in _DEFINITIONS:
            self.ev.bodies.name(node.head[0], Definition(node=node, scope=scope), scope)
        else:
            self.ev.bodies.name(node.head[0], Template(node=node, scope=scope), scope)

    def _report_block(self, node: ast.Block) -> None:
        word, known = node.slot.text, (*_DEFINITIONS, *_TEMPLATES)
        if kind_of_word(word) is not None:
            help = f"declare it: `{word} NAME = KEYWORD {{ … }}`, or move it into a model"
        else:
            help = did_you_mean(word, known) or "move it into a model"
        self.ev.report.add("E0210", f"`{word}` cannot stand at the top of a file", node.slot.span, help=help)
