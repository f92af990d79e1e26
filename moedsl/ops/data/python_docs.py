"""The text of Python's own `help()` topics: about 450 kB of English technical prose, nothing to download."""

from __future__ import annotations

from pathlib import Path

from moedsl.ops.data._shared import Corpus, Document, in_memory
from moedsl.ops.registry import register


@register("data", "python_docs")
class PythonDocs(Corpus):
    """The language reference that every Python carries; its text depends on the Python version."""

    def documents(self, folder: Path) -> tuple[Document, ...]:
        from pydoc_data.topics import topics

        return tuple(in_memory(name, topics[name].encode()) for name in sorted(topics))
