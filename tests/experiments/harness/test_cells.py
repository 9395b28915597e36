from __future__ import annotations

import dataclasses

import numpy as np
import pytest


def test_key_is_the_same_for_ever(toy):
    # Written down, so that a change of the scheme, which would orphan every stored result, does not go unseen.
    cell = toy.ToyCell("hmm:states=4,prune=0.05", 8, 3)
    assert cell.key == "toycell-hmm-states-4-prune-0-05-8-3-bbd55f5f8f8116c7"
    assert cell.random_seed == 7451842565818739566


def test_key_changes_with_content_alone(toy, monkeypatch):
    cell = toy.ToyCell("2-gram", 8, 3)
    others = [dataclasses.replace(cell, **change) for change in ({"language": "3-gram"}, {"steps": 9}, {"seed": 4})]
    subclass = dataclasses.make_dataclass("OtherCell", [], bases=(toy.ToyCell,), frozen=True)("2-gram", 8, 3)
    keys = {other.key for other in [cell, subclass, *others]}
    assert len(keys) == 5
    assert len({other.random_seed for other in [cell, subclass, *others]}) == 5
    assert dataclasses.replace(cell, pause=9.0, journal="elsewhere").key == cell.key
    monkeypatch.setattr(toy.ToyCell, "version", 2)
    assert cell.key not in keys


def test_tuples_and_nested_dataclasses_name_a_cell(toy):
    @dataclasses.dataclass(frozen=True)
    class Size:
        width: int

    shapes = [(1, Size(2)), (1, Size(3)), (1, 2)]
    assert len({toy.ToyCell("2-gram", shape, 0).key for shape in shapes}) == 3


@pytest.mark.parametrize("value", [np.int64(3), np.float64(3.0), {1, 2}, object(), float("nan"), float("inf"), {1: 2}])
def test_values_that_cannot_name_a_cell_are_refused(toy, value):
    with pytest.raises(ValueError, match=r"ToyCell\.steps"):
        _ = toy.ToyCell("2-gram", value, 0).key
