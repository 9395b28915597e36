"""Weights on disk: what comes back, and what a damaged file says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from languages.files import checksum
from mdmtheory.networks import TransformerConfig, fresh_network, load_network, save_network
from mdmtheory.networks.weights import read_tensors, write_tensors


def test_a_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = fresh_network(TransformerConfig(vocab_size=5, time_conditioned=True), seed=4)
    save_network(tmp_path / "net.safetensors", network)
    again = load_network(tmp_path / "net.safetensors")
    assert again.config == network.config
    assert not again.training
    for (name, a), (other, b) in zip(network.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(a, b)
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "text", "empty", "missing", "folder"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "net.safetensors"
    save_network(path, fresh_network(TransformerConfig(vocab_size=5)))
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[:-100])
    elif damage == "flip":
        content[-1000] ^= 0x40
        path.write_bytes(content)
    elif damage == "text":
        path.write_text("not weights")
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    with pytest.raises(ValueError, match=r"net\.safetensors"):
        load_network(path)


def test_tensors_of_another_kind_are_no_network(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_tensors(path, {"x": torch.ones(2)}, {"kind": "something"})
    with pytest.raises(ValueError, match=r"other\.safetensors.*something"):
        load_network(path)
    write_tensors(path, {"x": torch.ones(2)}, {"kind": "transformer", "config": {"vocab_size": 5, "colour": 1}})
    with pytest.raises(ValueError, match=r"other\.safetensors.*colour"):
        load_network(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"x": torch.zeros(2)}, {"round": 1})

    def break_off(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", break_off)
    with pytest.raises(OSError, match="no space"):
        write_tensors(path, {"x": torch.ones(2)}, {"round": 2})
    tensors, header = read_tensors(path)
    assert header == {"round": 1}
    assert tensors["x"].sum() == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "net.safetensors"
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere: .*net\.safetensors'$"):
        save_network(path, fresh_network(TransformerConfig(vocab_size=5)))


def test_a_changed_header_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"x": torch.zeros(2)}, {"step": 100})
    path.write_bytes(path.read_bytes().replace(b'step\\": 100', b'step\\": 900'))
    with pytest.raises(ValueError, match=r"x\.safetensors: it is damaged"):
        read_tensors(path)


def test_files_from_before_headers_were_summed_are_still_good(tmp_path: Path) -> None:
    tensors, header = {"x": torch.arange(3.0)}, {"step": 1}
    metadata = {"header": json.dumps(header), "checksum": str(checksum(tensors))}
    save_file(tensors, tmp_path / "x", metadata=metadata)
    assert read_tensors(tmp_path / "x")[1] == header
