"""Batches of no rows, through every public method that takes or makes rows."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from languages import (
    arithmetic_chains,
    copy_pairs,
    ending_within,
    ngram_from_text,
    random_hmm,
    random_ngram,
    with_end,
)
from languages.inference import dispatch

GROWING = with_end(random_ngram(2, 3, seed=0), stop=0.1), with_end(random_hmm(3, 3, seed=0), stop=0.1)
LANGUAGES = [
    random_ngram(1, 4, seed=0, prune_below=0.2),
    random_ngram(2, 4, seed=0, prune_below=0.2),
    random_ngram(3, 4, seed=0),
    random_hmm(3, 4, seed=0, prune_below=0.2),
    ngram_from_text("abracadabra", 2),
    copy_pairs(3),
    arithmetic_chains(2, 2),
    *GROWING,
    *(ending_within(language, 6) for language in GROWING),
]
NO_ROWS = torch.zeros(0, 6, dtype=torch.int64)


def calls():
    """Each public method of each kind of language that takes tokens or sequences, or makes so many."""
    for language in LANGUAGES:
        for name, method in inspect.getmembers(type(language), inspect.isfunction):
            arguments = list(inspect.signature(method).parameters)[1:]
            if not name.startswith("_") and arguments and arguments[0] in ("tokens", "sequences", "texts"):
                yield pytest.param(language, name, arguments, id=f"{language.name} {name}")


def empty(answer):
    """No rows in any part of an answer, one axis of rows in each."""
    parts = answer if isinstance(answer, tuple) else [answer]
    return all(len(part) == 0 for part in parts)


@pytest.mark.parametrize(("language", "name", "arguments"), calls())
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
def test_no_rows_in_no_rows_out(language, name, arguments, compiled, monkeypatch):
    method = getattr(language._bare_copy(), name)
    if not compiled:
        monkeypatch.setattr(dispatch.HiddenInference, "_compiled", lambda inference, tokens, dtype: False)
    if arguments[0] != "tokens":
        assert empty(method([]))
        return
    for tokens in (NO_ROWS, NO_ROWS.numpy(), np.zeros((0, 6), dtype=np.uint8)):
        assert empty(method(tokens))
    if "dtype" in arguments:
        for dtype in (torch.float64, torch.float32):
            answer = method(NO_ROWS, dtype=dtype)
            law = answer[0] if isinstance(answer, tuple) else answer
            assert law.dtype == dtype
            assert law.shape[:2] == (0, 6)
    if "at" in arguments:
        assert method(NO_ROWS, at=NO_ROWS.bool()).log_probs.shape == (0, language.vocab_size)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_no_rows_are_drawn(language):
    assert language.sample(0, 6).shape == (0, 6)
    if hasattr(language, "sample_sequences"):
        assert empty(language.sample_sequences(0))
    if not hasattr(language, "slots"):
        support = language.support()
        assert support.sample_uniform(0, 6).shape == (0, 6)
        assert empty(support.contains(NO_ROWS))


@pytest.mark.parametrize("tokens", [[], [[]], np.zeros((0, 0), dtype=int)], ids=["list", "a row of nothing", "array"])
@pytest.mark.parametrize("method", ["log_prob", "posterior", "leave_one_out"])
def test_rows_without_a_length_are_refused_by_their_shape(method, tokens):
    with pytest.raises(ValueError, match=r"tokens must (have shape \(batch, length\)|hold integers)"):
        getattr(copy_pairs(2), method)(tokens)
