"""Running cells: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
import os
import random
import threading
import time
import traceback
import warnings
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.harness.cell_files import cell_path, write_cell
from experiments.harness.cells import Cell
from experiments.harness.code import code_digest
from experiments.harness.folder import error_path, work_path
from experiments.harness.signals import leave_signals_to_the_parent
from experiments.harness.telling import fall_silent
from languages.files import write_text_atomically

BACKENDS = ("processes", "ray")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a cell ended.

    Attributes:
        key: Its key.
        label: Its label.
        seconds: How long it ran.
        error: None, or the error in one line.
        trace: The traceback of the error.
        skipped: Whether it was not started, for want of time; `error` says so.
    """

    key: str
    label: str
    seconds: float
    error: str | None = None
    trace: str = ""
    skipped: bool = False


class WorkerDied(RuntimeError):
    """A worker process was killed from outside, most often for want of memory, or could not load its cell."""


def run_cells(
    cells: Mapping[str, Cell], folder: Path, *, jobs: int, backend: str = "processes", gpu: bool = False
) -> Generator[Outcome, None, None]:
    """Run cells in the order given and yield how each ended; each worker stores its result as soon as it has it.

    Leaving the loop early (Ctrl-C, an error) kills the workers: at most the cells under way are lost.

    Args:
        cells: Cells by key.
        folder: The results folder, which exists; for Ray, on a file system that all nodes share.
        jobs: How many run at once. With one job, cells run in this process.
        backend: "processes" or "ray".
        gpu: Whether each cell needs an accelerator (Ray reserves one for it).

    Raises:
        WorkerDied: A worker process was killed; finished cells are kept.
        ValueError: Ray is asked for and not installed.
    """
    if backend == "ray":
        yield from _on_ray(cells, folder, jobs, gpu)
    elif jobs == 1 or len(cells) <= 1:
        for key, cell in cells.items():
            yield run_cell(cell, key, cell.label, folder, code=code_digest(type(cell)), threads=threads_per_job(1))
    else:
        yield from _in_processes(cells, folder, min(jobs, len(cells)))


def run_cell(
    cell: Cell, key: str, label: str, folder: Path, *, code: str, threads: int, parent: int | None = None
) -> Outcome:
    """Run one cell and store its rows, or its traceback; an error of the cell is returned, not raised.

    Args:
        cell: The cell.
        key: Its key.
        label: Its label.
        folder: The results folder.
        code: Digest of the code that it comes from, as the run knows it: a worker has other sources at hand.
        threads: Threads for torch.
        parent: Process id of the run, if this is one of its workers.
    """
    if parent is not None:
        _become_worker(parent)
    workdir = work_path(folder, key)
    workdir.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    try:
        with _own_settings(cell.random_seed, threads):
            rows = list(cell.run(workdir))
        seconds = time.perf_counter() - started
        write_cell(folder, cell, key, rows, seconds, code)
        error_path(folder, key).unlink(missing_ok=True)
        return Outcome(key, label, seconds)
    except Exception as error:
        trace = traceback.format_exc()
        with contextlib.suppress(OSError):  # a full disk must not hide the error
            error_path(folder, key).parent.mkdir(exist_ok=True)
            write_text_atomically(error_path(folder, key), trace)
        message = " ".join(f"{type(error).__name__}: {error}".split())
        return Outcome(key, label, time.perf_counter() - started, message, trace)
    finally:
        fall_silent(workdir)
        with contextlib.suppress(OSError):  # it stays if the cell left something there
            workdir.rmdir()


def threads_per_job(jobs: int) -> int:
    """Threads for each of `jobs` workers: the cores shared out, and no more than OMP_NUM_THREADS if that is set."""
    import joblib

    share = max(1, joblib.cpu_count() // jobs)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdigit() and int(limit) else share


@contextlib.contextmanager
def _own_settings(seed: int, threads: int) -> Iterator[None]:
    """Seed the global sources of randomness and set the threads for a block; what was there before comes back."""
    import numpy
    import torch

    # Not for our code, which passes generators: for libraries that draw from the global state.
    before = torch.get_num_threads(), numpy.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        numpy.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            numpy.random.set_state(before[1])  # noqa: NPY002
            random.setstate(before[2])


def _in_processes(cells: Mapping[str, Cell], folder: Path, jobs: int) -> Generator[Outcome, None, None]:
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

    threads = threads_per_job(jobs)
    tasks = (
        joblib.delayed(run_cell)(
            cell, key, cell.label, folder, code=code_digest(type(cell)), threads=threads, parent=os.getpid()
        )
        for key, cell in cells.items()
    )
    with joblib.parallel_config(backend="loky", inner_max_num_threads=threads):
        # One cell at a time to each worker, and none ahead of time, so that the longest start first.
        pool = joblib.Parallel(n_jobs=jobs, batch_size=1, pre_dispatch=jobs, return_as="generator_unordered")
        outcomes = pool(tasks)
        try:
            yield from outcomes
        except TerminatedWorkerError as error:
            raise WorkerDied(
                "a worker process was killed, perhaps for want of memory; fewer --jobs need less"
            ) from error
        except BrokenProcessPool as error:
            # The worker's own error is the last line of what it sent back.
            reason = str(error.__cause__ or error).strip('\n "').splitlines()[-1]
            raise WorkerDied(f"a worker process could not take its cell over: {reason}") from error
        finally:
            with warnings.catch_warnings():  # joblib warns that an unfinished loop was left; that is the intent
                warnings.simplefilter("ignore")
                outcomes.close()


def _become_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and do not outlive it: an orphan would write into the folder of the next run."""
    if os.getppid() != parent:  # it died while this process started
        os._exit(1)
    leave_signals_to_the_parent()
    name = "parent watch"
    if all(thread.name != name for thread in threading.enumerate()):
        threading.Thread(target=_die_with, args=(parent,), name=name, daemon=True).start()


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _on_ray(cells: Mapping[str, Cell], folder: Path, jobs: int, gpu: bool) -> Generator[Outcome, None, None]:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise ValueError("--backend ray needs the package ray: pip install 'ray>=2.40'") from None
    started_here = not ray.is_initialized()
    if started_here:
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    try:
        task = ray.remote(num_cpus=1, num_gpus=int(gpu), max_retries=0)(run_cell)
        waiting = list(cells)
        under_way: dict[Any, str] = {}
        while waiting or under_way:
            while waiting and len(under_way) < jobs:
                key = waiting.pop(0)
                code = code_digest(type(cells[key]))
                reference = task.remote(cells[key], key, cells[key].label, folder.resolve(), code=code, threads=1)
                under_way[reference] = key
            (reference, *_), _ = ray.wait(list(under_way), num_returns=1)
            key = under_way.pop(reference)
            try:
                outcome = ray.get(reference)
            except ray.exceptions.RayError as error:
                outcome = Outcome(key, cells[key].label, 0.0, " ".join(str(error).split()), str(error))
            if outcome.error is None and not cell_path(folder, key).exists():
                missing = f"its result is not in {folder}: --out must be on a file system that all nodes share"
                outcome = dataclasses.replace(outcome, error=missing)
            yield outcome
    finally:
        if started_here:
            ray.shutdown()
