"""What a mistake turns into: words for the user, and tokens with which reading goes on."""

from __future__ import annotations

from dataclasses import dataclass

from moedsl.diagnostics import Fix
from moedsl.source import Span
from moedsl.syntax.tokens import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What is said about a mistake, and the tokens with which reading goes on."""

    code: str
    message: str
    span: Span
    help: str
    fixes: tuple[Fix, ...] = ()
    taken_back: int = 0
    """How many symbols the machine forgets first."""
    start: int = 0
    """Tokens from this index …"""
    stop: int = 0
    """… up to this one are replaced …"""
    tokens: tuple[Token, ...] | None = ()
    """… by these. None: there is no saying, skip to the next statement."""


def put_in(kind: str, text: str, before: Token) -> Token:
    """A token that the text lacks, right before another one."""
    return Token(kind, text, before.start, before.start)


def lost(before: Token) -> Token:
    """A name that says nothing, for a value or name that is not there."""
    return put_in("NAME", "", before)
