"""Random n-grams and hidden Markov models from a seed, and random ends for them."""

from __future__ import annotations

import sys

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from languages.budget import check_budget, largest
from languages.checks import check_count, check_fraction
from languages.hidden_markov import HMMLanguage, check_hidden_tables
from languages.ngram import NGramLanguage
from languages.pruning import check_threshold

DENSE_LIMIT = 1 << 24
"""Largest number of probabilities that a random n-gram is drawn with: half a minute and two GB."""


def random_ngram(
    order: int,
    vocab_size: int,
    *,
    seed: int,
    prune_below: float = 0.0,
    concentration: float = 1.0,
    name: str | None = None,
) -> NGramLanguage:
    """Draw an n-gram language: every row of next-token probabilities is Dirichlet(concentration, …).

    The start is stationary before pruning; pruning leaves the initial law alone.

    Args:
        order: n ≥ 1.
        vocab_size: V ≥ 1.
        seed: Seed of numpy's default generator.
        prune_below: Next-token probabilities below this become hard zeros; 0 prunes nothing.
        concentration: Dirichlet parameter of every entry, > 0; small values make rows peaked.
        name: What tables and legends call it.
    """
    order, vocab_size = check_count("order", order), check_count("vocab_size", vocab_size)
    check_threshold(prune_below)
    check_budget(
        f"a random n-gram of order={order} over vocab_size={vocab_size}",
        f"take a lower order, or vocab_size up to {largest(lambda v: v**order <= DENSE_LIMIT, vocab_size)}",
        operations=float(vocab_size**order),
        most=DENSE_LIMIT,
        memory=120.0 * vocab_size**order,
    )
    rng = np.random.default_rng(check_count("seed", seed, least=0))
    table = _dirichlet(rng, vocab_size ** (order - 1), vocab_size, concentration)
    language = NGramLanguage(table.reshape((vocab_size,) * order), name=name)
    return language.pruned(prune_below)


def random_hmm(
    num_states: int,
    vocab_size: int,
    *,
    seed: int,
    prune_below: float = 0.0,
    concentration: float = 1.0,
    name: str | None = None,
) -> HMMLanguage:
    """Draw a hidden Markov language: initial, transition and emission rows are Dirichlet(concentration, …).

    Args:
        num_states: S ≥ 1.
        vocab_size: V ≥ 1.
        seed: Seed of numpy's default generator.
        prune_below: Transition and emission probabilities below this become hard zeros; 0 prunes nothing.
        concentration: Dirichlet parameter of every entry, > 0; small values make rows peaked.
        name: What tables and legends call it.
    """
    states, vocab_size = check_count("num_states", num_states), check_count("vocab_size", vocab_size)
    check_threshold(prune_below)
    check_hidden_tables(
        f"a random hidden Markov model of num_states={states} over vocab_size={vocab_size}",
        "take fewer of one or the other",
        states,
        vocab_size,
    )
    rng = np.random.default_rng(check_count("seed", seed, least=0))
    initial = _dirichlet(rng, 1, states, concentration)[0]
    transition = _dirichlet(rng, states, states, concentration)
    emission = _dirichlet(rng, states, vocab_size, concentration)
    return HMMLanguage(initial, transition, emission, name=name).pruned(prune_below)


def random_stops(
    language: NGramLanguage | HMMLanguage,
    mean: float,
    *,
    seed: int,
    endings: float = 1.0,
    concentration: float = 4.0,
) -> Float[Tensor, " V_or_S"]:
    """Draw a probability of stopping for each token of an n-gram or each hidden state, to hand to `with_end`.

    Each is Beta with the given mean. Those that may not end a sequence are zero, so that sequences which stop there are
    wrong.

    Args:
        language: Whose tokens or states.
        mean: Mean probability of stopping where one may, in (0, 1).
        seed: Seed of numpy's default generator.
        endings: Share of the tokens or states that may end a sequence, rounded; at least one may.
        concentration: Sum of the two Beta parameters, > 0; small values make probabilities differ much.
    """
    if isinstance(language, HMMLanguage):
        size = language.num_states
    elif isinstance(language, NGramLanguage):
        size = language.vocab_size
    else:
        raise ValueError(f"language must be an n-gram or a hidden Markov model, got {language!r}")
    mean = check_fraction("mean", mean, low=sys.float_info.min, high=1 - sys.float_info.epsilon)
    alpha = check_fraction("concentration", concentration, low=sys.float_info.min, high=sys.float_info.max)
    rng = np.random.default_rng(check_count("seed", seed, least=0))
    stops = rng.beta(alpha * mean, alpha * (1 - mean), size=size)
    some = max(1, round(check_fraction("endings", endings) * size))
    stops[rng.permutation(size)[some:]] = 0.0
    return torch.from_numpy(stops)


def _dirichlet(rng: np.random.Generator, rows: int, columns: int, concentration: float) -> np.ndarray:
    """(rows, columns) independent symmetric Dirichlet rows."""
    alpha = check_fraction("concentration", concentration, low=sys.float_info.min, high=sys.float_info.max)
    return rng.dirichlet(np.full(columns, alpha), size=rows)
