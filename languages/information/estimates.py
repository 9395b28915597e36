"""Information and conflict curves of any language, from samples: what is averaged is exact, what is drawn is little.

One leave-one-out forward–backward pass gives the law of every position given the revealed others. So a row x ~ q and a
random set S give at once, with no weights like 1/(1 − t):

* information: Σ_i [H(X_i) − H(X_i | x_{S∖i})], whose mean is h(t). The entropies of L laws take the place of L draws;
* conflict: a second pass with one position i switched between hidden and revealed shows which tokens at every other
  position become impossible. With i uniform and x_i its token, L/2 · Σ_{j≠i} q(tokens at j that x_i rules out |
  x_{S∖{i,j}}) has mean g(t).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.entropy import row_entropies
from languages.estimate import Estimate
from languages.hidden_markov import HMMLanguage
from languages.information.dependence import information_with_rest
from languages.information.nested_sets import NestedSets, stratified_uniforms
from languages.information.protocol import InformationLaw
from languages.information.sampled_curve import SampledCurve
from languages.language import Language
from languages.ngram import NGramLanguage
from languages.ranks import random_ranks

DEFAULT_NODES = 33
END_FACTOR = 8
"""Extra sequences at t = 1, for each sequence of the curve: they tell h(1), on which schedules of many steps hang."""
ENTROPY_FACTOR = 32
"""Sequences for the entropy of a language without an exact one, for each sequence of the curve: they cost little."""
MOST_ROWS = 4096
"""Rows of one call to a language."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampledInformationCurve(SampledCurve, InformationLaw):
    """Information curve h(t) with intervals; see `estimate_information_curve`."""

    def h(self, t: object) -> list[Estimate]:
        """The curve at revealed fractions t, nats."""
        return self.at(np.asarray(t, dtype=np.float64))

    @property
    def total_correlation(self) -> Estimate:
        """TC = ∫h, nats; exact where the entropy of the language is."""
        if self.known_integral is not None and self.known_integral.method == "exact":
            return self.known_integral
        return self.linear([], [], integral=1.0)

    @property
    def dual_total_correlation(self) -> Estimate:
        """DTC = h(1) − ∫h, nats; exact where both are."""
        end, whole = self.known_end, self.known_integral
        if end is not None and whole is not None and end.method == whole.method == "exact":
            return end.shifted(-whole.value)
        return self.linear([1.0], [1.0], integral=-1.0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(length={self.length}, total_correlation={self.total_correlation})"


@dataclasses.dataclass(frozen=True, eq=False)
class SampledConflictCurve(SampledCurve):
    """Conflict curve g(t) with intervals; see `estimate_conflict_curve`."""

    def g(self, t: object) -> list[Estimate]:
        """The curve at revealed fractions t. Where no conflict was met at all, the interval has no width."""
        return [dataclasses.replace(one, unit="") for one in self.at(np.asarray(t, dtype=np.float64))]

    @property
    def integral(self) -> Estimate:
        """∫g: N·SER → ∫g with uniform steps."""
        return self.linear([], [], integral=1.0, unit="")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(length={self.length}, integral={self.integral})"


def estimate_information_curve(
    language: Language,
    length: int,
    *,
    num_sequences: int = 256,
    num_nodes: int = DEFAULT_NODES,
    generator: torch.Generator | None = None,
) -> SampledInformationCurve:
    """Sample the information curve of any language.

    Cost: `num_sequences · num_nodes` forward–backward passes. For n-grams TC and h(1) are computed exactly and used as
    control variates; for others h(1) comes from `END_FACTOR` times as many sequences, and TC of a hidden Markov
    language from a precise estimate of its entropy.

    Args:
        language: Any language.
        length: L ≥ 1.
        num_sequences: Independent sequences x ~ q, at least 2.
        num_nodes: Revealed fractions at which the curve is sampled, 4k + 1.
        generator: Source of randomness on the language's device.
    """
    rows, length = check_count("num_sequences", num_sequences, least=2), check_count("length", length)
    sets = NestedSets(rows, length, num_nodes, language.device, generator)
    alone = row_entropies(language.marginals(length))
    tokens = language.sample(rows, length, generator=generator)
    samples = np.zeros((rows, len(sets.nodes)))
    for node in range(1, len(sets.nodes)):  # at the first nothing is revealed, nothing is known
        noisy = tokens.masked_fill(~sets.shown(node), language.mask_id)
        samples[:, node] = _informations(language, noisy, alone).sum(1)
    integral = _total_correlation(language, length, float(alone.sum()), rows, generator)
    end = _end(language, length, alone, rows, generator)
    return SampledInformationCurve(length, sets.mixed(samples), sets.surplus, integral, end)


def estimate_z(
    language: Language,
    length: int,
    sizes: Sequence[int],
    *,
    num_sequences: int = 256,
    generator: torch.Generator | None = None,
) -> list[Estimate]:
    """Estimates of Z_{s+1} = E I(X_i; X_S) over uniform sets of s positions, nats, for any language.

    One pass a sequence and size: up to half the length every hidden position counts, beyond it every revealed one, with
    itself left out of a set of s + 1. The sets of one sequence are nested.

    Args:
        language: Any language.
        length: L ≥ 1.
        sizes: Numbers s of revealed positions, 0 … L − 1.
        num_sequences: Independent sequences, at least 2.
        generator: Source of randomness on the language's device.
    """
    rows, length = check_count("num_sequences", num_sequences, least=2), check_count("length", length)
    counts = [check_count("sizes", size, least=0) for size in sizes]
    if any(size >= length for size in counts):
        raise ValueError(f"sizes must lie in 0 … L - 1 = {length - 1}, got {max(counts)}")
    alone = row_entropies(language.marginals(length))
    tokens = language.sample(rows, length, generator=generator)
    rank = random_ranks(rows, length, generator=generator, device=tokens.device)
    result = []
    for size in counts:
        if size == 0:
            result.append(Estimate.exact(0.0, unit="nats"))
            continue
        hidden = 2 * size < length
        shown = rank < (size if hidden else size + 1)
        told = _informations(language, tokens.masked_fill(~shown, language.mask_id), alone)
        counted = (~shown if hidden else shown).cpu().numpy()
        result.append(Estimate.from_skewed_samples((told * counted).sum(1) / counted.sum(1), unit="nats"))
    return result


def estimate_conflict_curve(
    language: Language,
    length: int,
    *,
    num_sequences: int = 256,
    num_nodes: int = DEFAULT_NODES,
    generator: torch.Generator | None = None,
) -> SampledConflictCurve:
    """Sample the conflict curve of any language. Cost: `2 · num_sequences · num_nodes` forward–backward passes.

    Args:
        language: Any language.
        length: L ≥ 1.
        num_sequences: Independent sequences x ~ q, at least 2.
        num_nodes: Revealed fractions at which the curve is sampled, 4k + 1.
        generator: Source of randomness on the language's device.
    """
    rows, length = check_count("num_sequences", num_sequences, least=2), check_count("length", length)
    sets = NestedSets(rows, length, num_nodes, language.device, generator)
    tokens = language.sample(rows, length, generator=generator)
    samples = np.zeros((rows, len(sets.nodes)))
    every = torch.arange(rows, device=tokens.device)
    for node in range(len(sets.nodes)):
        # Positions spread evenly over the sequence, in random order of the rows.
        spread = stratified_uniforms(rows, tokens.device, generator) * length
        position = torch.as_tensor(spread.astype(np.int64), device=tokens.device).clamp(max=length - 1)
        noisy = tokens.masked_fill(~sets.shown(node), language.mask_id)
        noisy[every, position] = language.mask_id
        before = language.leave_one_out(noisy)
        noisy[every, position] = tokens[every, position]
        after = language.leave_one_out(noisy)
        ruled_out = torch.where(after.isneginf(), before.exp(), 0.0).sum(2)
        ruled_out[every, position] = 0.0
        samples[:, node] = length / 2 * ruled_out.sum(1).cpu().numpy()
    return SampledConflictCurve(length, sets.mixed(samples), sets.surplus, skewed=True)


def _informations(
    language: Language, noisy: Int[Tensor, "B L"], alone: Float[Tensor, " L"]
) -> Float[np.ndarray, "B L"]:
    """H(X_i) − H(X_i | revealed others) at every position, nats."""
    pieces = [np.zeros((0, noisy.shape[1]))]
    for rows in noisy.split(MOST_ROWS):
        law = language.leave_one_out(rows)
        entropies = -torch.where(law.isneginf(), 0.0, law.exp() * law).sum(2)
        pieces.append((alone - entropies).cpu().numpy())
    return np.concatenate(pieces)


def _total_correlation(
    language: Language, length: int, alone: float, rows: int, generator: torch.Generator | None
) -> Estimate | None:
    """Σ_i H(X_i) − H(X): exact where the entropy is, precise for hidden Markov languages, None for others."""
    try:
        return Estimate.exact(alone - language.entropy(length), unit="nats")
    except NotImplementedError:
        if not isinstance(language, HMMLanguage):
            return None
    entropy = language.estimate_entropy(length, num_sequences=ENTROPY_FACTOR * rows, generator=generator)
    return entropy.scaled(-1.0).shifted(alone)


def _end(
    language: Language, length: int, alone: Float[Tensor, " L"], rows: int, generator: torch.Generator | None
) -> Estimate:
    """h(1): exact for n-grams with not too many paths, else from sequences of its own."""
    if isinstance(language, NGramLanguage):
        try:
            return Estimate.exact(float(information_with_rest(language, length).sum()), unit="nats")
        except ValueError:
            pass  # too many paths of n tokens
    tokens = language.sample(END_FACTOR * rows, length, generator=generator)
    # Nearly all of a sequence of a sure language is told by the rest; rare ones are not.
    return Estimate.from_skewed_samples(_informations(language, tokens, alone).sum(1), unit="nats")
