"""Pieces of text that are no words of the language: what is said about each, and what the parser gets instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from moedsl.diagnostics import Report
from moedsl.names import did_you_mean
from moedsl.source import SourceFile, Span
from moedsl.syntax.notes import safe, unsafe
from moedsl.syntax.tokens import Token, tokens

UNITS = ("k", "M", "B", "T", "Ki", "Mi", "Gi", "KiB", "MiB", "GiB", "TiB", "ms", "s")

_LOOK_ALIKES = dict(
    zip("аеорсухіѕјһԁԛԝАВЕКМНОРСТХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧοντı", "aeopcyxisjhdqwABEKMHOPCTXISJABEZHIKMNOPTYXovti", strict=True)
)
_OPERATORS = {"&&": ("and", "AND"), "||": ("or", "OR"), "!": ("not", "NOT"), "^": ("**", "POWER")}
_QUOTES = '“”„«»‘’‚"'
_OPERAND = re.compile(r"[ \t]*(?:[0-9(]|[A-Za-z_]\w{,99}(?![\w.]{,99}[ \t]*[={]))")
_WITH_UNIT = re.compile(r"([0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][0-9]+)?)([A-Za-z]+)")


def mend(source: SourceFile, report: Report, found: list[Token], quiet: set[int]) -> list[Token]:
    """The tokens with every fault reported and replaced; lines where something was taken out become quiet."""
    mended: list[Token] = []
    mender = _Mender(source, report)
    comment_end = 0
    for token in found:
        if token.start < comment_end:
            continue
        comment_end = mender.comment(token, mended[-1] if mended else None)
        if comment_end:
            continue
        rule = _RULES.get(token.kind)
        if rule is not None:
            replacement = rule(mender, _whole(mended, token))
            mended += replacement
            if not all(part.text for part in replacement) or not replacement:
                quiet.add(source.position(token.start).line)
        elif token.kind == "PERCENT" and mender.is_percentage(mended, token):
            mended.append(mender.percentage(mended.pop(), token))
        else:
            mended.append(token)
    return mended


class _Mender:
    """One method a kind of fault: reports it, and returns what the parser gets."""

    def __init__(self, source: SourceFile, report: Report) -> None:
        self._source = source
        self._report = report
        self._stray_end = -1

    def _span(self, token: Token) -> Span:
        return self._source.span(token.start, token.end)

    def comment(self, token: Token, before: Token | None) -> int:
        """Where a comment of another language ends that starts with this token; 0 if none does.

        A line that starts with `//` or `--` could go on with the value above, but nobody means that.
        """
        text, position = self._source.text, self._source.position
        sign = text[token.start : token.start + 2]
        if token.kind not in ("FLOOR", "MINUS", "SLASH") or sign not in ("//", "--", "/*"):
            return 0
        if sign == "--" and not text[token.start + 2 : token.start + 3].isspace():
            return 0
        if sign != "/*" and before is not None and position(before.end).line == position(token.start).line:
            return 0
        span = self._source.span(token.start, token.start + 2)
        fixes = safe("write `#`", (span, "#")) if sign != "/*" else ()
        self._report.add("E0124", f"`{sign}` starts no comment", span, help="write `#`", fixes=fixes)
        end = text.find("*/", token.start) + 2 if sign == "/*" else text.find("\n", token.start)
        return end if end > token.start else len(text)

    # ---- strings

    def unclosed(self, token: Token) -> list[Token]:
        span = self._span(token)
        end = self._source.span(token.end, token.end)
        self._report.add(
            "E0108",
            f"the string `{_short(token.text)}` has no closing quote",
            span,
            help='end it with `"` on the same line',
            fixes=unsafe('add `"`', (end, '"')),
        )
        return [token._replace(kind="STRING", text=token.text.removesuffix("\\") + '"')]

    def quoted(self, token: Token) -> list[Token]:
        return self._requoted(token, "E0109", "strings stand in double quotes", 1)

    def triple(self, token: Token) -> list[Token]:
        return self._requoted(token, "E0109", "a string has one quote on each side, and ends on its line", 3)

    def smart(self, token: Token) -> list[Token]:
        message = f"`{token.text[0]}` (U+{ord(token.text[0]):04X}) is no quotation mark here"
        return self._requoted(token, "E0111", message, 1)

    def _requoted(self, token: Token, code: str, message: str, num_quotes: int) -> list[Token]:
        content = token.text[num_quotes:-num_quotes].replace("\\'", "'")
        written = f'"{content}"'
        span = self._span(token)
        if '"' in content or "\n" in content:
            self._report.add(code, message, span, help='write `"…"` on one line, with `\\"` for a quote in it')
        else:
            fixes = safe(f"write `{_short(written)}`", (span, written))
            self._report.add(code, message, span, help=f"write `{_short(written)}`", fixes=fixes)
        return [token._replace(kind="STRING", text='"' + re.sub(r'["\n]', " ", content) + '"')]

    # ---- numbers

    def digits(self, token: Token) -> list[Token]:
        span, text = self._span(token), token.text
        with_unit = _WITH_UNIT.fullmatch(text)
        if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+", text):
            decimal = str(int(text, 0))
            fixes = safe(f"write `{decimal}`", (span, decimal))
            self._report.add("E0112", f"`{text}` is not decimal", span, help=f"write `{decimal}`", fixes=fixes)
            return [token._replace(kind="NUMBER", text=decimal)]
        if with_unit:
            help = did_you_mean(with_unit[2], UNITS) or "the units are " + ", ".join(f"`{unit}`" for unit in UNITS)
            self._report.add("E0112", f"`{text}` has an unknown unit `{with_unit[2]}`", span, help=help)
        elif text.count(".") > 1:
            self._report.add("E0112", f"`{text}` is no number", span, help="write one decimal point, or quote it")
        else:
            help = "start a name with a letter or `_`; write a number with digits, `.` and a unit"
            self._report.add("E0112", f"`{_short(text)}` is neither a number nor a name", span, help=help)
        return [_lost(token)]

    def is_percentage(self, before: list[Token], percent: Token) -> bool:
        """Whether `%` follows a number directly and no operand follows it, as in `10%`."""
        if not before or before[-1].kind != "NUMBER" or before[-1].end != percent.start:
            return False
        return not _OPERAND.match(self._source.text, percent.end)

    def percentage(self, number: Token, percent: Token) -> Token:
        """`10%` as a number."""
        both = Token("NUMBER", number.text, number.start, percent.end)
        digits = re.match(r"[0-9_.]+", number.text)
        written = f"{float(digits[0].replace('_', '')) / 100:.10g}" if digits else "0"
        span = self._span(both)
        fixes = safe(f"write `{written}`", (span, written))
        self._report.add("E0112", f"`{span.text}` is no number", span, help=f"write `{written}`", fixes=fixes)
        return both._replace(text=written if written.replace(".", "").isdigit() else "0")

    # ---- letters and signs

    def word(self, token: Token) -> list[Token]:
        span = self._span(token)
        meant = _plain(token.text)
        if meant is None:
            help = "make names of the letters `a` to `z`, digits and `_`"
            self._report.add(
                "E0111", f"`{_short(token.text)}` is no name: it contains {_foreign(token.text)}", span, help=help
            )
            return [_lost(token)]
        self._report.add(
            "E0111",
            f"`{_short(token.text)}` is not `{_short(meant)}`: it contains {_foreign(token.text)}",
            span,
            help=f"write `{_short(meant)}` with plain letters and digits",
            fixes=safe(f"write `{_short(meant)}`", (span, meant)),
        )
        kinds = list(tokens(meant))
        return [token._replace(kind=kinds[0].kind, text=meant)] if len(kinds) == 1 else [_lost(token)]

    def _spaced(self, word: str, token: Token) -> str:
        """A word with the spaces that it needs in the place of a sign."""
        text = self._source.text
        left = "" if text[token.start - 1 : token.start].isspace() or not word.isalpha() else " "
        right = "" if text[token.end : token.end + 1].isspace() or not word.isalpha() else " "
        return left + word + right

    def stray(self, token: Token) -> list[Token]:
        text, span = token.text, self._span(token)
        follows, self._stray_end = self._stray_end == token.start, token.end
        plain = unicodedata.normalize("NFKC", text)
        if text in _OPERATORS:
            own, kind = _OPERATORS[text]
            fixes = safe(f"write `{own}`", (span, self._spaced(own, token)))
            self._report.add("E0110", f"`{text}` is written `{own}`", span, help=f"write `{own}`", fixes=fixes)
            return [token._replace(kind=kind, text=own)]
        if follows:
            return []
        if text == ";":
            message, fixes = "`;` has no meaning: statements need no end", safe("remove `;`", (span, ""))
            self._report.add("E0110", message, span, help="remove it", fixes=fixes)
        elif text.isspace() or not text.isprintable():
            fixes = safe("replace it by a space", (span, " "))
            message = f"the invisible character {_code_point(text)} is no space"
            self._report.add("E0111", message, span, help="replace it by a space", fixes=fixes)
        elif plain != text and len(plain) == 1 and plain.isascii() and plain in _ASCII_SIGNS:
            message = f"`{text}` ({_code_point(text)}) is not `{plain}`"
            self._report.add(
                "E0111", message, span, help=f"write `{plain}`", fixes=safe(f"write `{plain}`", (span, plain))
            )
            return [found._replace(start=token.start, end=token.end) for found in tokens(plain)]
        else:
            self._report.add("E0110", f"`{text}` has no meaning here", span, help=_STRAY_HELP.get(text, "remove it"))
        return []


_RULES: dict[str, Callable[[_Mender, Token], list[Token]]] = {
    "UNCLOSED": _Mender.unclosed,
    "QUOTED": _Mender.quoted,
    "TRIPLE": _Mender.triple,
    "SMART": _Mender.smart,
    "DIGITS": _Mender.digits,
    "WORD": _Mender.word,
    "STRAY": _Mender.stray,
}
_ASCII_SIGNS = "=:,.(){}[]+-*/%?<>"
_STRAY_HELP = {
    "'": "put strings in double quotes",
    "@": "remove it; nothing is decorated in a spec",
    "$": "write the name alone: a variable has no sign in front",
    "`": "put strings in double quotes",
    "\\": "remove it; a statement may go on in the next line",
    "|": "write `or`, or list what `at` selects with commas",
    "&": "write `and`",
}


def _whole(before: list[Token], digits: Token) -> Token:
    """`1.5kk`, whose whole part was taken for a number: all of it."""
    if digits.kind != "DIGITS" or len(before) < 2 or before[-1].kind != "DOT" or before[-2].kind != "NUMBER":
        return digits
    number, point = before[-2:]
    if (number.end, point.end) != (point.start, digits.start):
        return digits
    del before[-2:]
    return Token("DIGITS", f"{number.text}.{digits.text}", number.start, digits.end)


def _lost(token: Token) -> Token:
    """Stands for a word that cannot be read: what is made of it stays silent."""
    return token._replace(kind="NAME", text="")


def _plain(word: str) -> str | None:
    """The ASCII word that this one looks like."""
    normal = unicodedata.normalize("NFKC", word)
    plain = "".join(_LOOK_ALIKES.get(letter, letter) for letter in normal)
    return plain if plain.isascii() else None


def _foreign(word: str) -> str:
    """The first letter of a word that is not ASCII, described."""
    letter = next(letter for letter in word if not letter.isascii())
    script = unicodedata.name(letter, "unnamed").split()[0].lower()
    script = {"latin": "the accented", "fullwidth": "the full-width"}.get(script, f"the {script.capitalize()}")
    return f"{script} `{letter}` ({_code_point(letter)})"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
