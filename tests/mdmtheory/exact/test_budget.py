"""What costs too much is refused before any work, with its cost and what would do; what is known costs nothing."""

from __future__ import annotations

import time

import pytest
import torch

from languages import random_ngram
from languages.information import conflict_curve, information_curve
from mdmtheory import exact, steps_needed
from mdmtheory.exact import enumeration, markov, path
from mdmtheory.samplers.schemes import Bernoulli

CHAIN = random_ngram(2, 8, seed=0, prune_below=0.05)
EIGHT = torch.full((8,), 1 / 8, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: exact.error(CHAIN, 10**5, Bernoulli.uniform(8), "kl", law="path"), r"length=100000 takes 1e\+10"),
        (
            lambda: information_curve(CHAIN, 10**5),
            r"takes 1e\+10 operations, more than 4e\+09; take length up to 63245",
        ),
        (lambda: conflict_curve(CHAIN, 10**5), r"length=100000 takes 5.1e\+12 operations.*estimate_conflict_curve"),
        (
            lambda: information_curve(CHAIN, 512).h(torch.zeros(10**7)),
            r"length=512 at 10000000 revealed fractions, one a step, takes 5.1e\+09 .* up to 7812500 steps",
        ),
        (
            lambda: markov.sequence_error_rate(CHAIN, 2000, EIGHT),
            r"length=2000 and 8 steps takes 5.5e\+13 .* take length up to 1424, or extrapolated_sequence_error_rate",
        ),
        (lambda: markov.sequence_error_table(CHAIN, 2000, 8), "length=2000 and 8 steps"),
        (lambda: markov.generative_log_ter(CHAIN, 2000, EIGHT), "length=2000 and 8 steps.*estimate_generative_log_ter"),
        (lambda: markov.left_to_right_blocks(random_ngram(4, 12, seed=0), 512, 4), "contexts of 4-gram.*length=512"),
        (
            lambda: enumeration.sequences(8, 12),
            r"length=12 over 8 tokens takes 6.9e\+10 .* lengths up to 8 can be listed",
        ),
        (lambda: enumeration.sequences(50_257, 400), "lengths up to 1 can be listed"),
    ],
)
def test_too_much_is_refused_at_once(call, culprit):
    started = time.perf_counter()
    with pytest.raises(ValueError, match=culprit):
        call()
    assert time.perf_counter() - started < 5


def test_independent_tokens_cost_nothing_whatever_their_number():
    language = random_ngram(1, 50_257, seed=0)
    assert information_curve(language, 64).total_correlation == 0
    assert conflict_curve(language, 64).integral == 0
    assert path.path_kl(language, 64, EIGHT) == 0
    for metric, law in (("ser", "marginal"), ("kl", "marginal"), ("kl", "path"), ("total_variation", "marginal")):
        found = exact.error(language, 64, Bernoulli.uniform(8), metric, law=law)
        assert (found.value, found.method) == (0, "exact")
    assert steps_needed(language, 64, ter_increase=0.01).steps == 1
    assert steps_needed(language, 64, ser=0.01).steps == 1
