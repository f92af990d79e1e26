"""A text in the one canonical form: same meaning, same comments, same lines where they fit.

Two spaces a level; a statement a line; a block, list or call stays on one line if it was on one and fits. Names,
numbers and strings are not touched.
"""

from __future__ import annotations

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax.layout import Comment, Group, Item, lay_out
from moedsl.syntax.parser import parse
from moedsl.syntax.tokens import Token

WIDTH = 100
INDENT = 2
_VALUE_ENDS = frozenset({"NAME", "NUMBER", "STRING", "TRUE", "FALSE", "NONE", "RPAR", "RSQB", "RBRACE"})
_TIGHT = frozenset({"DOT", "RANGE"})
"""No space on either side."""
_CLINGS = frozenset({"COMMA", "RPAR", "RSQB", "OPTIONAL"})
"""No space before."""


def format(text: str) -> str:
    """The canonical form of a text; a text with syntax errors comes back unchanged."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    report = Report()
    tree = parse(SourceFile(path="<text>", text=plain), report)
    if report.has_errors:
        return text
    lines = _lines_of(lay_out(plain, tree), 0)
    return "".join(f"{line}\n" for line in lines)


def _lines_of(group: Group, indent: int) -> list[str]:
    """The items of a group, each from a new line on."""
    lines: list[str] = []
    for item in group.items:
        lines += _comments(item.above, indent, is_first=not lines)
        lines += [""] if item.has_blank_before and lines else []
        lines += _item(item, indent, "" if group.is_body or not group.opener else ",")
    return lines + _comments(group.at_end, indent, is_first=not lines)


def _comments(comments: list[Comment], indent: int, *, is_first: bool) -> list[str]:
    lines: list[str] = []
    for comment in comments:
        lines += [""] if comment.has_blank_before and not (is_first and not lines) else []
        lines.append(" " * indent + comment.text)
    return lines


def _item(item: Item, indent: int, end: str) -> list[str]:
    """An item on one line, or with as few of its groups broken as make it fit."""
    groups = [part for part in item.parts if isinstance(part, Group) and (part.items or part.has_comments)]
    bodies = [group for group in groups if group.is_body]
    broken = [group for group in groups if group.is_broken]
    if any(group.is_body for group in broken):
        broken += bodies
    to_break = [bodies, *([group] for group in reversed(groups))]
    writer = _written(item, indent, broken)
    while writer.width + len(end) > WIDTH and to_break:
        broken += to_break.pop(0)
        writer = _written(item, indent, broken)
    return writer.finished(end + "".join(f"  {text}" for text in item.behind))


def _written(item: Item, indent: int, broken: list[Group]) -> _Writer:
    writer = _Writer(indent)
    for part in item.parts:
        if isinstance(part, Token):
            writer.write(part)
        elif part in broken:
            writer.break_group(part)
        else:
            writer.write_flat(part)
    return writer


class _Writer:
    """Puts the parts of one item together, with the right spaces between them."""

    def __init__(self, indent: int) -> None:
        self._indent = indent
        self._lines: list[str] = []
        self._line = " " * indent
        self._first: Token | None = None
        self._last: Token | None = None
        self._is_unary = False
        """Whether the last token is the sign of a number, and no subtraction."""
        self._width = 0

    @property
    def width(self) -> int:
        """The length of the longest line that is not within a broken group; comments do not count."""
        return max(self._width, len(self._line))

    def write(self, token: Token) -> None:
        """Add a token to the line."""
        self._first = self._first or token
        self._line += self._gap(token) + token.text
        self._is_unary = token.kind == "MINUS" and (self._last is None or self._last.kind not in _VALUE_ENDS)
        self._last = token

    def write_flat(self, group: Group) -> None:
        """Add a group on the same line."""
        assert group.opener, group
        assert group.closer, group
        self.write(group.opener)
        for number, item in enumerate(group.items):
            if number:
                self._line += ", " if not group.is_body or group.items[number - 1].has_comma else "  "
                self._last = None
            for part in item.parts:
                if isinstance(part, Token):
                    self.write(part)
                else:
                    self.write_flat(part)
        self.write(group.closer)

    def break_group(self, group: Group) -> None:
        """Add a group over several lines; what follows goes behind its closing bracket."""
        assert group.opener, group
        assert group.closer, group
        self.write(group.opener)
        self._width = self.width
        self._lines.append(self._line + "".join(f"  {text}" for text in group.behind_opener))
        self._lines += _lines_of(group, self._indent + INDENT)
        self._line = " " * self._indent + group.closer.text
        self._last, self._is_unary = group.closer, False

    def finished(self, end: str) -> list[str]:
        """All lines, the last one with this end."""
        return [*self._lines, self._line + end]

    def _gap(self, token: Token) -> str:
        """The space before a token."""
        last, kind = self._last, token.kind
        if self._is_unary and kind == "MINUS":
            return " "
        if last is None or self._is_unary or last.kind in ("LPAR", "LSQB") or kind in _CLINGS:
            return ""
        if kind in _TIGHT or last.kind in _TIGHT or (kind in ("LPAR", "LSQB") and last.kind == "NAME"):
            return ""
        if kind == "COLON":
            return " " if self._first is not None and self._first.kind == "ASSERT" else ""
        return "" if (last.kind, kind) == ("LBRACE", "RBRACE") else " "
