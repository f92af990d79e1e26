"""Bytes in, text out: UTF-8 with line feeds, whatever the editor left at the ends of lines and of the file's front."""

from __future__ import annotations

import codecs

from moedsl.diagnostics import Report
from moedsl.source import SourceFile, Span

MAX_BYTES = 8 * 1024 * 1024

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
"""The longer mark of UTF-32 starts with the one of UTF-16."""


def decode(data: bytes, path: str, report: Report) -> SourceFile | None:
    """The text of a file, or none if it is not a text of reasonable size in UTF-8; then the report says why."""
    if len(data) > MAX_BYTES:
        size, most = len(data) / 2**20, MAX_BYTES // 2**20
        message = f"the file has {size:,.1f} MiB; at most {most} MiB are read"
        report.add("E0103", message, _front(path), help="split it with `import`")
        return None
    data = data.removeprefix(codecs.BOM_UTF8)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _unmarked(data)
    if encoding:
        _refuse_encoding(f"the file is {encoding}, not UTF-8", _front(path), report)
        return None
    if b"\0" in data:
        message = "the file is binary, not a text"
        report.add("E0102", message, _front(path), help="give a `.moe` file: a text that describes a model")
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_byte(data, error.start, path, report)
        return None
    return SourceFile(path=path, text=text.replace("\r\n", "\n").replace("\r", "\n"))


def _front(path: str) -> Span:
    return SourceFile(path=path, text="").span(0, 0)


def _unmarked(data: bytes) -> str | None:
    """UTF-16 without a mark: English text in it has a zero in every other byte."""
    sample = data[:1000]
    zeros = max(sample[0::2].count(0), sample[1::2].count(0))
    others = min(sample[0::2].count(0), sample[1::2].count(0))
    return "UTF-16" if len(sample) >= 4 and zeros > 0.4 * len(sample) and not others else None


def _refuse_encoding(message: str, span: Span, report: Report) -> None:
    report.add("E0101", message, span, help="save the file as UTF-8")


def _refuse_byte(data: bytes, start: int, path: str, report: Report) -> None:
    """One byte that UTF-8 does not allow; probably a letter of an encoding for western Europe."""
    before = data[:start].decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    line_end = data.find(b"\n", start)
    line = (data[start:] if line_end < 0 else data[start:line_end]).rstrip(b"\r")
    source = SourceFile(path=path, text=before + line.decode("cp1252", errors="replace"))
    letter = data[start : start + 1].decode("cp1252", errors="replace")
    meant = f"; in Windows-1252 it is `{letter}`" if letter.isalpha() else ""
    if data[start] == 0xED and data[start + 1 : start + 2] >= b"\xa0":
        meant = "; it begins half of a character that UTF-16 writes in two"
    message = f"the byte 0x{data[start]:02X} is not UTF-8{meant}"
    _refuse_encoding(message, source.span(len(before), len(before) + 1), report)
