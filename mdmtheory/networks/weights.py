"""Tensors on disk: safetensors with a checksum, written whole or not at all, never a pickle."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from languages.files import checksum, write_atomically
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.fresh import fresh_network
from mdmtheory.networks.transformer import Transformer


def write_tensors(path: str | os.PathLike[str], tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header to one file, which holds either the old or the new content at every moment.

    Args:
        path: The file; its folder must exist.
        tensors: By name, no two sharing memory.
        header: What JSON can say.

    Raises:
        OSError: It cannot be written; the message names it and says why, and the old file is untouched.
    """
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header)
    metadata = {"header": text, "checksum": str(checksum(flat, text))}

    def write(temporary: Path) -> None:
        try:
            save_file(flat, temporary, metadata=metadata)
        except safetensors.SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from error

    write_atomically(Path(path), write)


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Args:
        path: The file.

    Returns:
        Tensors on the CPU, and the header.

    Raises:
        ValueError: The file is missing, unreadable, truncated, changed, or of another kind; its name is in the message.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(metadata["header"])
        expected = int(metadata["checksum"])
    except (OSError, safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"cannot read {path}: it is missing, damaged or of another kind ({error})") from error
    # Older files have the sum of their tensors alone.
    if expected not in (checksum(tensors, metadata["header"]), checksum(tensors)) or not isinstance(header, dict):
        raise ValueError(f"cannot read {path}: it is damaged (its checksum does not match)")
    return tensors, header


def save_network(path: str | os.PathLike[str], network: Transformer) -> None:
    """Write the weights and the config of a network to one safetensors file.

    Args:
        path: The file; it is replaced if it exists.
        network: The network.

    Raises:
        OSError: It cannot be written; the message names it and says why, and the old file is untouched.
    """
    header = {"kind": "transformer", "config": dataclasses.asdict(network.config)}
    write_tensors(path, network.state_dict(), header)


def load_network(path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Transformer:
    """Read a network written by `save_network`, in evaluation mode.

    Args:
        path: The file.
        device: Where the network shall live.

    Raises:
        ValueError: The file is damaged or holds something else; its name is in the message.
    """
    tensors, header = read_tensors(path)
    if header.get("kind") != "transformer":
        raise ValueError(f"cannot read {path} as a network: it holds {header.get('kind', 'something else')!r}")
    try:
        network = fresh_network(TransformerConfig(**header["config"]))
        network.load_state_dict(tensors)
    except (TypeError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"cannot read {path} as a network: {error}") from error
    return network.to(device).eval()
