"""Where a result comes from: versions, machine, commit, configuration, times."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from experiments.harness.config import ExperimentConfig
from languages.files import write_text_atomically

PACKAGES = ("mdmtheory", "torch", "numpy", "scipy", "pandas")


def provenance(name: str, config: ExperimentConfig) -> dict[str, Any]:
    """Everything `run.json` says about a run before it starts."""
    return {
        "experiment": name,
        "config": dataclasses.asdict(config),
        "seed": config.seed,
        "device": config.device,
        "device_name": device_name(config.device),
        "cpu_count": os.cpu_count(),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "git": git_commit(),
        "started": now(),
    }


def write_run(folder: Path, record: dict[str, Any]) -> Path:
    """Write `run.json` atomically and return its path."""
    path = folder / "run.json"
    write_text_atomically(path, json.dumps(record, indent=1, default=str) + "\n")
    return path


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def device_name(device: str) -> str:
    """The name of the processor or accelerator behind a torch device string."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def git_commit() -> dict[str, Any] | None:
    """The commit of the checkout this code runs from, and whether tracked files differ from it; None outside one."""
    root = Path(__file__).resolve().parents[2]
    # An installed copy may lie inside a stranger's checkout, whose commit says nothing about this code.
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "modified": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
