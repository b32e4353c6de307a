"""Run the long proofs and write down what they showed.

    python -m tools.prove [--seed N] [PYTEST ARGUMENTS …]

A proof takes its seed from OCTAVO_SEED and tells its figures with pytest's `record_property`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from xml.etree.ElementTree import Element, parse

from tools.reference.markdown import document, table

PAGE = Path("docs/proof.md")
_LEAD = (
    "What `make prove` showed when it last ran: the promises that take minutes to test, with kills and "
    "faults at random points. `make prove SEED=n` repeats a run."
)


def main() -> int:
    """Run the proofs and write the page; pytest's exit code."""
    parser = argparse.ArgumentParser(description="Run the long proofs and write docs/proof.md.")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**9))
    options, arguments = parser.parse_known_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = _run(options.seed, report, arguments)
        # Part of the proofs, or none at all, is no report.
        if report.is_file() and not arguments and code in {0, 1}:
            PAGE.write_text(page(options.seed, report), encoding="utf-8")
            print(f"wrote {PAGE}")
    return code


def page(seed: int, report: Path) -> str:
    """The page, from pytest's own report."""
    cases = list(parse(report).iter("testcase"))
    when = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    rows = [
        (_name(case), _outcome(case), f"{float(case.get('time', 0)):.0f} s", _figures(case)) for case in cases
    ]
    facts = f"{when}, seed {seed}, {machine}."
    return document(
        "Proof", _LEAD, [facts, table(("Proof", "Outcome", "Time", "Figures"), rows)], "make prove"
    )


def _run(seed: int, report: Path, arguments: Sequence[str]) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "prove",
        "--timeout=3600",
        f"--junit-xml={report}",
        *arguments,
    ]
    return subprocess.run(command, env={**os.environ, "OCTAVO_SEED": str(seed)}, check=False).returncode


def _name(case: Element) -> str:
    return case.get("name", "").removeprefix("test_").replace("_", " ")


def _outcome(case: Element) -> str:
    broken = case.find("failure") is not None or case.find("error") is not None
    return "**failed**" if broken else "held"


def _figures(case: Element) -> str:
    return ", ".join(
        f"{item.get('name', '').replace('_', ' ')} {item.get('value')}" for item in case.iter("property")
    )


if __name__ == "__main__":
    sys.exit(main())
