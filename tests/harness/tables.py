"""Tables of Markdown in a document, replaced by new results."""

import re
from pathlib import Path

TABLE = re.compile(r"^(\|.*\n)(?:\|.*\n)+", re.MULTILINE)


def renew_tables(document: str, report: str) -> str:
    """The document, with its tables replaced by those of the report with the
    same header; each of them must exist."""
    new = {found[1]: found[0] for found in TABLE.finditer(report)}
    old = {found[1] for found in TABLE.finditer(document)}
    if missing := new.keys() - old:
        raise LookupError(f"no table for: {', '.join(missing)}")
    return TABLE.sub(lambda old: new.get(old[1], old[0]), document)


def renew_file(document: Path, report: str) -> None:
    document.write_text(renew_tables(document.read_text(), report))
