"""Checkpoints: the whole state of a run in one file that is replaced atomically."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mdmtheory.networks.weights import read_tensors, write_tensors
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.ema import ExponentialMovingAverage
from mdmtheory.training.identity import flat_settings

FILE_NAME = "checkpoint.safetensors"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        step: Optimizer steps done.
        seconds: Training time spent, over all its sessions.
        history: Records so far, as dictionaries.
    """

    step: int = 0
    seconds: float = 0.0
    history: tuple[dict[str, Any], ...] = ()


def prepare_folder(folder: str | os.PathLike[str]) -> Path:
    """Create the folder of the checkpoints and make sure it can be written to, before any work is done.

    Raises:
        ValueError: It cannot; the message names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
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
    # A setting that did not exist yet when the file was written had the effect that its default has now.
    defaults = flat_settings(TrainingConfig(steps=1))
    for name, wanted in identity.items():
        found = header["run"].get(name, defaults.get(name))
        if found != wanted:
            raise ValueError(
                f"{path} belongs to another run: its {name} is {found!r}, this run's is {wanted!r}; "
                "choose another checkpoint_dir or remove the file"
            )
    options = distributed.StateDictOptions(full_state_dict=True)
    # Averages first: they pass through the model, which then gets its own weights.
    distributed.set_model_state_dict(model, _under(tensors, "average"), options=options)
    ema.take(model, header["averages"])
    fresh = distributed.get_optimizer_state_dict(model, optimizer, options=options)
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
    return Progress(header["step"], header["seconds"], tuple(header["history"]))


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    """Entries below a prefix, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
