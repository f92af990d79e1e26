"""From grammar rules to syntax tree: one method a rule, called as soon as the rule is complete.

Names that recovery put in, or that no name can look like, are empty. What holds one becomes `Broken`, so that nothing
after the parser speaks of it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from moedsl.diagnostics import Report
from moedsl.source import SourceFile, Span
from moedsl.syntax import ast, notes
from moedsl.syntax.tokens import Token

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_FOREIGN = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false", "None": "none", "NULL": "none"}
_NUMBER = re.compile(r"(.*[0-9_])([A-Za-z]*)")
_ESCAPE = re.compile(r"\\(u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|.)")
"""Half of a surrogate pair is no character, so `\\ud800` is refused."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}

_Names = tuple[ast.Name, ...]


@dataclass(frozen=True, slots=True)
class _Parens:
    entries: tuple[ast.Argument | ast.Param, ...]


class _Head(NamedTuple):
    path: _Names
    parens: _Parens | None


@dataclass(frozen=True, slots=True)
class _Clause:
    """`where x`, `extends x` or `for x`."""

    content: Any


class _Where(_Clause):
    pass


class _Extends(_Clause):
    pass


class _For(_Clause):
    pass


class Builder:
    """Makes the nodes of one file."""

    def __init__(self, source: SourceFile, report: Report, docs: Mapping[int, str]) -> None:
        self._source = source
        self._report = report
        self._docs = docs
        """By the offset where the documented statement starts."""

    def __call__(self, action: str, children: list[Any], start: int, end: int) -> Any:
        """The node that a rule stands for."""
        return getattr(self, action)(children, Span(file=self._source, start=start, end=end))

    def _span(self, token: Token) -> Span:
        return Span(file=self._source, start=token.start, end=token.end)

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(text=token.text, span=self._span(token))

    def _doc(self, span: Span) -> str | None:
        return self._docs.get(span.start)

    # ---- files

    def start(self, children: list[Any], _: Span) -> ast.File:
        edition = children.pop(0) if children and isinstance(children[0], ast.Edition) else None
        whole = self._source.span(0, len(self._source.text))
        items = tuple(self._declared(item) if isinstance(item, ast.Block) else item for item in children)
        return ast.File(source=self._source, edition=edition, items=items, span=whole)

    def edition(self, children: list[Any], span: Span) -> ast.Edition:
        return ast.Edition(year=children[0].text, span=span)

    def import_(self, children: list[Any], span: Span) -> ast.Import | ast.Broken:
        alias = self._name(children[1]) if len(children) > 1 else None
        if alias is not None and not alias.text:
            return ast.Broken(span=span)
        return ast.Import(path=self.string(children, self._span(children[0])), alias=alias, span=span)

    def use_(self, children: list[Any], span: Span) -> ast.Use | ast.Broken:
        alias = self._name(children[1]) if len(children) > 1 else None
        if _is_lost([*children[0], *([alias] if alias else [])]):
            return ast.Broken(span=span)
        return ast.Use(path=children[0], alias=alias, span=span)

    # ---- statements

    def _declared(self, block: ast.Block) -> ast.Block:
        """A block at the top of a file, whose parentheses can only declare parameters."""
        if block.arguments is None:
            return block
        entries = sorted((*block.parameters, *block.arguments), key=lambda entry: entry.span.start)
        return replace(block, parameters=self._params(entries), arguments=None)

    def param(self, children: list[Any], span: Span) -> ast.Param | ast.Broken:
        name, type_, *rest = children
        where = next((c.content for c in rest if isinstance(c, _Where)), None)
        default = next((c for c in rest if not isinstance(c, _Where)), None)
        if not name.text:
            return ast.Broken(span=span)
        return ast.Param(
            name=self._name(name), type=type_, default=default, where=where, doc=self._doc(span), span=span
        )

    formal = param

    def where(self, children: list[Any], _: Span) -> _Where:
        return _Where(children[0])

    def let(self, children: list[Any], span: Span) -> ast.Let | ast.Broken:
        if not children[0].text:
            return ast.Broken(span=span)
        return ast.Let(name=self._name(children[0]), value=children[1], doc=self._doc(span), span=span)

    def assign(self, children: list[Any], span: Span) -> ast.Assign | ast.Broken:
        if _is_lost(children[0]):
            return ast.Broken(span=span)
        return ast.Assign(path=children[0], value=children[1], doc=self._doc(span), span=span)

    def declare(self, children: list[Any], span: Span) -> ast.Declare | ast.Broken:
        slot, head, value = children
        if _is_lost(head.path) or not slot.text:
            return ast.Broken(span=span)
        if len(head.path) > 1:
            notes.dotted_declaration(self._report, head.path)
            return ast.Broken(span=span)
        return ast.Declare(
            slot=self._name(slot),
            name=head.path[0],
            parameters=self._params(_entries(head.parens)),
            value=value,
            doc=self._doc(span),
            span=span,
        )

    def block(self, children: list[Any], span: Span) -> ast.Block | ast.Broken:
        slot, *rest = children
        parts = {type(part): part for part in rest}
        head: _Head = parts.get(_Head, _Head((), None))
        if not slot.text or _is_lost(head.path) or any(_is_broken(part) for part in rest):
            return ast.Broken(span=span)
        parameters = tuple(e for e in _entries(head.parens) if isinstance(e, ast.Param))
        arguments = tuple(e for e in _entries(head.parens) if isinstance(e, ast.Argument))
        return ast.Block(
            slot=self._name(slot),
            head=head.path,
            parameters=parameters,
            arguments=arguments if head.parens and (arguments or not parameters) else None,
            extends=_content(parts.get(_Extends)),
            subject=_content(parts.get(_For)),
            body=parts.get(ast.Body),
            doc=self._doc(span),
            span=span,
        )

    def head(self, children: list[Any], _: Span) -> _Head:
        return _Head(children[0], children[1] if len(children) > 1 else None)

    def extends_(self, children: list[Any], _: Span) -> _Extends:
        return _Extends(children[0])

    def for_(self, children: list[Any], _: Span) -> _For:
        return _For(children[0])

    def at_(self, children: list[Any], span: Span) -> ast.At:
        return ast.At(selectors=tuple(children[:-1]), body=children[-1], span=span)

    def when_(self, children: list[Any], span: Span) -> ast.When:
        test, body, *rest = children
        otherwise = rest[0] if rest else None
        if isinstance(otherwise, ast.When):
            otherwise = ast.Body(statements=(otherwise,), span=otherwise.span)
        return ast.When(test=test, body=body, otherwise=otherwise, span=span)

    def assert_(self, children: list[Any], span: Span) -> ast.Assert:
        message = self._text(children[1]) if len(children) > 1 else None
        return ast.Assert(test=children[0], message=message, span=span)

    def moved(self, children: list[Any], span: Span) -> ast.Moved | ast.Broken:
        old, new = children
        return ast.Moved(old=old, new=new, span=span) if all(old + new) else ast.Broken(span=span)

    def glob(self, children: list[Any], _: Span) -> tuple[str, ...]:
        return tuple(part for token in children for part in token.text.split("."))

    def body(self, children: list[Any], span: Span) -> ast.Body:
        return ast.Body(statements=tuple(children), span=span)

    # ---- parentheses, types, paths

    def parens(self, children: list[Any], _: Span) -> _Parens:
        return _Parens(tuple(entry for entry in children if not isinstance(entry, ast.Broken)))

    def argument(self, children: list[Any], span: Span) -> ast.Argument:
        return ast.Argument(name=None, value=children[0], span=span)

    def named_argument(self, children: list[Any], span: Span) -> ast.Argument:
        if not children[0].text:
            return ast.Argument(name=None, value=ast.Broken(span=span), span=span)
        return ast.Argument(name=self._name(children[0]), value=children[1], span=span)

    def type(self, children: list[Any], span: Span) -> ast.TypeName | None:
        path, *rest = children
        arguments = tuple(part for part in rest if isinstance(part, ast.TypeName))
        optional = bool(rest) and isinstance(rest[-1], Token)
        if _is_lost(path):
            return None
        return ast.TypeName(name=".".join(n.text for n in path), arguments=arguments, optional=optional, span=span)

    def path(self, children: list[Any], _: Span) -> _Names:
        return tuple(map(self._name, children))

    member = path

    def _params(self, entries: Iterable[ast.Argument | ast.Param]) -> tuple[ast.Param, ...]:
        return tuple(param for entry in entries if (param := self._as_param(entry)) is not None)

    def _as_param(self, entry: ast.Argument | ast.Param) -> ast.Param | None:
        """`a = 1` and `a` in parentheses that declare parameters."""
        if isinstance(entry, ast.Param):
            return entry
        name, default = entry.name, entry.value
        if name is None and isinstance(default, ast.Reference) and default.call is None and len(default.path) == 1:
            name, default = default.path[0], None
        if name is not None:
            return ast.Param(name=name, type=None, default=default, where=None, span=entry.span)
        if not isinstance(default, ast.Broken):
            notes.unnamed_parameter(self._report, entry)
        return None

    # ---- values

    def object(self, children: list[Any], span: Span) -> ast.Object | ast.Broken:
        head, body = children
        return ast.Object(head=head, body=body, span=span) if isinstance(head, ast.Reference) else ast.Broken(span=span)

    def conditional(self, children: list[Any], span: Span) -> ast.Conditional:
        then, test, otherwise = children
        return ast.Conditional(test=test, then=then, otherwise=otherwise, span=span)

    def binary(self, children: list[Any], span: Span) -> ast.Binary:
        left, operator, right = children
        return ast.Binary(operator=operator.text, left=left, right=right, operator_span=self._span(operator), span=span)

    def unary(self, children: list[Any], span: Span) -> ast.Unary:
        operator, operand = children
        return ast.Unary(operator=operator.text, operand=operand, span=span)

    def grouped(self, children: list[Any], span: Span) -> ast.Value:
        return replace(children[0], span=span)

    def number(self, children: list[Any], span: Span) -> ast.Number:
        match = _NUMBER.fullmatch(children[0].text)
        assert match is not None, children[0]
        return ast.Number(text=match[1].replace("_", ""), unit=match[2], span=span)

    def string(self, children: list[Any], span: Span) -> ast.String:
        return ast.String(value=self._text(children[0]), span=span)

    def constant(self, children: list[Any], span: Span) -> ast.Constant:
        return ast.Constant(value=_CONSTANTS[children[0].text], span=span)

    def list(self, children: list[Any], span: Span) -> ast.List:
        return ast.List(items=tuple(children), span=span)

    def reference(self, children: list[Any], span: Span) -> ast.Reference | ast.Constant | ast.Broken:
        path, *rest = children
        if _is_lost(path) or (len(rest) > 1 and _is_lost(rest[1])):
            return ast.Broken(span=span)
        if len(path) == 1 and not rest and path[0].text in _FOREIGN:
            own = _FOREIGN[path[0].text]
            notes.foreign_constant(self._report, span, own)
            return ast.Constant(value=_CONSTANTS[own], span=span)
        call = tuple(map(self._as_argument, rest[0].entries)) if rest else None
        return ast.Reference(path=path, call=call, member=rest[1] if len(rest) > 1 else (), span=span)

    def _as_argument(self, entry: ast.Argument | ast.Param) -> ast.Argument:
        if isinstance(entry, ast.Argument):
            return entry
        notes.typed_argument(self._report, entry)
        value = entry.default or ast.Broken(span=entry.span)
        return ast.Argument(name=entry.name, value=value, span=entry.span)

    def _text(self, token: Token) -> str:
        """The content of a string, escapes resolved."""

        def resolve(match: re.Match[str]) -> str:
            escape = match[1]
            if len(escape) > 1:
                return chr(int(escape[1:], 16))
            if escape not in _ESCAPES:
                start = token.start + 1 + match.start()
                notes.unknown_escape(self._report, self._source.span(start, start + 2))
            return _ESCAPES.get(escape, escape)

        return _ESCAPE.sub(resolve, token.text[1:-1]) if "\\" in token.text else token.text[1:-1]


def _is_lost(path: Iterable[ast.Name]) -> bool:
    return not all(name.text for name in path)


def _is_broken(part: Any) -> bool:
    return isinstance(part, _Clause) and isinstance(part.content, ast.Broken)


def _content(clause: _Clause | None) -> Any:
    return clause.content if clause else None


def _entries(parens: _Parens | None) -> tuple[ast.Argument | ast.Param, ...]:
    return parens.entries if parens else ()
