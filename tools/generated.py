"""Parts of documents that are written by a command, between `<!-- NAME -->` and `<!-- end of NAME -->`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def filled(text: str, parts: Mapping[str, str]) -> str:
    """`text` with `parts` by their names in their places. Raises ValueError if it has no place for one."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        text, count = re.subn(
            re.escape(begin) + ".*?" + re.escape(end),
            lambda _, new=f"{begin}{part}\n{end}": new,  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"there are {count} places for {name!r}")
    return text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fill(document: Path, parts: Mapping[str, str]) -> None:
    """Writes `parts` into their places in `document`."""
    document.write_text(filled(document.read_text("utf-8"), parts), encoding="utf-8")
