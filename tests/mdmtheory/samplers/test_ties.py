"""Ties: noise in the last digits of an answer picks nobody, and lots are fair, keyed by row and summed over."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.families import all_policies

from languages import copy_pairs, random_ngram
from mdmtheory.denoisers import NetworkDenoiser, Oracle, PerturbedOracle
from mdmtheory.denoisers.ask import ask_holes
from mdmtheory.exact import enumeration, error
from mdmtheory.networks import Transformer, TransformerConfig
from mdmtheory.samplers import row_keys, sample
from mdmtheory.samplers.policies import (
    Confidence,
    EntropyBudget,
    FastDLLMThreshold,
    LowConfidenceRemasking,
    Margin,
    Threshold,
    chosen_positions,
    policy_log_prob,
)
from mdmtheory.samplers.policies.ties import first_of_ties, tie_width

V, L = 3, 4
CHAIN = random_ngram(2, V, seed=0)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def network(seed):
    """A time-conditioned network as small as they come, with weights that are not those of a fresh one."""
    torch.manual_seed(seed)
    config = TransformerConfig(vocab_size=V, hidden_size=32, num_layers=2, num_heads=2, time_conditioned=True)
    transformer = Transformer(config)
    for weights in transformer.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return NetworkDenoiser(transformer)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.lists(st.integers(-6, 6), min_size=7, max_size=7), min_size=0, max_size=3),
    width=st.sampled_from([0.0, 0.5, 1.0, 2.5, 99.0]),
)
def test_groups_of_ties(rows, width):
    """Each group holds what is within the width of its first; holes of the ranking (−∞) come last."""
    scores = torch.tensor(rows, dtype=torch.float64).reshape(-1, 7)
    scores[scores < -5] = -torch.inf
    ranked = scores.sort(dim=1, descending=True).values
    found = first_of_ties(ranked, width)
    for row, begins in zip(ranked.tolist(), found.tolist(), strict=True):
        leader = math.inf
        for score, begin in zip(row, begins, strict=True):
            if score == -math.inf:
                break
            assert begin == (leader - score > width)
            leader = score if begin else leader


@pytest.mark.parametrize("policy", all_policies(), ids=repr)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_noise_within_the_precision_picks_nobody(policy, dtype):
    """Laws that are equal up to an eighth of the width of a tie, wherever a grid would have its edges."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.full((1, 6), V)
    for _ in range(20):
        law = torch.randn(V, generator=generator, dtype=torch.float64).log_softmax(-1)
        picks = set()
        for _ in range(4):
            noise = tie_width(dtype) / 8 * (2 * torch.rand(1, 6, V, generator=generator, dtype=torch.float64) - 1)
            said = (law + noise).to(dtype)
            drawn = law.argmin().expand(1, 6)
            picks.add(tuple(chosen_positions(policy, tokens, said, drawn)[0].tolist()))
        assert len(picks) == 1


STATES = torch.cat([enumeration.sequences(V + 1, 2), torch.full(((V + 1) ** 2, 2), V)], 1)


@pytest.fixture(scope="module")
def answers():
    """What two networks say at batch 1, 2 and 3, and under one thread and two."""
    threads, said = torch.get_num_threads(), []
    for denoiser in (network(3), network(7)):
        for batch, limit in ((1, 1), (2, 1), (3, 1), (3, 2)):
            torch.set_num_threads(limit)
            try:
                parts = [ask_holes(denoiser, part, part.double().mean(1) / V) for part in STATES.split(batch)]
            finally:
                torch.set_num_threads(threads)
            said.append(torch.cat([answer.as_said for answer in parts]))
    return said[:4], said[4:]


@pytest.mark.parametrize("policy", all_policies(), ids=repr)
def test_a_network_asked_in_any_company_picks_the_same(policy, answers):
    drawn = torch.where(STATES == V, 1, STATES)
    for said in answers:
        picks = [chosen_positions(policy, STATES, one, drawn) for one in said]
        assert all(torch.equal(pick, picks[0]) for pick in picks)


