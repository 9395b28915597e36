"""Policies: what they pick from hand-made answers, and the laws that follow, against a walk through all states."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.families import all_policies

from languages import random_hmm, random_ngram
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.policies import (
    Confidence,
    Entropy,
    EntropyBudget,
    Factor,
    Margin,
    Policy,
    Threshold,
    chosen_positions,
    policy_log_prob,
    policy_rounds,
)

# Three tokens. Confidence ranks a > c > b = d > f > e, margin a > c > f > b = d > e, entropy a > b = d > c > f > e.
LAWS = {
    "a": [0.9, 0.1, 0.0],
    "b": [0.0, 0.6, 0.4],
    "c": [0.65, 0.175, 0.175],
    "d": [0.4, 0.0, 0.6],
    "e": [1 / 3, 1 / 3, 1 / 3],
    "f": [0.5, 0.25, 0.25],
}


def picks(policy, letters, hidden=None):
    """Which places a policy picks, as a set; `hidden` are the places that are hidden."""
    hidden = range(len(letters)) if hidden is None else hidden
    tokens = torch.zeros(1, len(letters), dtype=torch.int64)
    tokens[0, list(hidden)] = 3
    log_probs = torch.tensor([[LAWS[letter] for letter in letters]], dtype=torch.float64).log()
    drawn = log_probs.argmax(-1)  # ranked by the most likely token, whoever ranks drawn ones
    return set(chosen_positions(policy, tokens, log_probs, drawn)[0].nonzero()[:, 0].tolist())


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Confidence(1), {1}),
        (Confidence(2), {1, 3}),
        (Confidence(3), {0, 1, 3}),  # b and d tie: the one further left
        (Confidence(9), {0, 1, 2, 3, 4}),
        (Margin(2), {1, 3}),
        (Margin(3), {0, 1, 3}),
        (Entropy(2), {0, 1}),
        (Entropy(4), {0, 1, 2, 3}),
        (Threshold(0.6), {0, 1, 2, 3}),  # at the threshold is enough
        (Threshold(0.601), {1, 3}),
        (Threshold(0.95), {1}),
        (Factor(1.0), {1}),  # 2·0.1 < 1, but 3·0.35 ≥ 1
        (Factor(1.1), {1, 3}),  # 3·0.35 < 1.1, but 4·0.4 ≥ 1.1
        (Factor(1.7), {0, 1, 3}),
        (Factor(0.01), {1}),
        (EntropyBudget(0.0), {1}),
        (EntropyBudget(0.33), {0, 1}),  # what is paid is the entropy of a, 0.325
        (EntropyBudget(1.0), {0, 1, 2}),  # a and b: 0.998
        (EntropyBudget(99.0), {0, 1, 2, 3, 4}),
    ],
    ids=repr,
)
def test_what_they_pick(policy, expected):
    assert picks(policy, "badce") == expected


def test_margin_is_neither_confidence_nor_entropy():
    assert picks(Confidence(3), "bdfac") == {0, 3, 4}
    assert picks(Margin(3), "bdfac") == {2, 3, 4}
    assert picks(Entropy(3), "bdfac") == {0, 1, 3}


@pytest.mark.parametrize("policy", all_policies(), ids=repr)
def test_given_positions_are_never_picked(policy):
    assert picks(policy, "aee", hidden=[1, 2]) <= {1, 2}
    assert picks(policy, "aee", hidden=[1, 2])
    assert picks(policy, "aee", hidden=[2]) == {2}
    assert picks(policy, "aee", hidden=[]) == set()


@pytest.mark.parametrize("policy", [Confidence(1), Margin(1), Entropy(1), Threshold(0.99), Factor(0.1)], ids=repr)
def test_ties_do_not_hang_on_rounding(policy):
    tokens = torch.full((1, 6), 3)
    log_probs = torch.tensor(LAWS["b"], dtype=torch.float64).log().expand(1, 6, 3)
    for seed in range(20):
        noise = 1e-13 * torch.randn(1, 6, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        assert policy.choose(tokens, log_probs + noise)[0].tolist() == [True] + [False] * 5


def test_one_token_alone_is_certain():
    assert picks_of_one(Margin(1)) == [True, False]
    assert picks_of_one(EntropyBudget(0.0)) == [True, True]


def picks_of_one(policy):
    return policy.choose(torch.ones(1, 2, dtype=torch.int64), torch.zeros(1, 2, 1))[0].tolist()


def tree_law(denoiser, policy, length):
    """({sequence: probability}, {sequence: rounds}) by walking down from the empty state, one state at a time."""
    law, rounds = {}, {}
    stack = [([denoiser.mask_id] * length, 1.0, [None] * length, 0)]
    while stack:
        state, chance, when, step = stack.pop()
        if denoiser.mask_id not in state:
            law[tuple(state)], rounds[tuple(state)] = law.get(tuple(state), 0.0) + chance, when
            continue
        log_probs = denoiser(torch.tensor([state]), torch.tensor([state.count(denoiser.mask_id) / length]))
        chosen = policy.choose(torch.tensor([state]), log_probs)[0].nonzero()[:, 0].tolist()
        for values in itertools.product(range(denoiser.vocab_size), repeat=len(chosen)):
            following, after = list(state), list(when)
            more = chance
            for place, value in zip(chosen, values, strict=True):
                following[place], after[place] = value, step
                more *= math.exp(float(log_probs[0, place, value]))
            if more > 0:
                stack.append((following, more, after, step + 1))
    return law, rounds


POLICIES = st.one_of(
    st.builds(Confidence, st.integers(1, 3)),
    st.builds(Margin, st.integers(1, 3)),
    st.builds(Entropy, st.integers(1, 3)),
    st.builds(Threshold, st.sampled_from([0.0, 0.5, 0.8, 1.0])),
    st.builds(Factor, st.sampled_from([0.5, 1.0, 2.0])),
    st.builds(EntropyBudget, st.sampled_from([0.0, 0.3, 1.0])),
    st.sampled_from([policy for policy in all_policies() if policy.one_path]),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    hidden=st.booleans(),
    length=st.integers(1, 4),
    wrong=st.sampled_from(["exact", "leak", "tilt"]),
    policy=POLICIES,
)
def test_laws_agree_with_a_walk_through_all_states(seed, hidden, length, wrong, policy):
    make = random_hmm if hidden else random_ngram
    language = make(2, 2 + seed % 2, seed=seed, prune_below=0.25)
    denoiser = Oracle(language) if wrong == "exact" else PerturbedOracle(language, 0.1, kind=wrong)
    law, rounds = tree_law(denoiser, policy, length)
    words = enumeration.sequences(language.vocab_size, length)
    expected = torch.tensor([law.get(tuple(word), 0.0) for word in words.tolist()], dtype=torch.float64)
    assert float(expected.sum()) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(enumeration.law(denoiser, length, policy).probs, expected, rtol=0, atol=1e-13)
    log_prob = policy_log_prob(denoiser, policy, words)
    torch.testing.assert_close(log_prob.exp(), expected, rtol=0, atol=1e-13)
    assert not bool(log_prob.isnan().any())
    when = policy_rounds(denoiser, policy, words)
    for word, row in zip(words.tolist(), when.tolist(), strict=True):
        if tuple(word) in rounds:
            assert row == rounds[tuple(word)]


def test_the_denoiser_is_told_what_is_still_hidden(brute):
    """A denoiser that reads the time: the law by enumeration agrees with the log-probability along the path."""
    denoiser = brute.TimeReadingDenoiser(brute.random_joint(3, 4, seed=1, zeros=0.3))
    exact = enumeration.law(denoiser, 4, Confidence(2)).probs
    along = policy_log_prob(denoiser, Confidence(2), brute.all_words(3, 4)).exp()
    torch.testing.assert_close(along, exact, rtol=0, atol=1e-14)
    assert float(exact.sum()) == pytest.approx(1, abs=1e-12)
    assert {time for _, times, _ in denoiser.asked for time in times.tolist()} == {1.0, 0.5}


def test_a_batch_has_the_paths_of_its_rows():
    language = random_hmm(3, 3, seed=4, prune_below=0.2)
    words = language.sample(16, 7, generator=torch.Generator().manual_seed(0))
    together = policy_log_prob(Oracle(language), Threshold(0.6), words)
    alone = torch.cat([policy_log_prob(Oracle(language), Threshold(0.6), word[None]) for word in words])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    assert len(policy_log_prob(Oracle(language), Threshold(0.6), words[:0])) == 0


class Stubborn(Policy):
    """Picks what it is told to."""

    def __init__(self, answer):
        self.answer = answer

    def choose(self, tokens, log_probs):
        return self.answer.expand(tokens.shape)


CHAIN = random_ngram(2, 3, seed=0)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: Confidence(0), "size"),
        (lambda: Margin(1.5), "size"),
        (lambda: Threshold(1.1), "threshold"),
        (lambda: Threshold(math.nan), "threshold"),
        (lambda: Factor(0.0), "factor"),
        (lambda: EntropyBudget(-0.1), "budget"),
        (lambda: policy_log_prob(Oracle(CHAIN), Confidence(1), np.array([[0, 3]])), "hole"),
        (lambda: policy_log_prob(Oracle(CHAIN), Confidence(1), [[0, 7]]), "outside"),
        (lambda: policy_log_prob(Oracle(CHAIN), Stubborn(torch.tensor(False)), [[0, 1]]), "at least one"),
        (lambda: enumeration.law(Oracle(CHAIN), 2, Stubborn(torch.tensor(False))), "at least one"),
        (lambda: policy_log_prob(Oracle(CHAIN), Stubborn(torch.tensor([True, False])), [[0, 1]]), "hidden"),
        (lambda: policy_log_prob(Oracle(CHAIN), Stubborn(torch.tensor(1)), [[0, 1]]), "bool"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
