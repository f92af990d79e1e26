"""What each diagnostic code means: one page a code, with an example that gives it and one that does not.

A page is `E0601.md` in this folder: a title line with code and slug, one sentence, some text, and the examples under
`## Bad` and `## Good` in fenced blocks. What follows the backticks says what a block is:

- `moe`: the spec to check;
- `moe file=common.moe`: another file beside it;
- `moe command="train"`: the spec, and the command that must run to show the code;
- `sh`: commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A spec, or commands, that show a code or its absence."""

    text: str
    language: str = "moe"
    """`moe` or `sh`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Other files beside the spec, by name."""
    command: str | None = None
    """The command that shows the code, where checking the spec does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The explanation of one code."""

    code: str
    slug: str
    title: str
    """One sentence."""
    text: str
    bad_example: Example | None
    good_example: Example | None

    @property
    def bad(self) -> str | None:
        """The text that gives the code."""
        return self.bad_example and self.bad_example.text

    @property
    def good(self) -> str | None:
        """The text that does not."""
        return self.good_example and self.good_example.text

    @property
    def command(self) -> str | None:
        """The command that shows the code, where checking the bad example does not."""
        return self.bad_example and self.bad_example.command


def all_codes() -> tuple[str, ...]:
    """Every code that has a page."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("[EW][0-9][0-9][0-9][0-9].md")))


def slug(code: str) -> str:
    """The short name of a code, or nothing for a code that has no page, such as a plugin's own."""
    path = _FOLDER / f"{code}.md"
    if not path.exists():
        return ""
    with path.open(encoding="utf-8") as page_file:
        return _names(page_file.readline())[1]


@cache
def page(code: str) -> Page:
    """The page of a code in `all_codes()`."""
    text = (_FOLDER / f"{code}.md").read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    prose, *sections = re.split(r"^## (Bad|Good)[ \t]*\n", rest, flags=re.MULTILINE)
    examples = dict(zip(sections[::2], sections[1::2], strict=True))
    title, _, body = prose.strip().partition("\n\n")
    own, name = _names(first)
    return Page(
        code=own,
        slug=name,
        title=" ".join(title.split()),
        text=body.strip(),
        bad_example=_example(examples.get("Bad", "")),
        good_example=_example(examples.get("Good", "")),
    )


def _names(first_line: str) -> tuple[str, str]:
    """`# E0601 top-k-exceeds-experts`."""
    _, code, name = first_line.split()
    return code, name


def _example(section: str) -> Example | None:
    main, files = None, {}
    for language, info, text in _FENCE.findall(section):
        options = {name: quoted or plain for name, quoted, plain in _OPTION.findall(info)}
        name = options.get("file", "main.moe")
        if name != "main.moe":
            files[name] = text
        elif main is None:
            main = Example(text=text, language=language, command=options.get("command"), files=files)
    return main
