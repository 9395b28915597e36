"""All tokens at once, blocks from left to right and fixed sizes, against brute force over all sequences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.brute_force import BruteHMM, BruteNGram, sequences
from reference.marginal_law import fixed_law
from reference.small_languages import random_language

from languages import HMMLanguage, NGramLanguage, copy_pairs, language_from, random_hmm, random_ngram
from mdmtheory import exact
from mdmtheory.exact import markov, one_round
from mdmtheory.exact.markov.fixed_sizes import fixed_size_sequence_error_rate
from mdmtheory.exact.markov.generative import cross_entropy
from mdmtheory.exact.supported import supports_everything
from mdmtheory.samplers.schemes import Blocks, FixedSizes, RandomOrder


def brute(language):
    """The same language in the reference."""
    if isinstance(language, HMMLanguage):
        return BruteHMM(*(table.numpy() for table in (language.initial, language.transition, language.emission)))
    return BruteNGram(*dense(language))


def dense(language):
    """Transition (V,)·n and initial (V,)·(n − 1) of an n-gram, from its conditionals."""
    size, order = language.vocab_size, language.order
    prefixes = torch.as_tensor(list(itertools.product(range(size), repeat=order - 1))).reshape(-1, order - 1)
    start = language.log_prob(prefixes).exp().numpy().reshape((size,) * (order - 1)) if order > 1 else np.ones(())
    rows = torch.cat([prefixes, torch.full((len(prefixes), 1), size)], 1)
    return language.posterior(rows)[:, -1].exp().numpy().reshape((size,) * order), start


def law_of(language, steps):
    """(q, p) over all sequences, p with these reveal steps."""
    reference = brute(language)
    truth = np.array([reference.prob(word) for word in sequences(language.vocab_size, len(steps))])
    return truth, fixed_law(reference, steps)


def kl(truth, law):
    inside = truth > 0
    return float((truth[inside] * np.log(truth[inside] / law[inside])).sum())


LANGUAGES = [
    random_ngram(2, 3, seed=0, prune_below=0.2),
    random_ngram(3, 2, seed=4, prune_below=0.3),
    random_ngram(3, 3, seed=4, prune_below=0.2),
    random_ngram(4, 2, seed=1, prune_below=0.35),
    random_hmm(3, 3, seed=1, concentration=0.5, prune_below=0.15),
    copy_pairs(2),
]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
@pytest.mark.parametrize("length", [1, 4, 5])
def test_one_round_against_all_sequences(language, length):
    truth, law = law_of(language, [0] * length)
    assert one_round.sequence_error_rate(language, length) == pytest.approx(law[truth == 0].sum(), abs=1e-14)
    if isinstance(language, NGramLanguage):
        assert one_round.kl(language, length) == pytest.approx(kl(truth, law), abs=1e-12)
        judge = brute(language.parent)
        words = sequences(judge.vocab_size, length)
        surprise = -sum(p * math.log(judge.prob(x)) for x, p in zip(words, law, strict=True) if p > 0)
        assert one_round.generative_log_ter(language, length) == pytest.approx(surprise / length, abs=1e-12)


def test_what_the_judge_finds_impossible_is_infinite():
    language = NGramLanguage(torch.tensor([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]).double())
    assert math.isinf(one_round.generative_log_ter(language, 2))
    assert one_round.generative_log_ter(language, 1) == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("name", "success"), [("hmm", 3.2880117595e-7), ("3-gram", 5.95994587e-10), ("2-gram", 3.4767744e-11)]
)
def test_one_round_of_the_default_languages(name, success):
    """Against runs of counting sequences of the product law by their number: 1 − SER at L = 64."""
    found = exact.error(language_from(name), 64, FixedSizes([64]))
    assert (found.method, found.by) == ("exact", "one round")
    assert 1 - found.value == pytest.approx(success, rel=1e-5)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if isinstance(one, NGramLanguage)], ids=lambda q: q.name)
@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_blocks_of_any_ngram_against_all_sequences(language, size):
    for length in (1, 5):
        truth, law = law_of(language, [i // size for i in range(length)])
        found = markov.left_to_right_blocks(language, length, size)
        assert found == pytest.approx(law[truth == 0].sum(), abs=1e-14)
        assert markov.left_to_right_kl(language, length, size) == pytest.approx(kl(truth, law), abs=1e-12)


def test_blocks_of_the_default_trigram():
    assert exact.error(language_from("3-gram"), 64, Blocks(2)).value == pytest.approx(0.999361, abs=5e-7)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3).filter(lambda s: sum(s) < 6)
)
def test_fixed_sizes_against_the_mean_over_orders(seed, sizes):
    language = random_ngram(2, 2 + seed % 2, seed=seed, prune_below=0.3, concentration=0.7)
    order = [k for k, size in enumerate(sizes) for _ in range(size)]
    ways = sorted(set(itertools.permutations(order)))
    errors = []
    for steps in ways:
        truth, law = law_of(language, steps)
        errors.append(law[truth == 0].sum())
    found = fixed_size_sequence_error_rate(language, len(order), tuple(sizes))
    assert found == pytest.approx(np.mean(errors), abs=1e-13)


@pytest.mark.parametrize(("length", "sizes"), [(12, (5, 7)), (8, (3, 2, 3)), (40, (1, 39)), (40, (39, 1))])
def test_fixed_sizes_are_a_mean_of_bernoulli_reveals(length, sizes):
    """Σ_s P(s) (1 − SER(s)) over the multinomial law of the sizes is 1 − SER of Bernoulli reveals."""
    language = random_ngram(2, 3, seed=0, prune_below=0.2)
    weights = [size / length for size in sizes]
    total = 0.0
    for s in (s for s in itertools.product(range(length + 1), repeat=len(sizes)) if sum(s) == length):
        chance = math.exp(
            math.lgamma(length + 1) + sum(k * math.log(w) - math.lgamma(k + 1) for k, w in zip(s, weights, strict=True))
        )
        total += chance * fixed_size_sequence_error_rate(language, length, s)
    assert total == pytest.approx(markov.sequence_error_rate(language, length, weights), abs=1e-11)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if isinstance(one, NGramLanguage)], ids=lambda q: q.name)
def test_samplers_without_error_are_judged_by_the_parent(language):
    length, judge = 5, brute(language.parent)
    truth = [brute(language).prob(word) for word in sequences(language.vocab_size, length)]
    words = sequences(language.vocab_size, length)
    wanted = -sum(q * math.log(judge.prob(word)) for word, q in zip(words, truth, strict=True) if q > 0)
    assert cross_entropy(language, length) == pytest.approx(wanted, abs=1e-12)
    found = exact.error(language, length, RandomOrder(), "ter", law="generative")
    assert (found.by, found.value) == ("independent rounds", pytest.approx(math.exp(wanted / length), rel=1e-12))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 5))
def test_full_support_is_told_exactly(seed, length):
    language = random_language(seed, length, 2 + seed % 2)
    words = torch.as_tensor(sequences(language.vocab_size, length))
    assert supports_everything(language, length) == bool(language.contains(words).all())


def test_full_support_at_any_length():
    """A language that goes wrong late: the only zero is behind a token that comes at place 6."""
    steps = torch.zeros(7, 7, dtype=torch.float64)
    steps[torch.arange(6), torch.arange(1, 7)] = 1
    steps[6, 6] = 1
    emission = torch.full((7, 2), 0.5, dtype=torch.float64)
    emission[6] = torch.tensor([1.0, 0.0])
    language = HMMLanguage(torch.eye(7, dtype=torch.float64)[0], steps, emission)
    assert supports_everything(language, 6)
    assert not supports_everything(language, 7)
    assert exact.error(language, 6, RandomOrder()).value == 0
    assert exact.error(random_hmm(16, 8, seed=0, prune_below=0.02), 4096, Blocks(5)).value == 0
