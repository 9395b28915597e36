"""Constructions that cost too much are refused before any work, with the argument, the cost and what would do."""

from __future__ import annotations

import time
from unittest import mock

import numpy as np
import pytest

from languages import (
    NGramLanguage,
    arithmetic_chains,
    copy_pairs,
    deterministic_cycle,
    language_from,
    mds_code,
    parity_blocks,
    random_hmm,
    random_ngram,
    random_walk,
    repeated_symbol,
    slow_topics,
)
from languages.constructions import BlockForms, MDSForms
from languages.constructions.arithmetic_chains import count_states

DEAR = {
    "random_ngram(2, 8000)": (
        lambda: random_ngram(2, 8000, seed=0),
        r"order=2 over vocab_size=8000 takes 6\.4e\+07 .*vocab_size up to 4096$",
    ),
    "random_ngram(9, 10**6)": (lambda: random_ngram(9, 10**6, seed=0), r"order=9 .*vocab_size up to 6$"),
    "copy_pairs(10**4)": (lambda: copy_pairs(10**4), r"num_symbols=10000 .*BlockForms\(MDSForms\(10000, 1\), 2\)$"),
    "copy-pairs": (lambda: language_from("copy-pairs:symbols=20000"), "symbols=20000 takes"),
    "repeated_symbol(10**9)": (lambda: repeated_symbol(10**9), "num_symbols=1000000000 needs .* GiB.*smaller num_symb"),
    "deterministic_cycle(10**9)": (lambda: deterministic_cycle(10**9), "num_symbols=1000000000 needs"),
    "random_walk(10**9)": (lambda: random_walk(10**9), "num_values=1000000000 needs"),
    "arithmetic_chains(50, 10**6)": (
        lambda: arithmetic_chains(50, 10**6),
        r"operands=50, largest=1000000 take 3\.7e\+13 hidden states, more than 4096; take largest up to 8, or fewer",
    ),
    "arithmetic_chains(10**6, 2)": (lambda: arithmetic_chains(10**6, 2), "take fewer operands"),
    "random_hmm(10**5, 8)": (lambda: random_hmm(10**5, 8, seed=0), "num_states=100000 over vocab_size=8 takes 1e"),
    "random_hmm(8, 10**9)": (lambda: random_hmm(8, 10**9, seed=0), "vocab_size=1000000000 takes 8e"),
    "slow_topics(10**5)": (lambda: slow_topics(10**5, switch=0.1), "num_topics=100000 of words=4 takes"),
    "parity_blocks(10**8)": (lambda: parity_blocks(10**8), "block=100000000 takes .*take block up to 1025$"),
    "mds_code(10**18)": (lambda: mds_code(10**18 + 9, 2, 2), "field=1000000000000000009 takes"),
    "mds_code(4093, 3, 2)": (lambda: mds_code(4093, 3, 2), "field=4093, length=3, dimension=2 takes 5e"),
}


@pytest.mark.parametrize("name", DEAR)
def test_dear_ones_are_refused_at_once(name):
    make, message = DEAR[name]
    with mock.patch("languages.budget.free_bytes", return_value=8 * 2**30):
        begun = time.perf_counter()
        with pytest.raises(ValueError, match=message):
            make()
        assert time.perf_counter() - begun < 1.0


def test_closed_forms_do_without_tables():
    forms, small = BlockForms(MDSForms(10**6, 1), 2), copy_pairs(7).closed_forms
    assert small == BlockForms(MDSForms(7, 1), 2)
    assert forms.entropy(10) == pytest.approx(5 * np.log(10**6))
    assert forms.sequence_error_rate(64, [1 / 32] * 32) == pytest.approx(1 - (1 - (1 - 1e-6) / 32) ** 32)


@pytest.mark.parametrize(
    ("language", "table"),
    [
        (repeated_symbol(5), np.eye(5)),
        (deterministic_cycle(5), np.roll(np.eye(5), 1, axis=1)),
        (random_walk(5), (np.roll(np.eye(5), 1, axis=1) + np.roll(np.eye(5), -1, axis=1)) / 2),
        (random_walk(2), np.eye(2)[::-1]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_chains_without_dense_tables_are_those_with_them(language, table):
    np.testing.assert_allclose(language.transition.numpy(), table, rtol=1e-15)
    np.testing.assert_allclose(language.initial.numpy(), 1 / len(table), rtol=1e-15)
    dense = NGramLanguage(table, np.full(len(table), 1 / len(table)))
    assert np.array_equal(language.automaton.edge_target, dense.automaton.edge_target)


def test_large_chains_of_few_transitions():
    language = repeated_symbol(200_000)
    assert language.contains([[7, 7, 7], [7, 7, 8]]).tolist() == [True, False]
    walk = random_walk(200_000, start=3)
    assert walk.contains([[4, 3, 2], [4, 6, 5]]).tolist() == [True, False]
    assert walk.entropy(10) == pytest.approx(10 * np.log(2))


@pytest.mark.parametrize("operands", [1, 2, 3])
@pytest.mark.parametrize("largest", [1, 2, 4, 7])
def test_states_of_sums_are_known_beforehand(operands, largest):
    assert arithmetic_chains(operands, largest).num_states == count_states(operands, largest)