@pytest.mark.parametrize("seed", [3, 7])
def test_the_exact_law_of_a_network_is_that_of_its_samples(seed):
    """Rotary positions alone: an all-masked row is one tie, and rounding once decided it (.001 exact, .018 sampled).

    Four standard deviations: a false alarm once in 16,000 seeds.
    """
    denoiser, language = network(seed), random_ngram(2, V, seed=0, prune_below=0.1)
    exact = error(language, L, Confidence(2), "ser", denoiser=denoiser).value
    tokens = sample(
        denoiser, Confidence(2), batch=4000, length=L, generator=torch.Generator().manual_seed(1), max_batch=777
    ).tokens
    sampled = 1 - float(language.contains(tokens).double().mean())
    assert abs(sampled - exact) < 4 * math.sqrt(exact * (1 - exact) / 4000)


@pytest.mark.parametrize("symbols", [2, 3])
def test_copy_pairs_and_the_rule_for_ties(symbols):
    """Two of four positions: mates are neighbours, so the left ones always are; a lot picks mates once in three."""
    language = copy_pairs(symbols)
    for ties, expected in (("left", 1 - symbols**-2), ("random", (1 - symbols**-2) / 3)):
        found = error(language, 4, Confidence(2, ties=ties), "ser").value
        assert found == pytest.approx(expected, abs=1e-14)


def test_lots_on_many_copy_pairs():
    """Two a round among m whole pairs are mates with probability 1/(2m − 1); half-open pairs are closed for sure."""

    def right(pairs, symbols):
        chances = [1.0, 1 / symbols]
        for m in range(2, pairs + 1):
            mates = 1 / (2 * m - 1)
            chances.append(mates / symbols * chances[m - 1] + (1 - mates) * chances[m - 2])
        return chances[pairs]

    language = copy_pairs(3)
    tokens = sample(
        Oracle(language), Confidence(2, ties="random"), batch=2000, length=32, row_keys=row_keys(2000, seeded())
    ).tokens
    wrong = 1 - right(16, 3)
    sampled = 1 - float(language.contains(tokens).double().mean())
    assert abs(sampled - wrong) < 4 * math.sqrt(wrong * (1 - wrong) / 2000)  # a false alarm once in 16,000 seeds


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "policy",
    [Confidence(2, ties="random"), Threshold(0.6, ties="random"), EntropyBudget(0.5, ties="random"), Margin(3)],
    ids=repr,
)
def test_the_path_law_sums_over_lots(policy):
    """An error that is the same at every context adds up to ε for each position, whoever wins the lots."""
    learned = enumeration.learning_error(PerturbedOracle(copy_pairs(3), 0.1), copy_pairs(3), L, policy)
    assert learned.mean.value <= 0.1 + 1e-12
    assert learned.path_kl.value == pytest.approx(L * learned.mean.value, abs=1e-12)
    exact = enumeration.path_kl(Oracle(copy_pairs(3)), copy_pairs(3), L, policy).value
    assert enumeration.law(Oracle(copy_pairs(3)), L, policy).kl(copy_pairs(3)).value <= exact + 1e-12


def test_where_lots_or_draws_decide_there_is_no_one_path():
    words = CHAIN.sample(2, L)
    for policy in (Confidence(2, ties="random"), LowConfidenceRemasking(1), FastDLLMThreshold(0.5, ties="random")):
        assert not policy.one_path
        with pytest.raises(ValueError, match="one path"):
            policy_log_prob(Oracle(CHAIN), policy, words)
    with pytest.raises(ValueError, match="no path law"):
        error(CHAIN, L, LowConfidenceRemasking(1), "kl", law="path")
    with pytest.raises(ValueError, match="ties must be 'left' or 'random'"):
        Confidence(2, ties="right")
    assert repr(Confidence(2, ties="random")) == "Confidence(size=2, ties='random')"
