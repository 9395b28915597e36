"""Checkpoints: the whole state of a run in one file that is replaced atomically."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from languages.files import remove_leftovers
from mdmtheory.networks.weights import read_tensors, write_tensors
from mdmtheory.training.ema import ExponentialMovingAverage
from mdmtheory.training.identity import difference
from mdmtheory.training.pace import Cut

FILE_NAME = "checkpoint.safetensors"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Window:
    """The steps since the last record, which the next one will be about.

    Attributes:
        start: Steps done before it.
        seconds: Training time before it.
        total: Sum of their losses, nats per token.
    """

    start: int = 0
    seconds: float = 0.0
    total: float = 0.0


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        step: Optimizer steps done.
        seconds: Training time spent, over all its sessions.
        history: Records so far, as dictionaries.
        window: What is not in the history yet.
        cuts: Earlier ends that the time limit gave it; see `training.pace`.
    """

    step: int = 0
    seconds: float = 0.0
    history: tuple[dict[str, Any], ...] = ()
    window: Window = dataclasses.field(default_factory=Window)
    cuts: tuple[Cut, ...] = ()


def prepare_folder(folder: str | os.PathLike[str]) -> Path:
    """Create the folder of the checkpoints and make sure it can be written to, before any work is done.

    What a run that was killed while it wrote there left an hour ago or longer is removed.

    Raises:
        ValueError: It cannot; the message names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        remove_leftovers(path / FILE_NAME)
    except OSError as error:
        raise ValueError(f"checkpoint_dir {path} cannot be written to: {error}") from error
    return path / FILE_NAME


def save_checkpoint(
    path: Path,
    identity: dict[str, Any],
    progress: Progress,
    model: nn.Module,
    ema: ExponentialMovingAverage,
    optimizer: torch.optim.Optimizer,
    *,
    write: bool = True,
) -> None:
    """Write the state of a run; the previous checkpoint stays until the new one is whole.

    Sharded models are gathered, so every process must call this; only the one with `write` writes.

    Args:
        path: The file.
        identity: See `run_identity`.
        progress: Where the run is.
        model: The model, wrapped by a strategy or not.
        ema: Its average.
        optimizer: Its optimizer.
        write: Whether this process writes.
    """
    from torch.distributed.checkpoint import state_dict as distributed

    options = distributed.StateDictOptions(full_state_dict=True, cpu_offload=True)
    with ema.swapped_in():
        averages: dict[str, Any] = distributed.get_model_state_dict(model, options=options)
        # Copies: on a CPU these are the parameters themselves, about to get their own values back.
        tensors = {f"average/{name}": value.clone() for name, value in averages.items()}
    weights, moments = distributed.get_state_dict(model, optimizer, options=options)
    tensors |= {f"model/{name}": value for name, value in weights.items()}
    states: Any = moments.get("state", {})  # processes other than the first get nothing
    for name, state in states.items():
        tensors |= {f"optimizer/{name}/{key}": torch.as_tensor(value) for key, value in state.items()}
    header = {"kind": "checkpoint", "format": FORMAT, "run": identity, "averages": ema.updates,
              **dataclasses.asdict(progress)}  # fmt: skip
    if write:
        write_tensors(path, tensors, header)


def load_checkpoint(
    path: Path,
    identity: dict[str, Any],
    model: nn.Module,
    ema: ExponentialMovingAverage,
    optimizer: torch.optim.Optimizer,
) -> Progress:
    """Put the state of a run back, bit for bit.

    Returns:
        Where the run is.

    Raises:
        ValueError: The file is damaged, is no checkpoint, or belongs to another run. The file is left as it is.
    """
    from torch.distributed.checkpoint import state_dict as distributed

    tensors, header = read_tensors(path)
    if header.get("kind") != "checkpoint" or header.get("format") != FORMAT:
        raise ValueError(f"cannot read {path} as a checkpoint: it holds {header.get('kind', 'something else')!r}")
    if differs := difference(header["run"], identity):
        name, found, wanted = differs
        raise ValueError(
            f"{path} belongs to another run: its {name} is {found!r}, this run's is {wanted!r}; "
            "choose another checkpoint_dir or remove the file"
        )
    options = distributed.StateDictOptions(full_state_dict=True)
    fresh = distributed.get_optimizer_state_dict(model, optimizer, options=options)
    _check_complete(path, tensors, distributed.get_model_state_dict(model, options=options), fresh["state"])
    # Averages first: they pass through the model, which then gets its own weights.
    distributed.set_model_state_dict(model, _under(tensors, "average"), options=options)
    ema.take(model, header["averages"])
    moments: dict[str, Any] = {}
    for name, value in _under(tensors, "optimizer").items():
        parameter, _, key = name.rpartition("/")
        moments.setdefault(parameter, {})[key] = value
    distributed.set_state_dict(
        model,
        optimizer,
        model_state_dict=_under(tensors, "model"),
        optim_state_dict={"state": moments, "param_groups": fresh["param_groups"]},
        options=options,
    )
    step, seconds = header["step"], header["seconds"]
    # Files from before windows were kept begin one.
    window = Window(**header["window"]) if "window" in header else Window(step, seconds)
    cuts = tuple(Cut(*cut) for cut in header.get("cuts", ()))
    return Progress(step, seconds, tuple(header["history"]), window, cuts)


def _check_complete(path: Path, tensors: dict[str, Tensor], weights: dict[str, Any], moments: Any) -> None:
    """Refuse a file that lacks a part: torch would take what is there and keep fresh weights for the rest."""
    wanted = {f"{part}/{name}": value for part in ("model", "average") for name, value in weights.items()}
    wanted |= {f"optimizer/{name}/{key}": value for name, state in moments.items() for key, value in state.items()}
    for name, value in wanted.items():
        shape = tuple(torch.as_tensor(value).shape)
        if name not in tensors:
            raise ValueError(f"cannot read {path} as a checkpoint: it is damaged, for it lacks {name}")
        if tuple(tensors[name].shape) != shape:
            found = tuple(tensors[name].shape)
            raise ValueError(f"cannot read {path} as a checkpoint: its {name} has shape {found}, not {shape}")


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    """Entries below a prefix, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
