"""An op as a class of an emitted file: its own functions, with `p.` turned into `self.`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from torch import nn

from moedsl.ir.graph import Node, ParamSpec
from moedsl.lower.emit.layout import Group, call, quoted, render
from moedsl.lower.emit.sourcefile import Edit, SourceFile
from moedsl.lower.emit.sources import Sources
from moedsl.lower.opmodule import FIXED_DTYPES
from moedsl.ops.base import Op


class _Variant(NamedTuple):
    """What two nodes must share to be instances of one class."""

    op: type[Op]
    call: str
    params: tuple[tuple[str, tuple[str, ...], bool, str], ...]
    """Name, axes, trainable, dtype."""


@dataclass(slots=True, kw_only=True)
class OpClasses:
    """The classes of the ops of one model."""

    sources: Sources
    texts: list[str] = field(default_factory=list)
    _classes: dict[_Variant, OpClass] = field(default_factory=dict)

    def instance(self, node: Node) -> Group:
        """The expression that makes a node's module."""
        variant = _Variant(type(node.op), node.call, tuple(_signature(node, p) for p in node.params))
        if variant not in self._classes:
            self._classes[variant] = cls = OpClass(self.sources, variant)
            self.texts.append(cls.text())
        return self._classes[variant].instance(node)


def _signature(node: Node, spec: ParamSpec) -> tuple[str, tuple[str, ...], bool, str]:
    return spec.path.removeprefix(f"{node.name}."), spec.axes, spec.trainable, spec.dtype


class OpClass:
    """One class to write."""

    def __init__(self, sources: Sources, variant: _Variant) -> None:
        title = variant.op.__name__ if variant.call == "forward" else f"{variant.op.__name__}{variant.call.title()}"
        self._sources = sources
        self._variant = variant
        self._params = {name for name, *_ in variant.params}
        self._axes = tuple(dict.fromkeys(axis for _, axes, *_ in variant.params for axis in axes))
        self._methods = list(dict.fromkeys(self._reachable(variant.call)))
        self._fields = [f for f in variant.op.model_fields if f in self._used_attributes()]
        self.name = sources.unique(title)

    # ---- instances

    def instance(self, node: Node) -> Group:
        """The call of this class that makes a node's module."""
        sizes = {axis: node.size[axis] for axis in self._axes}
        fields = {self._attribute(f): getattr(node.op, f) for f in self._fields}
        given = {k: v for k, v in fields.items() if k not in sizes and v != self._defaults().get(k, ...)}
        return call(self.name, **{k: quoted(v) for k, v in {**sizes, **given}.items()})

    def _defaults(self) -> dict[str, Any]:
        infos = self._variant.op.model_fields
        return {self._attribute(f): infos[f].default for f in self._fields if not infos[f].is_required()}

    def _attribute(self, name: str) -> str:
        """What a field is called on the module: parameters and torch's own attributes go first."""
        if name not in self._params and not hasattr(nn.Module, name):
            return name
        return f"has_{name}" if self._variant.op.model_fields[name].annotation is bool else f"{name}_field"

    # ---- text

    def text(self) -> str:
        """The class's definition."""
        parts = [f"class {self.name}(nn.Module):", f'    """{self._doc()}"""']
        if self._axes or self._fields or self._params:
            parts += ["", *self._init()]
        for owner, method in self._methods:
            parts += ["", _indented(self._method(owner, method))]
        return "\n".join(parts)

    def _doc(self) -> str:
        first = inspect.cleandoc(self._variant.op.__doc__ or "").partition("\n")[0]
        paper = self._variant.op.paper
        return f"{first}\n\n    {paper}.\n    " if paper else first

    def _init(self) -> Iterator[str]:
        yield render(Group("def __init__(", ("self", "*", *self._arguments()), ") -> None:"), 4)
        yield "        super().__init__()"
        for name in self._fields:
            yield f"        self.{self._attribute(name)} = {self._attribute(name)}"
        for name, axes, trainable, dtype in self._variant.params:
            sizes = axes if axes else ("()",)
            kind = {"dtype": str(FIXED_DTYPES[dtype])} if dtype in FIXED_DTYPES else {}
            empty = call("torch.empty", *sizes, **kind)
            made = call(f"self.{name} = nn.Parameter", empty)
            yield render(made if trainable else call("self.register_buffer", quoted(name), empty), 8)

    def _arguments(self) -> Iterator[str]:
        yield from (f"{axis}: int" for axis in self._axes)
        defaults = self._defaults()
        for name in self._fields:
            here = self._attribute(name)
            if here not in self._axes:
                default = f" = {quoted(defaults[here])}" if here in defaults else ""
                yield f"{here}: {self._annotation(name)}{default}"

    def _annotation(self, name: str) -> str:
        for cls in self._variant.op.__mro__:
            if name in vars(cls).get("__annotations__", {}):
                statement = self._sources.file(cls.__module__).method(cls.__name__, name)
                assert isinstance(statement, ast.AnnAssign), name
                return self._sources.text(cls.__module__, statement.annotation)
        raise AssertionError(name)

    def _method(self, owner: type, name: str) -> str:
        file = self._sources.file(owner.__module__)
        node = file.method(owner.__name__, name)
        assert isinstance(node, ast.FunctionDef), name
        edits = tuple(self._edits(file, node))
        return self._sources.text(owner.__module__, node, edits, rename="forward" if name == self._variant.call else "")

    # ---- which functions and fields are used

    def _reachable(self, name: str) -> Iterator[tuple[type, str]]:
        """A function and all others of the op that it calls."""
        owner = next(cls for cls in self._variant.op.__mro__ if name in vars(cls))
        yield owner, name
        for attribute in _attributes(self._node(owner, name), "self"):
            value = inspect.getattr_static(self._variant.op, attribute, None)
            if attribute != name and (inspect.isfunction(value) or isinstance(value, property)):
                yield from self._reachable(attribute)

    def _used_attributes(self) -> set[str]:
        return {a for owner, name in self._methods for a in _attributes(self._node(owner, name), "self")}

    def _node(self, owner: type, name: str) -> ast.FunctionDef:
        node = self._sources.file(owner.__module__).method(owner.__name__, name)
        assert isinstance(node, ast.FunctionDef), name
        return node

    # ---- from `p` to `self`

    def _edits(self, file: SourceFile, node: ast.FunctionDef) -> Iterator[Edit]:
        arguments = node.args.args
        if len(arguments) > 1 and arguments[1].arg == "p":
            yield Edit(file.end(arguments[0]), file.end(arguments[1]), "")
        passed = [part for part in ast.walk(node) if _passes_p(part)]
        for part in passed:
            first, *rest = [*part.args, *part.keywords]
            yield Edit(file.start(first), file.start(rest[0]) if rest else file.end(first), "")
        dropped = {id(part.args[0]) for part in passed}
        for part in ast.walk(node):
            match part:
                case ast.Name(id="p") if id(part) not in dropped:
                    yield Edit(file.start(part), file.end(part), "self")
                case ast.Attribute(value=ast.Name(id="self"), attr=attr) if attr in self._fields:
                    yield Edit(file.end(part) - len(attr), file.end(part), self._attribute(attr))


def _passes_p(part: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it is a call of another function of the op with `p` in front."""
    match part:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self")), args=[ast.Name(id="p"), *_]):
            return True
    return False


def _attributes(node: ast.AST, name: str) -> set[str]:
    """Attributes that are read of a variable."""
    reads = (part for part in ast.walk(node) if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name))
    return {part.attr for part in reads if isinstance(part.value, ast.Name) and part.value.id == name}


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
