"""An end for a language: after each token the sequence stops with some probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray

from languages.automata.contexts import context_tokens
from languages.automata.grams import SparseGrams
from languages.checks import check_fraction
from languages.hidden_markov import HMMLanguage
from languages.ngram import NGramLanguage
from languages.variable_length.markov import VariableLength, VariableLengthHMM, VariableLengthNGram

PAIR_LIMIT = 1 << 24
"""Pairs of tokens that the end of an independent law may take."""

FloatArray = NDArray[np.float64]


@overload
def with_end(
    language: NGramLanguage,
    *,
    stop: object = None,
    mean_length: float | None = None,
    empty: float = 0.0,
    name: str | None = None,
) -> VariableLengthNGram: ...


@overload
def with_end(
    language: HMMLanguage,
    *,
    stop: object = None,
    mean_length: float | None = None,
    empty: float = 0.0,
    name: str | None = None,
) -> VariableLengthHMM: ...


def with_end(
    language: NGramLanguage | HMMLanguage,
    *,
    stop: object = None,
    mean_length: float | None = None,
    empty: float = 0.0,
    name: str | None = None,
) -> VariableLength:
    """A language over V* that follows `language` and stops after each token with some probability.

    The result is an n-gram or a hidden Markov model over V + 1 tokens (token V is the end, V + 1 marks a hole), so
    everything that works for these works for it. The language stays as it is up to the end; a constant stop makes the
    length geometric, P(|X| = ℓ) ∝ (1 − stop)^{ℓ−1}. The unpruned parent of a pruned language gets the same end.

    Args:
        language: An n-gram (order 1 becomes order 2, to remember the end) or a hidden Markov model.
        stop: Probability of stopping. A number; or (V,) by last token or (V,)·(n − 1) by context for an n-gram (which
            then has at least n − 1 tokens, or none), (S,) by hidden state for a hidden Markov model; or a mapping from
            tokens (states) to probabilities, 0 elsewhere. If the language has a vocabulary, a mapping may name tokens
            by their symbols; in a hidden Markov model, those whose states emit nothing else.
        mean_length: Instead of `stop`: the mean of a geometric length, ≥ 1, of the sequences that are not empty.
        empty: Probability of the empty sequence.
        name: What tables and legends call it.

    Raises:
        ValueError: Neither or both of stop and mean_length, something that is no probability, or a language that need
            not end.
    """
    if isinstance(language, VariableLength):
        raise ValueError(f"language must not have an end yet, got {language!r}")
    if not isinstance(language, NGramLanguage | HMMLanguage):
        raise ValueError(f"language must be an n-gram or a hidden Markov model, got {language!r}")
    if (stop is None) == (mean_length is None):
        raise ValueError(f"give stop or mean_length, one of them; got stop={stop!r}, mean_length={mean_length!r}")
    if mean_length is not None:
        stop = 1 / check_fraction("mean_length", mean_length, low=1.0, high=1e15)
    empty = check_fraction("empty", empty)
    name = name or f"{language.name}+end"
    result: VariableLength
    if isinstance(language, HMMLanguage):
        result = _hmm(language, _stops(stop, _hmm_keys(language)), empty, name)
    else:
        contexts = (language.vocab_size,) * (language.order - 1)
        result = _ngram(language, _stops(stop, _ngram_keys(language), contexts), empty, name)
    result.language = language
    return result


def _ngram_keys(language: NGramLanguage) -> dict[object, list[int]]:
    """Tokens by id and by symbol."""
    keys: dict[object, list[int]] = {token: [token] for token in range(language.vocab_size)}
    keys.update((symbol, [token]) for token, symbol in enumerate(getattr(language, "vocabulary", ())))
    return keys


def _hmm_keys(language: HMMLanguage) -> dict[object, list[int]]:
    """States by number, and by the symbol that they emit if they emit nothing else."""
    keys: dict[object, list[int]] = {state: [state] for state in range(language.num_states)}
    for symbol, probs in zip(getattr(language, "vocabulary", ()), language.emission.T.cpu().numpy(), strict=False):
        states = np.flatnonzero(probs)
        if len(states) and (probs[states] == 1).all():
            keys[symbol] = states.tolist()
    return keys


def _stops(stop: object, keys: dict[object, list[int]], context_shape: tuple[int, ...] = ()) -> FloatArray:
    """Probability of stopping, (size,) by token or state, or by context.

    Args:
        stop: See `with_end`.
        keys: The tokens or states that a key of a mapping means; the numbers 0 … size − 1 are among them.
        context_shape: Another shape that is taken as it is.
    """
    size = sum(isinstance(key, int) for key in keys)
    if isinstance(stop, Mapping):
        unknown = [key for key in stop if key not in keys]
        if unknown:
            raise ValueError(f"stop: {unknown[0]!r} is none of 0 … {size - 1}, nor a symbol that can be told")
        table = np.zeros(size)
        for key, value in stop.items():
            table[keys[key]] = check_fraction("stop", value)
        return table
    try:
        table = np.asarray(stop.cpu() if isinstance(stop, torch.Tensor) else stop, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"stop must be a probability, an array of them, or a mapping, got {stop!r}") from None
    if table.shape not in ((), (size,), context_shape):
        shapes = " or ".join(map(str, dict.fromkeys(((), (size,), context_shape))))
        raise ValueError(f"stop must have shape {shapes}, got {table.shape}")
    outside = ~((table >= 0) & (table <= 1))
    if outside.any():
        raise ValueError(f"stop must lie in [0, 1], got {table[outside][0]}")
    return np.full(size, table) if table.ndim == 0 else table


def _hmm(language: HMMLanguage, stop: FloatArray, empty: float, name: str) -> VariableLengthHMM:
    """One more state, the end: it emits the end token and stays."""
    states, vocab_size = language.emission.shape
    going = torch.from_numpy(np.array(stop)).to(language.device)
    initial, transition = language.initial.new_zeros(states + 1), language.initial.new_zeros(states + 1, states + 1)
    emission = language.initial.new_zeros(states + 1, vocab_size + 1)
    initial[:-1], initial[-1] = language.initial * (1 - empty), empty
    transition[:-1, :-1], transition[:-1, -1] = language.transition * (1 - going)[:, None], going
    emission[:-1, :-1] = language.emission
    transition[-1, -1] = emission[-1, -1] = 1.0
    parent = None if language.parent is None else _hmm(language.parent, stop, empty, f"{name}, unpruned")
    return VariableLengthHMM(initial, transition, emission, name=name, parent=parent)


def _ngram(language: NGramLanguage, stop: FloatArray, empty: float, name: str) -> VariableLengthNGram:
    """The same contexts, one more edge where a context may stop, and contexts that the end has entered."""
    if language.order == 1:
        return _ngram(_remembering(language), stop, empty, name)
    edges, end, memory = language.automaton, language.vocab_size, language.order - 1
    source, token, target, depth = (
        array.cpu().numpy() for array in (edges.edge_source, edges.edge_token, edges.edge_target, edges.depth)
    )
    prob, strings = edges.edge_prob.cpu().numpy(), context_tokens(edges)
    stops = stop[tuple(strings.T)] if stop.ndim > 1 else stop[strings[:, -1]]
    # With a stop by context, sequences go on until they have one; and none stops again after not being empty.
    stops = np.where((depth == 0) | ((depth < memory) & (stop.ndim > 1)), 0.0, stops)

    full, whole = np.flatnonzero(depth == memory), depth[source] == memory
    grams = [np.column_stack([strings[source[whole]], token[whole]]), _ended(strings[full], end)]
    gram_probs = [prob[whole] * (1 - stops[source[whole]]), stops[full]]
    arrived = np.eye(1, edges.num_contexts)[0] * (1 - empty)
    firsts, first_probs = [np.full((1, memory), end)], [np.full(1, empty)]
    for length in range(memory):
        at = depth[source] == length
        np.add.at(arrived, target[at], arrived[source[at]] * (1 - stops[source[at]]) * prob[at])
        short = np.flatnonzero(depth == length)
        firsts.append(np.hstack([strings[short, memory - length :], np.full((len(short), memory - length), end)]))
        first_probs.append(arrived[short] * stops[short])
    firsts.append(strings[full])
    first_probs.append(arrived[full])

    first, law = _possible(firsts, first_probs)
    ended = np.concatenate([_ended(strings[full[stops[full] > 0]], end)[:, 1:], first[first[:, -1] == end]])
    for _ in range(memory):
        ended = np.unique(np.concatenate([ended, _ended(ended, end)[:, 1:]]), axis=0)
    rows, probs = _possible([*grams, _ended(ended, end)], [*gram_probs, np.ones(len(ended))])
    parent = None if language.parent is None else _ngram(language.parent, stop, empty, f"{name}, unpruned")
    result = VariableLengthNGram.from_grams(
        SparseGrams.from_strings(end + 1, first, law, rows, probs), name=name, parent=parent
    )
    return result.to(language.device)


def _remembering(language: NGramLanguage) -> NGramLanguage:
    """An independent law as a 2-gram, which can remember that it has ended."""
    if language.vocab_size**2 > PAIR_LIMIT:
        raise ValueError(f"{language!r} would take {language.vocab_size**2} pairs of tokens, more than {PAIR_LIMIT}")
    law = language.first_order()[0]
    remembering = NGramLanguage(law.expand(language.vocab_size, -1), law, name=language.name)
    remembering.parent = None if language.parent is None else _remembering(language.parent)
    return remembering.to(language.device)


def _ended(strings: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """Each string and one end."""
    return np.column_stack([strings, np.full(len(strings), end)])


def _possible(strings: list[NDArray[np.int64]], probs: list[FloatArray]) -> tuple[NDArray[np.int64], FloatArray]:
    """All strings of positive probability, and these."""
    law = np.concatenate(probs)
    return np.concatenate(strings)[law > 0], law[law > 0]
