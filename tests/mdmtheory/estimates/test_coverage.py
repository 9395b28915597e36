"""Every estimator that prints an interval: 400 times where the answer is known, with few rows and heavy tails.

A 95 % interval that covers less than 363 times of 400 is too narrow: an honest one does so with probability 1e-4. One
that covers always is allowed, for those with room for what was not drawn, but not to be so wide that it says nothing:
the mean width is held against the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from languages import Estimate, HMMLanguage, language_from
from languages.information import (
    conflict_curve,
    estimate_conflict_curve,
    estimate_entropy_rate,
    estimate_information_curve,
    estimate_z,
    information_curve,
)
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.estimates import (
    estimate_generative_log_ter,
    estimate_learning_error,
    estimate_sequence_error_rate,
    estimate_surviving_sequence_error_rate,
    learning_error_curve,
    long_chains,
    network_information_curve,
    path_log_prob,
)
from mdmtheory.estimates.learned_path_kl import estimate_learned_path_kl
from mdmtheory.estimates.learned_sequence_error import reweighted
from mdmtheory.exact import enumeration, markov
from mdmtheory.exact.markov import divergence
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.schemes import Bernoulli

REPETITIONS = 400
FEWEST = int(stats.binom.ppf(1e-4, REPETITIONS, 0.95))

TOPICS = language_from("topics:topics=3,switch=.02,words=1")
HIDDEN = language_from("hmm:states=3,vocab=3,seed=5,prune=0.3,concentration=1")
CHAIN = language_from("2-gram:vocab=3,seed=0,prune=0.2")
REVEAL = [0.25] * 4
MODEL = PerturbedOracle(CHAIN, 0.05, kind="leak")


class Careless:
    """An oracle that is wrong where a sequence is seen to begin with one token: errors that are rare and large."""

    vocab_size, mask_id, device = CHAIN.vocab_size, CHAIN.mask_id, CHAIN.device

    def __call__(self, tokens, time=None, at=None):
        exact = Oracle(CHAIN)(tokens, time, at)
        row = torch.arange(len(tokens))[:, None].expand(tokens.shape)
        row = row[at] if at is not None else row
        flat = (0.7 * exact.exp() + 0.3 / 3).log()
        return torch.where((tokens[:, 0] == 2)[row][..., None], flat, exact)


def covers(ask: Callable[[torch.Generator], Estimate], truth: float, *, width: float) -> None:
    generator = torch.Generator().manual_seed(0)
    judge([ask(generator) for _ in range(REPETITIONS)], truth, width)


def judge(found: list[Estimate], truth: float, width: float) -> None:
    hits = sum(one.low <= truth <= one.high for one in found)
    assert hits >= FEWEST, f"{hits} of {REPETITIONS} intervals hold {truth}, at least {FEWEST} should"
    assert np.mean([one.high - one.low for one in found]) <= width * abs(truth)


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("specification", "length", "steps", "width"),
    [("2-gram:vocab=4,prune=0", 6, 4, 0.8), ("2-gram:vocab=8,prune=0", 4, 16, 2.5),
     ("2-gram:vocab=4,prune=0,concentration=.2", 6, 4, 1.2)],
)  # fmt: skip
def test_marginal_kl(specification, length, steps, width, monkeypatch):
    """Full support and heavy tails; the recursions are run once, for all repetitions draw from the same sequences."""
    language, reveal = language_from(specification), [1 / steps] * steps
    truth = markov.marginal_kl(language, length, reveal).value
    words = enumeration.sequences(language.vocab_size, length)
    table = markov.log_prob(language, words, reveal)
    powers = language.vocab_size ** torch.arange(length - 1, -1, -1)
    monkeypatch.setattr(divergence, "ENUMERATED", 1)
    monkeypatch.setattr(divergence, "log_prob", lambda language, tokens, reveal: table[tokens @ powers])
    fixed = markov.sequence_error_curve(language, length, reveal)
    monkeypatch.setattr(divergence, "success_curve", lambda *_: 1 - fixed)
    covers(lambda g: markov.marginal_kl(language, length, reveal, generator=g), truth, width=width)


def test_marginal_kl_of_long_chains(monkeypatch):
    """Its short lengths made so short that the one asked for, the last of them, can be enumerated."""
    monkeypatch.setattr(long_chains, "SHORT", (4, 5, 6))
    language, reveal = language_from("2-gram:vocab=3,seed=1,prune=0.15"), torch.tensor(REVEAL, dtype=torch.float64)
    truth = markov.marginal_kl(language, 6, reveal).value
    tables = {}
    for length in (4, 5, 6):
        words = enumeration.sequences(3, length)
        tables[length] = torch.full((len(words),), -math.inf, dtype=torch.float64)
        possible = language.contains(words)
        tables[length][possible] = markov.log_prob(language, words[possible], reveal)

    def look_up(language, words, reveal):
        return tables[words.shape[1]][words @ 3 ** torch.arange(words.shape[1]).flip(0)]

    fixed = markov.sequence_error_curve(language, 6, reveal)
    monkeypatch.setattr(markov, "log_prob", look_up)
    monkeypatch.setattr(markov, "sequence_error_curve", lambda *_: fixed)
    monkeypatch.setattr(markov, "generative_excess", lambda *_: 0.0)

    def ask(generator):
        return long_chains.LongChain.of(language, reveal, language.sample(64, 6, generator=generator)).marginal_kl(6)

    covers(ask, truth, width=0.5)


def test_conflict_curve():
    exact, generator = conflict_curve(TOPICS, 6), torch.Generator().manual_seed(0)
    curves = [
        estimate_conflict_curve(TOPICS, 6, num_sequences=256, num_nodes=5, generator=generator)
        for _ in range(REPETITIONS)
    ]
    judge([curve.g([0.5])[0] for curve in curves], float(exact.g(0.5)), 1.5)
    judge([curve.integral for curve in curves], exact.integral, 1.5)


@pytest.mark.parametrize(("language", "t", "width"), [(TOPICS, 1.0, 0.1), (HIDDEN, 0.1, 5.0)])
def test_information_curve(language, t, width):
    truth = float(information_curve(language, 6).h(t))

    def ask(generator):
        return estimate_information_curve(language, 6, num_sequences=16, num_nodes=5, generator=generator).h([t])[0]

    covers(ask, truth, width=width)


def test_path_kl():
    exact, before = information_curve(HIDDEN, 5), torch.arange(4) / 4
    truth = exact.total_correlation - float(exact.h(before).mean())

    def ask(generator):
        return estimate_information_curve(HIDDEN, 5, num_sequences=32, num_nodes=5, generator=generator).path_kl(REVEAL)

    covers(ask, truth, width=1.0)


@pytest.mark.parametrize("language", [TOPICS, HIDDEN])
def test_z(language):
    truth = float(information_curve(language, 6).z[2])
    covers(lambda g: estimate_z(language, 6, [2], num_sequences=16, generator=g)[0], truth, width=4.0)


def test_entropies():
    covers(lambda g: HIDDEN.estimate_entropy(5, num_sequences=64, generator=g), _entropy(HIDDEN, 5), width=0.3)
    # Of the rate both ends are estimates, and the truth lies between their means; here they agree.
    sure = HMMLanguage([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0, 0.0], [0.0, 1.0]])
    rate = 2 / 3 * _binary(0.1) + 1 / 3 * _binary(0.2)
    covers(lambda g: estimate_entropy_rate(sure, length=16, num_sequences=32, generator=g), rate, width=0.5)


def _binary(p):
    return -p * math.log(p) - (1 - p) * math.log1p(-p)


def _entropy(language, length):
    log_prob = language.log_prob(enumeration.sequences(language.vocab_size, length))
    return -float(torch.where(log_prob.isneginf(), 0.0, log_prob.exp() * log_prob).sum())


def test_learning_error_curve():
    """Errors in one of some sequences only; the truth by asking about every sequence and set."""
    length, t = 4, 0.5
    words = enumeration.sequences(3, length)
    words = words[CHAIN.contains(words)]
    probs, truth = CHAIN.log_prob(words).exp(), 0.0
    for code in range(2**length - 1):
        shown = torch.tensor([code >> i & 1 for i in range(length)], dtype=torch.bool)
        noisy = words.masked_fill(~shown, 3)
        exact, said = CHAIN.conditionals(noisy).log_probs, Careless()(noisy)
        kl = torch.where(exact.isneginf(), 0.0, exact.exp() * (exact - said)).sum(2)
        # A hidden position sees each set of the others with its Bernoulli probability.
        chance = t ** int(shown.sum()) * (1 - t) ** (length - 1 - int(shown.sum()))
        truth += chance * float(probs @ kl[:, ~shown].sum(1)) / length
    covers(
        lambda g: learning_error_curve(
            Careless(), CHAIN, CHAIN.sample(32, length, generator=g), num_nodes=5, generator=g
        ).at([t])[0],
        truth,
        width=4.0,
    )


def test_learning_error():
    exact = enumeration.learning_error(Careless(), CHAIN, 4, Bernoulli(REVEAL))
    covers(
        lambda g: (
            estimate_learning_error(Careless(), CHAIN, 4, torch.tensor(REVEAL), num_sequences=128, generator=g).path_kl
        ),
        exact.path_kl.value,
        width=1.5,
    )


def test_nelbo_of_a_network():
    truth = enumeration.path_kl(MODEL, CHAIN, 4, Bernoulli(REVEAL)).value + _entropy(CHAIN, 4)
    covers(
        lambda g: network_information_curve(MODEL, CHAIN.sample(32, 4, generator=g), num_nodes=5, generator=g).nelbo(
            REVEAL
        ),
        truth,
        width=0.6,
    )


def test_learned_path_kl():
    truth = enumeration.path_kl(MODEL, CHAIN, 4, Bernoulli(REVEAL)).value
    reveal = torch.tensor(REVEAL, dtype=torch.float64)
    covers(lambda g: estimate_learned_path_kl(MODEL, CHAIN, 4, reveal, num_sequences=64, generator=g), truth, width=1.0)


def test_sequence_errors_and_generative_ter():
    law = enumeration.law(Oracle(CHAIN), 4, Bernoulli(REVEAL))
    table = law.probs

    def draw(generator, rows=64):
        chosen = torch.multinomial(table, rows, replacement=True, generator=generator)
        return enumeration.sequences(3, 4)[chosen]

    ser = law.sequence_error_rate(CHAIN).value
    covers(lambda g: estimate_sequence_error_rate(CHAIN, draw(g)), ser, width=2.0)
    covers(lambda g: estimate_generative_log_ter(CHAIN, draw(g)), math.log(law.generative_ter(CHAIN).value), width=0.4)
    rare = [0.01] * 100
    truth = enumeration.law(Oracle(CHAIN), 4, Bernoulli(rare)).sequence_error_rate(CHAIN).value
    covers(
        lambda g: estimate_surviving_sequence_error_rate(CHAIN, plans.bernoulli(rare, 128, 4, generator=g)),
        truth,
        width=6.0,
    )


@pytest.mark.parametrize("known", [True, False])
def test_reweighted_sequence_errors(known):
    oracle, scheme = Oracle(CHAIN), Bernoulli(REVEAL)
    exact = enumeration.law(oracle, 4, scheme).sequence_error_rate(CHAIN)
    truth = enumeration.law(MODEL, 4, scheme).sequence_error_rate(CHAIN).value

    def ask(generator):
        plan = plans.bernoulli(REVEAL, 128, 4, generator=generator)
        tokens = sample(oracle, plan).tokens
        possible = CHAIN.contains(tokens)
        kept, walk = tokens[possible], plan[possible]
        log_weights = path_log_prob(MODEL, kept, walk) - path_log_prob(oracle, kept, walk)
        return reweighted(possible, log_weights, exact if known else None)

    covers(ask, truth, width=1.0)
