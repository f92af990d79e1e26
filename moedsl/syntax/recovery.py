"""placeholder for recovery."""

from __future__ import annotations

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax.lalr import Machine
from moedsl.syntax.reader import Unreadable
from moedsl.syntax.tokens import Token


class Recovery:
    def __init__(self, source: SourceFile, report: Report, machine: Machine, tokens: list[Token]) -> None:
        self.source, self.report, self.machine, self.tokens = source, report, machine, tokens

    def mend(self, at: int) -> int:
        token = self.tokens[at]
        found = f"`{token.text}`" if token.text else "the end of the file"
        self.report.add("E0105", f"{found} cannot stand here", self.source.span(token.start, token.end))
        raise Unreadable
