"""A text as groups of items, with every comment attached: what the formatter prints.

A group is a body, a list, or the parentheses of a call or declaration; an item is a statement, an element or an
argument. Parentheses around an expression and the brackets of a type are no groups: they are never broken over lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from moedsl.syntax import ast
from moedsl.syntax.reader import CLOSERS, OPENERS
from moedsl.syntax.tokens import Token, tokens


class Comment(NamedTuple):
    """A comment on a line of its own."""

    text: str
    has_blank_before: bool


@dataclass(slots=True, eq=False)
class Item:
    """A statement of a body, or an element of a list or of parentheses."""

    has_blank_before: bool
    above: list[Comment]
    parts: list[Token | Group] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    """Comments that stood behind or within it."""
    has_comma: bool = False
    """Whether a comma ends the statement."""


@dataclass(slots=True, eq=False)
class Group:
    """Items between two brackets; the whole file is a group without brackets."""

    opener: Token | None = None
    closer: Token | None = None
    items: list[Item] = field(default_factory=list)
    behind_opener: list[str] = field(default_factory=list)
    at_end: list[Comment] = field(default_factory=list)
    """Comments between the last item and the closing bracket."""
    is_broken: bool = False
    """Whether it must be printed over several lines."""

    @property
    def is_body(self) -> bool:
        """Whether its items are statements."""
        return self.opener is None or self.opener.kind == "LBRACE"

    @property
    def has_comments(self) -> bool:
        """Whether a comment stands directly in it."""
        return bool(self.behind_opener or self.at_end) or any(item.above or item.behind for item in self.items)


def lay_out(text: str, tree: ast.File) -> Group:
    """The groups of a text without errors."""
    builder = _Builder(text, _statement_starts(tree))
    for token in tokens(text):
        if token.kind != "SPACE":
            builder.add(token)
    builder.finish()
    return builder.file


def _statement_starts(tree: ast.File) -> set[int]:
    """The offsets where statements start, at the top and in bodies."""
    starts = {item.span.start for item in tree.items}
    if tree.edition is not None:
        starts.add(tree.edition.span.start)
    for body in _bodies(tree):
        starts.update(statement.span.start for statement in body.statements)
    return starts


def _bodies(tree: ast.File) -> Iterator[ast.Body]:
    """Every body in braces; what follows `else when` is in none."""
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, ast.Node):
            waiting.extend(getattr(node, part.name) for part in fields(node) if part.name not in ("span", "source"))
        if isinstance(node, ast.Body) and node.span.file.text[node.span.start] == "{":
            yield node


class _Builder:
    """Takes tokens one by one."""

    def __init__(self, text: str, starts: set[int]) -> None:
        self.file = Group()
        self._text = text
        self._starts = starts
        self._open: list[Group | None] = [self.file]
        """None for brackets that are no group."""
        self._above: list[Comment] = []
        """Comments on lines of their own, whose item has not started yet."""
        self._newlines = 1
        """How many there were since the last token or comment; the file starts on a new line."""
        self._last_kind = ""
        self._is_after_comma = False

    def add(self, token: Token) -> None:
        """Take in any token but white space."""
        if token.kind == "NEWLINE":
            self._newlines += 1
            return
        if token.kind in ("COMMENT", "DOC"):
            self._add_comment(token.text.rstrip())
        else:
            self._add_token(token)
            self._last_kind = token.kind
        self._newlines = 0

    def finish(self) -> None:
        """Take what is left to the end of the file."""
        self.file.at_end = self._take_above()
        _settle_commas(self.file)

    @property
    def _group(self) -> Group:
        return next(group for group in reversed(self._open) if group is not None)

    def _take_above(self) -> list[Comment]:
        above, self._above = self._above, []
        return above

    def _add_comment(self, text: str) -> None:
        group = self._group
        if self._newlines:
            self._above.append(Comment(text, self._newlines > 1))
        elif group.items:
            group.items[-1].behind.append(text)
        else:
            group.behind_opener.append(text)

    def _add_token(self, token: Token) -> None:
        top = self._open[-1]
        if token.kind in CLOSERS:
            closed = self._open.pop()
            if closed is None:
                self._item(token).parts.append(token)
            else:
                self._close(closed, token)
        elif token.kind == "COMMA" and top is not None and not top.is_body:
            self._is_after_comma = True
            top.items[-1].behind += [comment.text for comment in self._take_above()]
        elif token.kind in OPENERS:
            self._open_bracket(token)
        else:
            self._item(token).parts.append(token)

    def _open_bracket(self, token: Token) -> None:
        follows_name = self._last_kind == "NAME"
        is_group = {"LBRACE": True, "LPAR": follows_name, "LSQB": not follows_name}[token.kind]
        group = Group(opener=token) if is_group else None
        self._item(token).parts.append(group or token)
        self._open.append(group)

    def _close(self, group: Group, token: Token) -> None:
        group.closer = token
        group.at_end = self._take_above()
        self._is_after_comma = False
        assert group.opener is not None, token
        inside = self._text[group.opener.end : token.start]
        is_split = "\n" in inside if group.is_body else inside.lstrip(" \t").startswith("\n")
        group.is_broken = group.has_comments or (is_split and bool(group.items)) or any(map(_is_broken, group.items))
        _settle_commas(group)

    def _item(self, token: Token) -> Item:
        """The item that a token belongs to; a new one where one starts."""
        group = self._group
        is_direct = self._open[-1] is group
        starts = token.start in self._starts if group.is_body else self._is_after_comma and is_direct
        if not group.items or starts:
            group.items.append(Item(has_blank_before=self._newlines > 1, above=self._take_above()))
            self._is_after_comma = False
        item = group.items[-1]
        item.behind += [comment.text for comment in self._take_above()]
        return item


def _is_broken(item: Item) -> bool:
    return any(isinstance(part, Group) and part.is_broken for part in item.parts)


def _settle_commas(group: Group) -> None:
    """Take the commas that end statements out of their parts."""
    for item in group.items if group.is_body else ():
        last = item.parts[-1]
        item.has_comma = isinstance(last, Token) and last.kind == "COMMA"
        item.parts = item.parts[:-1] if item.has_comma else item.parts
