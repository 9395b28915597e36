"""Section 2. The tests marked `gpu`: how many pass, and the first line of every failure."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from experiments.accelerator.section import SectionCell
from experiments.harness import Row

TESTS = Path(__file__).parents[2] / "tests"
COUNTS = ("passed", "failed", "skipped")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GpuTestsCell(SectionCell):
    """Run the test files that hold marked tests, in processes of their own."""

    section = 2
    seconds_full = 30.0
    seconds_small = 5.0

    def run(self, workdir: Path) -> Sequence[Row]:
        """Run pytest, which leaves its report in `workdir`, and read it."""
        from languages import Estimate

        files = sorted(str(path) for path in TESTS.rglob("test_*.py") if "mark.gpu" in path.read_text(encoding="utf-8"))
        files = [path for path in files if "benchmarks" not in path]
        if not files:
            raise ValueError(f"there are no tests in {TESTS}: run from a checkout, an installed copy has none")
        report = workdir / "report.xml"
        workers = min(8, os.cpu_count() or 1)
        spread = ["-n", str(workers)] if not self.small and importlib.util.find_spec("xdist") else []
        options = ["-m", "gpu", *spread, "--tb=short", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options]
        try:
            done = subprocess.run(
                [*command, *(files[:1] if self.small else files)],
                cwd=TESTS.parent,
                capture_output=True,
                text=True,
                timeout=self.limit - 2,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the tests took more than {self.limit - 2:.0f} s") from None
        if not report.exists():
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise RuntimeError(f"pytest ended with {done.returncode} and no report: {' '.join(lines[-3:])}")
        outcomes = read_report(report)
        report.unlink()
        rows: list[Row] = []
        for kind in COUNTS:
            count = Estimate.measured([sum(found == kind for _, found, _ in outcomes)], unit="tests")
            rows.append(self.row(count, kind, f"tests {kind}"))
        one = Estimate.measured([1], unit="tests")
        rows += [self.row(one, "failure", name, note=line) for name, kind, line in outcomes if kind == "failed"]
        return rows


def read_report(path: Path) -> list[tuple[str, str, str]]:
    """Name, outcome (one of `COUNTS`) and first line of what went wrong, of every test in a JUnit report."""
    found = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".removeprefix("tests.")
        kind, line = "passed", ""
        for part in case:
            if part.tag in ("failure", "error", "skipped"):
                kind = "skipped" if part.tag == "skipped" else "failed"
                line = _first_line(part)
        found.append((name, kind, line))
    return found


def _first_line(part: Any) -> str:
    text = part.get("message") or part.text or ""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
