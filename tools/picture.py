"""Write docs/images/demo.svg: what `octavo demo` prints on the example documents.

python -m tools.picture
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from octavo.cli import session
from octavo.cli.demo import demonstrate
from octavo.postgres import server

PICTURE = Path("docs/images/demo.svg")
_WIDTH = 104


def main() -> None:
    """Run the demonstration on a scratch database and save what it printed."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    printed = session.console
    printed.record, printed.width, printed.file = True, _WIDTH, io.StringIO()
    try:
        session.run(lambda: demonstrate(str(folder / "octavo-demo"), Path("examples/documents"), "refund"))
    finally:
        server.destroy(folder / "octavo-demo", force=True)
        shutil.rmtree(folder)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(_without_places(printed.export_svg(title="make demo"), folder), encoding="utf-8")


def _without_places(picture: str, folder: Path) -> str:
    """The picture without the paths of the machine it was made on."""
    for place in (f"{folder}/", f"{Path.cwd()}/"):
        picture = picture.replace(place, "./")
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


if __name__ == "__main__":
    main()
