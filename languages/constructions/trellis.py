"""Independent blocks as hidden Markov models through their trellis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from languages.closed_forms import ClosedForms
from languages.hidden_markov import HMMLanguage

STATE_LIMIT = 4096
"""Most hidden states of a block language; its dense transition then takes 128 MiB."""
PROPORTIONAL = 1e-12
"""Relative error below which two rows are proportional. Their zeros must agree exactly."""


@dataclasses.dataclass(frozen=True)
class Section:
    """The edges of one position of a block: what may be emitted, from where and to where.

    The node before the first section and the node after the last one are 0.

    Attributes:
        before: (E,) node an edge leaves.
        token: (E,) token it emits.
        after: (E,) node it enters.
        prob: (E,) its probability given `before`, > 0.
    """

    before: Int[np.ndarray, " E"]
    token: Int[np.ndarray, " E"]
    after: Int[np.ndarray, " E"]
    prob: Float[np.ndarray, " E"]


def blocks_from_trellis(
    sections: Sequence[Section],
    vocab_size: int,
    *,
    name: str,
    closed_forms: ClosedForms | None,
    kind: type[HMMLanguage] = HMMLanguage,
) -> HMMLanguage:
    """The hidden Markov model of independent blocks, each a walk through a trellis.

    A hidden state is a position, the node after it, and the token there; tokens between which neither the node before
    nor the node after distinguishes share one state, with their law as its emission.

    Args:
        sections: One for each position of a block.
        vocab_size: V.
        name: What tables and legends call it.
        closed_forms: What is known of it.
        kind: The class to build.

    Raises:
        ValueError: More than `STATE_LIMIT` states.
    """
    classes = [_classes(section) for section in sections]
    sizes = [int(label.max()) + 1 for label in classes]
    first = np.concatenate([[0], np.cumsum(sizes)])
    states = int(first[-1])
    if states > STATE_LIMIT:
        raise ValueError(
            f"{name} takes {states} hidden states, more than {STATE_LIMIT}; take smaller blocks or fewer symbols"
        )
    emission, transition = np.zeros((states, vocab_size)), np.zeros((states, states))
    initial = np.zeros(states)
    entering = []  # for each position, (node before, state) -> probability
    for section, label, size, offset in zip(sections, classes, sizes, first, strict=False):
        inflow = np.zeros((int(section.before.max()) + 1, size))
        np.add.at(inflow, (section.before, label), section.prob)
        # Every node before agrees on the law of the token within a class; the heaviest edges give it with most digits.
        heaviest = inflow.argmax(0)
        chosen = section.before == heaviest[label]
        emission[offset + label[chosen], section.token[chosen]] = section.prob[chosen]
        entering.append(inflow)
    for place, (section, label) in enumerate(zip(sections, classes, strict=True)):
        following = (place + 1) % len(sections)
        rows = slice(first[following], first[following] + sizes[following])
        transition[first[place] + label, rows] = entering[following][section.after]
    initial[: sizes[0]] = entering[0][0]
    emission /= emission.sum(1, keepdims=True)
    return kind(
        torch.from_numpy(initial),
        torch.from_numpy(transition),
        torch.from_numpy(emission),
        name=name,
        closed_forms=closed_forms,
    )


def _classes(section: Section) -> NDArray[np.int64]:
    """(E,) hidden state of each edge: edges to one node whose tokens have proportional laws over the nodes before."""
    label = np.full(len(section.token), -1)
    count = 0
    for node in np.unique(section.after):
        edges = np.flatnonzero(section.after == node)
        _, before = np.unique(section.before[edges], return_inverse=True)
        tokens, token = np.unique(section.token[edges], return_inverse=True)
        law = np.zeros((len(tokens), int(before.max()) + 1))
        law[token, before] = section.prob[edges]
        group = proportional_rows(law)
        label[edges] = count + group[token]
        count += int(group.max()) + 1
    return label


def proportional_rows(rows: Float[np.ndarray, "R C"]) -> NDArray[np.int64]:
    """(R,) class of each row, 0, 1, … by first appearance; rows of one class have the same zeros and are proportional.

    Args:
        rows: (R, C) non-negative, no row all zero.
    """
    scaled = rows / rows.sum(1, keepdims=True)
    label, left, count = np.full(len(rows), -1), np.arange(len(rows)), 0
    while len(left):
        model = scaled[left[0]]
        # Relative to the entry, so that a zero agrees with nothing but a zero.
        alike = (np.abs(scaled[left] - model) <= PROPORTIONAL * model).all(1)
        label[left[alike]] = count
        left, count = left[~alike], count + 1
    return label
