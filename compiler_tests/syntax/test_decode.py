from __future__ import annotations

import pytest

from moedsl.diagnostics import Report
from moedsl.source import SourceFile
from moedsl.syntax.decode import MAX_BYTES, decode


def decoded(data: bytes) -> tuple[SourceFile | None, Report]:
    report = Report()
    return decode(data, "spec.moe", report), report


@pytest.mark.parametrize(
    "data",
    [b"a = 1\nb = 2\n", b"\xef\xbb\xbfa = 1\nb = 2\n", b"a = 1\r\nb = 2\r\n", b"a = 1\rb = 2\r"],
    ids=["plain", "byte-order mark", "CRLF", "CR"],
)
def test_marks_and_line_ends_do_not_matter(data: bytes) -> None:
    source, report = decoded(data)
    assert source is not None
    assert source.text == "a = 1\nb = 2\n"
    assert list(report) == []


def test_an_empty_file_is_a_text() -> None:
    source, report = decoded(b"")
    assert source is not None
    assert source.text == ""
    assert not report.has_errors


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("a = 1".encode("utf-16"), "E0101", "the file is UTF-16, not UTF-8"),
        ("a = 1".encode("utf-16-le"), "E0101", "the file is UTF-16, not UTF-8"),
        ("a = 1".encode("utf-16-be"), "E0101", "the file is UTF-16, not UTF-8"),
        ("a = 1".encode("utf-32"), "E0101", "the file is UTF-32, not UTF-8"),
        (b"# caf\xe9", "E0101", "the byte 0xE9 is not UTF-8; in Windows-1252 it is `é`"),
        (b"a = \xff", "E0101", "the byte 0xFF is not UTF-8; in Windows-1252 it is `ÿ`"),
        (b"a = \x80\x81", "E0101", "the byte 0x80 is not UTF-8"),
        (b"\x7fELF\x02\x01\x00\x00\x00", "E0102", "the file is binary, not a text"),
        (bytes(range(256)) * 8, "E0102", "the file is binary, not a text"),
        (b"{" * (10 * 1024 * 1024), "E0103", "the file has 10.0 MiB; at most 8 MiB are read"),
    ],
)
def test_what_is_no_text(data: bytes, code: str, message: str) -> None:
    source, report = decoded(data)
    assert source is None
    assert [(d.code, d.message) for d in report] == [(code, message)]
    assert report.diagnostics[0].span is not None
    assert report.diagnostics[0].help


def test_the_place_of_a_wrong_byte() -> None:
    _, report = decoded(b"edition 2026\r\n\r\n# \xc3\xa9 caf\xe9 au lait\r\n")
    span = report.diagnostics[0].span
    assert span is not None
    assert (str(span), span.text) == ("spec.moe:3:8", "é")
    assert span.file.line(3) == "# é café au lait\r"[:-1]


def test_the_size_limit_is_exact() -> None:
    assert decoded(b"#" * MAX_BYTES)[0] is not None
    assert decoded(b"#" * (MAX_BYTES + 1))[0] is None
