"""Laws of long chains, from exact numbers at short lengths: against the recursion at lengths that it still reaches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference.brute_force import BruteNGram
from reference.marginal_law import joint

from languages import language_from
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.estimates.long_chains import SHORT, LongChain, serves
from mdmtheory.exact import markov, path


def test_the_cross_entropy_of_the_truth():
    language = language_from("2-gram:vocab=3,seed=2,prune=0.3")
    tables = [[table.numpy() for table in one.first_order()] for one in (language, language.parent)]
    parent = BruteNGram(tables[1][1], tables[1][0])
    truth, judge = joint(BruteNGram(tables[0][1], tables[0][0], parent), 4), joint(parent, 4)
    assert markov.cross_entropy(language, 4) == pytest.approx(-float(truth @ np.log(judge)), abs=1e-12)
    unpruned = language_from("2-gram:vocab=3,seed=2,prune=0")
    assert markov.cross_entropy(unpruned, 7) == pytest.approx(unpruned.entropy(7), abs=1e-12)


def test_the_misfit_grows_from_the_first_length_to_the_last():
    language, reveal = language_from("2-gram"), uniform_reveal(4)
    tokens = language.sample(5, SHORT[-1], generator=torch.Generator().manual_seed(3))
    laws = LongChain.of(language, reveal, tokens)
    words = tokens[:, : SHORT[0]]
    success = 1 - markov.sequence_error_rate(language, SHORT[0], reveal)
    log_ratio = (markov.log_prob(language, words, reveal) - language.log_prob(words)).numpy() - math.log(success)
    first = np.exp(log_ratio) - 1 - log_ratio
    np.testing.assert_allclose(laws.misfit - (SHORT[-1] - SHORT[0]) * laws.misfit_slope, first, atol=1e-10)


@pytest.mark.parametrize("steps", [3, 16])
def test_long_chains_go_on_as_the_recursion_does(steps):
    language, length, reveal = language_from("2-gram"), 36, uniform_reveal(steps)
    tokens = language.sample(64, SHORT[-1], generator=torch.Generator().manual_seed(0))
    laws = LongChain.of(language, reveal, tokens)
    exact = -math.log1p(-markov.sequence_error_rate(language, length, reveal))
    assert laws.log_correct(length).value == pytest.approx(exact, rel=1e-6)
    exact = length * markov.generative_log_ter(language, length, reveal) - markov.cross_entropy(language, length)
    excess = laws.generative_excess(length)
    assert excess.value == pytest.approx(exact, rel=1e-6)
    assert excess.low <= exact <= excess.high
    # Two independent estimates, intervals three times as wide: they miss each other with probability below 1e-4.
    kl = laws.marginal_kl(length)
    other = markov.marginal_kl(language, length, reveal, num_sequences=64, generator=torch.Generator().manual_seed(1))
    assert abs(kl.value - other.value) <= 3 * math.hypot(kl.high - kl.value, other.high - other.value)
    assert kl.value >= laws.log_correct(length).low
    assert kl.high <= path.path_kl(language, length, reveal)


def test_the_marginal_law_of_full_support_falls_as_the_square():
    language = language_from("2-gram:prune=0,concentration=3")
    tokens = language.sample(64, SHORT[-1], generator=torch.Generator().manual_seed(0))
    kls = [LongChain.of(language, uniform_reveal(n), tokens).marginal_kl(100).value for n in (16, 32)]
    assert kls[0] / kls[1] == pytest.approx(4, rel=0.1)


def test_who_is_served():
    served = {name: serves(language_from(name)) for name in ("2-gram", "1-gram", "3-gram", "hmm", "cycle:symbols=3")}
    assert served == {"2-gram": True, "1-gram": True, "3-gram": False, "hmm": False, "cycle:symbols=3": False}
