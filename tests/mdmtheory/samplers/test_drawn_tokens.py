"""Policies under the names of public code: ranked by the drawn token, step by step as that code has it."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import NGramLanguage, random_hmm, random_ngram
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.exact import enumeration, error
from mdmtheory.samplers import Decoding
from mdmtheory.samplers.policies import (
    Confidence,
    Factor,
    FastDLLMFactor,
    FastDLLMThreshold,
    LowConfidenceRemasking,
    Threshold,
)

GREEDY = Decoding(temperature=0)


def llada(confidence, size):
    """transfer_index of LLaDA: the `size` holes whose drawn token is most likely."""
    return sorted(confidence, key=lambda i: (-round(confidence[i], 9), i))[:size]


def fast_dllm_threshold(confidence, threshold):
    """transfer_index of Fast-dLLM: the first of the ranking, and all others that reach the threshold."""
    ranking = llada(confidence, len(confidence))
    return [i for k, i in enumerate(ranking) if k == 0 or confidence[i] >= threshold - 1e-9]


def fast_dllm_factor(confidence, factor):
    """The largest n with (n + 1)(1 − c_n) < factor, one at least."""
    ranking = llada(confidence, len(confidence))
    sizes = [n for n in range(1, len(ranking) + 1) if (n + 1) * (1 - confidence[ranking[n - 1]]) < factor - 1e-9]
    return ranking[: max(sizes, default=1)]


PUBLISHED = [
    *((LowConfidenceRemasking(k), lambda c, k=k: llada(c, k)) for k in (1, 2, 3)),
    *((FastDLLMThreshold(t), lambda c, t=t: fast_dllm_threshold(c, t)) for t in (0.4, 0.7, 1.0)),
    *((FastDLLMFactor(f), lambda c, f=f: fast_dllm_factor(c, f)) for f in (0.5, 1.0, 2.0)),
]


def law_by_draws(denoiser, transfer, length):
    """Law of what is written: draw every hole, keep what is transferred, throw the rest away, go on."""
    law = {}
    stack = [((denoiser.mask_id,) * length, 1.0)]
    while stack:
        state, chance = stack.pop()
        holes = [i for i in range(length) if state[i] == denoiser.mask_id]
        if not holes:
            law[state] = law.get(state, 0.0) + chance
            continue
        probs = denoiser(torch.tensor([state]), torch.tensor([1.0]))[0].exp().tolist()
        for draws in itertools.product(range(denoiser.vocab_size), repeat=len(holes)):
            confidence = {i: probs[i][v] for i, v in zip(holes, draws, strict=True)}
            weight = math.prod(confidence.values())
            if weight > 0:
                kept = dict(zip(holes, draws, strict=True))
                kept = {i: kept[i] for i in transfer(confidence)}
                stack.append((tuple(kept.get(i, token) for i, token in enumerate(state)), chance * weight))
    return law


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    hidden=st.booleans(),
    length=st.integers(1, 3),
    wrong=st.booleans(),
    published=st.sampled_from(PUBLISHED),
)
def test_laws_are_those_of_the_published_rules(seed, hidden, length, wrong, published):
    policy, transfer = published
    language = (random_hmm if hidden else random_ngram)(2, 2 + seed % 2, seed=seed, prune_below=0.25)
    denoiser = PerturbedOracle(language, 0.1) if wrong else Oracle(language)
    law = law_by_draws(denoiser, transfer, length)
    words = enumeration.sequences(language.vocab_size, length).tolist()
    expected = torch.tensor([law.get(tuple(word), 0.0) for word in words], dtype=torch.float64)
    found = enumeration.law(denoiser, length, policy).probs
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_one_token_a_step_by_the_product_formula():
    """Position i is revealed with v with probability p_i(v) Π_{j≠i} P(p_j(X_j) < p_i(v)), ≤ for j to its right."""
    language = random_ngram(2, 3, seed=1)
    oracle, law = Oracle(language), {(3, 3, 3, 3): 1.0}
    for _ in range(4):
        following = {}
        for state, chance in law.items():
            probs = oracle(torch.tensor([state]))[0].exp()
            holes = [i for i in range(4) if state[i] == 3]
            for i, v in itertools.product(holes, range(3)):
                edge = [float(probs[i, v]) + (1e-9 if j > i else -1e-9) for j in range(4)]
                beaten = [float(probs[j][probs[j] < edge[j]].sum()) for j in holes if j != i]
                after = tuple(v if j == i else token for j, token in enumerate(state))
                following[after] = following.get(after, 0.0) + chance * float(probs[i, v]) * math.prod(beaten)
        law = following
    found = enumeration.law(oracle, 4, LowConfidenceRemasking(1))
    expected = torch.tensor([law[tuple(word)] for word in enumeration.sequences(3, 4).tolist()], dtype=torch.float64)
    torch.testing.assert_close(found.probs, expected, rtol=0, atol=1e-12)
    assert found.kl(language).value > 0.5
    assert enumeration.law(oracle, 4, Confidence(1)).kl(language).value < 1e-12


@pytest.mark.parametrize("policy", [LowConfidenceRemasking(1), FastDLLMThreshold(0.5), FastDLLMFactor(1.0)], ids=repr)
def test_independent_tokens_do_not_excuse_them(policy):
    """Two independent tokens: the likelier draw of the two is kept, so likely tokens are written too often."""
    language = NGramLanguage([0.7, 0.2, 0.1])
    exact = enumeration.law(Oracle(language), 2, policy)
    assert exact.kl(language).value > 0.05
    for metric, value in (("kl", exact.kl(language)), ("total_variation", exact.total_variation(language))):
        assert error(language, 2, policy, metric).value == pytest.approx(value.value, abs=1e-12)
    assert error(language, 2, Confidence(1), "kl").value == 0


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        (LowConfidenceRemasking(2), Confidence(2)),
        (FastDLLMThreshold(0.6), Threshold(0.6)),
        (FastDLLMFactor(1.1), Factor(1.1)),
    ],
    ids=repr,
)
def test_greedy_decoding_makes_them_one(published, ours):
    """At temperature 0 the drawn token is the most likely one."""
    for seed in range(5):
        oracle = Oracle(random_ngram(2, 3, seed=seed, prune_below=0.1))
        laws = [enumeration.law(oracle, 4, policy, decoding=GREEDY).probs for policy in (published, ours)]
        assert torch.equal(*laws)


def test_more_steps_are_worse():
    """At temperature 1 with an exact denoiser: one token a step is further from the language than two."""
    kls = []
    for size in (1, 2):
        laws = [random_ngram(2, 3, seed=seed) for seed in range(1, 5)]
        kls.append(sum(enumeration.law(Oracle(q), 4, LowConfidenceRemasking(size)).kl(q).value for q in laws) / 4)
    assert kls[0] > 1.5 * kls[1] > 0.5
