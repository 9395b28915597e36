"""Digests: the same wherever a language is, another for every entry that differs."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import (
    HMMLanguage,
    NGramLanguage,
    arithmetic_chains,
    copy_pairs,
    ending_within,
    language_digest,
    language_from,
    load,
    mds_code,
    ngram_from_text,
    random_hmm,
    random_ngram,
    random_walk,
    save,
    slow_topics,
    with_end,
)

LANGUAGES = {
    "1-gram": random_ngram(1, 4, seed=0),
    "2-gram": random_ngram(2, 4, seed=0),
    "2-gram of another seed": random_ngram(2, 4, seed=1),
    "2-gram, pruned": random_ngram(2, 4, seed=0, prune_below=0.2),
    "2-gram, what is left by pruning": NGramLanguage.from_grams(
        random_ngram(2, 4, seed=0, prune_below=0.2).automaton.grams, name="no parent"
    ),
    "3-gram": random_ngram(3, 4, seed=0),
    "hmm": random_hmm(5, 3, seed=2),
    "hmm, pruned": random_hmm(5, 3, seed=2, prune_below=0.2),
    "text": ngram_from_text("the cat sat on the mat. the end.", 2, level="word"),
    "text, other letters": ngram_from_text("the cat sat on the rug. the end.", 2, level="word"),
    "pairs": copy_pairs(3),
    "more pairs": copy_pairs(4),
    "walk": random_walk(8),
    "walk from 0": random_walk(8, start=0),
    "walk with a drift": random_walk(8, increments={-1: 0.5 - 1e-15, 0: 1e-15, 1: 0.5}),
    "topics": slow_topics(3, switch=0.1),
    "code": mds_code(5, 3, 2),
    "sums": arithmetic_chains(operands=2, largest=3),
    "sums to 4": arithmetic_chains(operands=2, largest=4),
    "with end": with_end(random_ngram(2, 4, seed=0), stop=0.2),
    "hmm with end": with_end(random_hmm(5, 3, seed=2), stop=0.2),
    "in 12 slots": ending_within(with_end(random_hmm(5, 3, seed=2), stop=0.2), 12),
    "in 13 slots": ending_within(with_end(random_hmm(5, 3, seed=2), stop=0.2), 13),
}


def test_no_two_languages_share_one():
    digests = {name: language_digest(language) for name, language in LANGUAGES.items()}
    assert len(set(digests.values())) == len(LANGUAGES)
    assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in digests.values())


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_files_and_devices_keep_it(language, tmp_path):
    save(language, tmp_path / "a")
    assert language_digest(load(tmp_path / "a")) == language_digest(language)
    moved = language.to("cpu:0")  # another device to torch, and so a copy
    assert moved is not language
    assert language_digest(moved) == language_digest(language)


@pytest.mark.gpu
@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_a_gpu_keeps_it(language):
    assert language_digest(language.to("cuda")) == language_digest(language)


def test_hidden_tables_move_bit_for_bit():
    """Rows divided by their sums once more differ in the last digit every other time."""
    for seed in range(20):
        language = random_hmm(8, 8, seed=seed, prune_below=0.05, concentration=0.1)
        moved = language.to("cpu:0")
        for name in ("initial", "transition", "emission"):
            assert torch.equal(getattr(moved, name), getattr(language, name))
        assert moved.parent is not None
        tokens = language.sample(5, 7, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(moved.log_prob(tokens), language.log_prob(tokens))


def test_other_processes_and_later_versions_agree():
    """The digits themselves, and those of a process with another hash seed."""
    code = "from languages import language_digest as d, language_from as f; print(d(f('hmm:vocab=3,states=2')))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "7"}
    )
    assert found.stdout.strip() == language_digest(language_from("hmm:vocab=3,states=2"))
    assert language_digest(NGramLanguage([[0.5, 0.5], [1.0, 0.0]], [1.0, 0.0])) == "de614b3285cfa1f53e1d1060e771714f"


def table(rng, *shape):
    """Rows with hard zeros, whose entries are multiples of 2⁻¹⁰ and so sum to one exactly."""
    counts = rng.multinomial(1024, rng.dirichlet(np.full(shape[-1], 0.3)), size=shape[:-1])
    return counts / 1024


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["1-gram", "2-gram", "3-gram", "hmm"]), st.booleans())
def test_every_entry_matters_and_the_sign_of_zero_does_not(seed, kind, tiny):
    rng = np.random.default_rng(seed)
    vocab, states = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    if kind == "hmm":
        cls, tables = HMMLanguage, [table(rng, states), table(rng, states, states), table(rng, states, vocab)]
    else:
        order = int(kind[0])
        start = table(rng, vocab ** (order - 1)).reshape((vocab,) * (order - 1))
        cls, tables = NGramLanguage, [table(rng, *(vocab,) * order), start]
    digest = language_digest(cls(*tables))
    assert digest == language_digest(cls(*(np.where(x == 0, -0.0, x) for x in tables), name="of another name"))

    # Move a part of one entry to another of its row: of all that can be told apart, the least.
    which = int(rng.integers(len(tables))) if kind == "hmm" else 0
    changed = tables[which].copy()
    row = changed.reshape(-1, changed.shape[-1])[int(rng.integers(changed.size // changed.shape[-1]))]
    source, target = int(row.argmax()), int((row.argmax() + rng.integers(1, len(row))) % len(row))
    part = 2.0**-52 if tiny else row[source] / 2
    row[source], row[target] = row[source] - part, row[target] + part
    other = cls(*tables[:which], changed, *tables[which + 1 :])
    reached = cls is HMMLanguage or not np.array_equal(
        other.automaton.grams.edge_probs, cls(*tables).automaton.grams.edge_probs
    )
    assert (language_digest(other) != digest) == reached  # n-grams drop the contexts that are never reached


def test_a_class_that_nobody_registered_is_named():
    class Coin(NGramLanguage):
        """A class of somebody else's."""

    with pytest.raises(ValueError, match=r"Coin .* unless languages\.interchange\.register knows it"):
        language_digest(Coin([0.5, 0.5]))
