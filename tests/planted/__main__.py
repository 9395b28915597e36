"""Plant every error in a copy of the checkout, one by one, and report those that no test notices.

python -m tests.planted                     all rooms
python -m tests.planted training bounds     two of them
python -m tests.planted --only clipped      errors whose name holds a word
python -m tests.planted --list              what there is, without running a test
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from .catalogue import ROOMS, faults
from .fault import CHECKOUT, Fault

COPIED = ("languages", "mdmtheory", "experiments", "tests", "notebooks", "docs", "README.md", "pyproject.toml")


def noticed(fault: Fault, copy: pathlib.Path, timeout: float) -> str:
    """What the tests say of one error: "red", "green", or why they say nothing."""
    file = copy / fault.file
    right = file.read_text()
    file.write_text(fault.planted(copy))
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-m", "", *fault.tests.split()],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {timeout:.0f} s"  # an error that hangs its tests is seen by whoever runs them
    finally:
        file.write_text(right)
    verdicts = {
        0: "green",
        1: "red",
    }  # pytest: 2 is an interruption (a broken import while collecting), 5 no test at all
    return verdicts.get(finished.returncode, f"pytest ended with {finished.returncode}: {finished.stdout[-300:]}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)}; default: all")
    parser.add_argument("--only", default="", help="errors whose name holds this")
    parser.add_argument("--list", action="store_true", help="print the errors and run nothing")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for the tests of one error")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.rooms) - set(ROOMS)):
        parser.error(f"no room {', '.join(unknown)}; rooms are {', '.join(ROOMS)}")
    wanted = [
        (room, fault)
        for room, planted in faults(tuple(given.rooms) or ROOMS).items()
        for fault in planted
        if given.only in fault.name
    ]
    if given.list:
        print(*(f"{room}: {fault.name}  [{fault.tests}]" for room, fault in wanted), sep="\n")
        return 0
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for name in COPIED:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        for place, (room, fault) in enumerate(wanted, 1):
            begun = time.monotonic()
            verdict = noticed(fault, copy, given.timeout)
            print(
                f"{place}/{len(wanted)} {room}: {fault.name}: {verdict} ({time.monotonic() - begun:.0f} s)", flush=True
            )
            if verdict != "red":
                survivors.append(f"{room}: {fault.name}: {verdict}")
    print(f"{len(wanted) - len(survivors)} of {len(wanted)} planted errors turned a test red")
    print(*survivors, sep="\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
