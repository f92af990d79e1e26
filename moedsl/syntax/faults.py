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
_OTHER_BASE = re.compile(r"0[xX][0-9a-fA-F]{1,15}|0[bB][01]{1,60}|0[oO][0-7]{1,20}")
_SHORT_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
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

    def _instead(self, code: str, message: str, token: Token, written: str) -> None:
        """Report a token that is certainly meant to be written in another way."""
        title = f"write `{_short(written.strip())}`"
        self._report.add(code, message, self._span(token), help=title, fixes=safe(title, (self._span(token), written)))

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
        if '"' in content or "\n" in content:
            help = 'write `"…"` on one line, with `\\"` for a quote in it'
            self._report.add(code, message, self._span(token), help=help)
        else:
            self._instead(code, message, token, f'"{content}"')
        return [token._replace(kind="STRING", text='"' + re.sub(r'["\n]', " ", content) + '"')]

    # ---- numbers

    def digits(self, token: Token) -> list[Token]:
        text = token.text
        with_unit = _WITH_UNIT.fullmatch(text)
        if _OTHER_BASE.fullmatch(text):
            decimal = str(int(text, 0))
            self._instead("E0112", f"`{text}` is not decimal", token, decimal)
            return [token._replace(kind="NUMBER", text=decimal)]
        if with_unit:
            message = f"`{_short(text)}` has an unknown unit `{_short(with_unit[2])}`"
            help = did_you_mean(with_unit[2], UNITS) or "the units are " + ", ".join(f"`{unit}`" for unit in UNITS)
        else:
            message = f"`{_short(text)}` is neither a number nor a name"
            help = "start a name with a letter or `_`; write a number with digits, one `.` and a unit"
        self._report.add("E0112", message, self._span(token), help=help)
        return [_lost(token)]

    def is_percentage(self, before: list[Token], percent: Token) -> bool:
        """Whether `%` follows a number directly and no operand follows it, as in `10%`."""
        if not before or before[-1].kind != "NUMBER" or before[-1].end != percent.start:
            return False
        return not _OPERAND.match(self._source.text, percent.end)

    def percentage(self, number: Token, percent: Token) -> Token:
        """`10%` as a number."""
        both = Token("NUMBER", number.text, number.start, percent.end)
        message = f"`{_short(self._span(both).text)}` is no number"
        if not _SHORT_NUMBER.fullmatch(number.text):
            self._report.add("E0112", message, self._span(both), help="write a fraction, such as `0.1`")
            return _lost(both)
        written = f"{float(number.text) / 100:.10g}"
        self._instead("E0112", message, both, written)
        return both._replace(text=written)

    # ---- letters and signs

    def word(self, token: Token) -> list[Token]:
        meant, letter = _plain(token.text), _foreign(token.text)
        if meant is None:
            message = f"`{_short(token.text)}` is no name: it contains {letter}"
            help = "make names of the letters `a` to `z`, digits and `_`"
            self._report.add("E0111", message, self._span(token), help=help)
            return [_lost(token)]
        message = f"`{_short(token.text)}` is not `{_short(meant)}`: it contains {letter}"
        self._instead("E0111", message, token, meant)
        kinds = list(tokens(meant))
        return [token._replace(kind=kinds[0].kind, text=meant)] if len(kinds) == 1 else [_lost(token)]

    def stray(self, token: Token) -> list[Token]:
        text = token.text
        if text in _OPERATORS:
            own, kind = _OPERATORS[text]
            self._instead("E0110", f"`{text}` is written `{own}`", token, self._spaced(own, token))
            return [token._replace(kind=kind, text=own)]
        plain = unicodedata.normalize("NFKC", text)
        if plain != text and plain in _SIGNS:
            self._instead("E0111", f"`{text}` ({_code_point(text)}) is not `{plain}`", token, plain)
            return [sign._replace(start=token.start, end=token.end) for sign in tokens(plain)]
        is_first = self._stray_end != token.start
        self._stray_end = token.end
        if is_first:
            self._report_stray(token)
        return []

    def _report_stray(self, token: Token) -> None:
        """A character that is left out; of several in a row only the first is reported."""
        text, span = token.text, self._span(token)
        if text == ";":
            fixes = safe("remove `;`", (span, ""))
            self._report.add("E0110", "`;` has no meaning: statements need no end", span, help="remove it", fixes=fixes)
        elif text.isspace() or not text.isprintable():
            message = f"the invisible character {_code_point(text)} is no space"
            fixes = safe("replace it by a space", (span, " "))
            self._report.add("E0111", message, span, help="replace it by a space", fixes=fixes)
        else:
            self._report.add("E0110", f"`{text}` has no meaning here", span, help=_STRAY_HELP.get(text, "remove it"))

    def _spaced(self, word: str, token: Token) -> str:
        """A word with the spaces that it needs in the place of a sign."""
        text = self._source.text
        left = "" if text[token.start - 1 : token.start].isspace() or not word.isalpha() else " "
        right = "" if text[token.end : token.end + 1].isspace() or not word.isalpha() else " "
        return left + word + right


_RULES: dict[str, Callable[[_Mender, Token], list[Token]]] = {
    "UNCLOSED": _Mender.unclosed,
    "QUOTED": _Mender.quoted,
    "TRIPLE": _Mender.triple,
    "SMART": _Mender.smart,
    "DIGITS": _Mender.digits,
    "WORD": _Mender.word,
    "STRAY": _Mender.stray,
}
_SIGNS = frozenset("=:,.(){}[]+-*/%?<>")
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
    """The ASCII word that this one looks like; none for a word with a power such as `²`, which is no digit."""
    if any(unicodedata.category(letter) == "No" for letter in word):
        return None
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
