"""Files to ingest: HTML as it lies on this machine, the rest grown out of `examples/documents` with changed words."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples" / "documents"
COUNTS = {"html": 800, "pdf": 80, "docx": 240, "eml": 600}
_REAL = (Path("/usr/share/doc"), Path(sys.prefix))
_TOO_LARGE = 2_000_000
_GROWN = {
    "html": ("shipping.html",),
    "pdf": ("price-list.pdf",),
    "docx": ("supply-agreement.docx",),
    "eml": ("mail/stale-beans.eml", "mail/re-stale-beans.eml"),
}


def write_corpus(folder: Path) -> str:
    """Write `COUNTS` files, a folder a kind; says in a sentence where they come from."""
    told = []
    for kind, count in COUNTS.items():
        (folder / kind).mkdir(parents=True)
        real = list(_real(kind, count))
        for number in range(count):
            data = real[number] if number < len(real) else _grown(kind, number)
            (folder / kind / f"{number:04}.{kind}").write_bytes(data)
        told.append(
            f"{len(real)} {kind} found on the machine and {count - len(real)} made from the examples, each "
            "different"
        )
    return "; ".join(told)


def _real(kind: str, count: int) -> Iterator[bytes]:
    """Different files of this kind that are on this machine."""
    seen: set[bytes] = set()
    paths = (path for folder in _REAL for path in sorted(folder.rglob(f"*.{kind}")) if path.is_file())
    for path in paths:
        if len(seen) == count:
            return
        if path.stat().st_size <= _TOO_LARGE and (data := path.read_bytes()) not in seen:
            seen.add(data)
            yield data


def _grown(kind: str, number: int) -> bytes:
    names = _GROWN[kind]
    data = (EXAMPLES / names[number % len(names)]).read_bytes()
    return _CHANGES.get(kind, _change_text)(data, number)


def _change_text(data: bytes, number: int) -> bytes:
    word = b"%06d" % number
    return data.replace(b"20417", word).replace(b"parcel", b"parcel " + word)


def _change_pdf(data: bytes, number: int) -> bytes:
    """Its text is packed, so the copies differ in a comment behind the end."""
    return data + b"\n%% copy %d\n" % number


def _change_docx(data: bytes, number: int) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "word/document.xml":
                content = content.replace(b" the ", b" the %06d " % number)
            new.writestr(part.filename, content)
    return changed.getvalue()


_CHANGES: dict[str, Callable[[bytes, int], bytes]] = {"pdf": _change_pdf, "docx": _change_docx}
