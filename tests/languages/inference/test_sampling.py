"""Samples: their law, exactly from the tables and by chi-square, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import brute_force
from scipy import stats

from languages import HMMLanguage, NGramLanguage, copy_pairs, hashing, random_hmm, random_ngram
from languages.inference import sampling, threads

LANGUAGES = [
    random_ngram(1, 5, seed=0),
    random_ngram(2, 5, seed=1, prune_below=0.15),
    random_ngram(4, 3, seed=3, prune_below=0.2),
    random_hmm(6, 5, seed=4, concentration=0.1, prune_below=0.1),
    copy_pairs(3),
]
named = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: type(language).__name__ + language.name)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def law_of_tables(sampler, states):
    """(S, S, V) probability that each state's slots lead to a state and token, counted in whole numbers of 2⁻⁶²."""
    vocab_size = int((sampler._move & ((1 << 20) - 1)).max()) + 1
    table = [[[0] * vocab_size for _ in range(states)] for _ in range(states)]
    for state in range(states):
        first, shift = int(sampler._first[state]) >> 6, int(sampler._first[state]) & 63
        for slot in range(first, first + (1 << (sampling.BITS - shift))):
            own = int(sampler._limit[slot])
            for move, share in zip(sampler._move[2 * slot : 2 * slot + 2].tolist(), (2**shift - own, own), strict=True):
                table[state][move >> 20][move & ((1 << 20) - 1)] += share
    return table


@pytest.mark.parametrize("seed", range(5))
def test_the_tables_hold_the_law(seed):
    """Right to the rounding of the sum of a row, zeros exact, and the slots add up to one."""
    rng = np.random.default_rng(seed)
    states, vocab_size = int(rng.integers(1, 6)), int(rng.integers(1, 7))
    law = rng.dirichlet(np.ones(states * vocab_size), size=states) ** rng.integers(1, 8)
    law *= rng.random(law.shape) < 0.7
    law[:, 0] += 1e-3
    law /= law.sum(1, keepdims=True)
    row, move = law.nonzero()
    offsets = np.searchsorted(row, np.arange(states + 1))
    moves = offsets, law[row, move], move // vocab_size, move % vocab_size
    sampler = sampling.ChainSampler(*map(torch.as_tensor, moves))
    drawn = law_of_tables(sampler, states)
    for s in range(states):
        masses = np.zeros((states, vocab_size))
        assert sum(map(sum, drawn[s])) == 2**sampling.BITS
        tokens = len(drawn[s][0])
        masses[:, :tokens] = [[share / 2**sampling.BITS for share in shares] for shares in drawn[s]]
        np.testing.assert_allclose(masses.reshape(-1), law[s], rtol=0, atol=len(law[s]) * 2**-53)
        assert not masses.reshape(-1)[law[s] == 0].any()


@named
@pytest.mark.parametrize("limit", [sampling.JOINT_LIMIT, 0], ids=["one draw", "two draws"])
def test_law_of_samples(language, limit, monkeypatch):
    """Chi-square of 300,000 sequences of four tokens against the exact law; false alarms at 1e-5 each."""
    if limit == 0 and isinstance(language, NGramLanguage):
        pytest.skip("an n-gram draws once")
    monkeypatch.setattr(sampling, "JOINT_LIMIT", limit)
    fresh = language.to("cpu") if limit else HMMLanguage(language.initial, language.transition, language.emission)
    rows = brute_force.sequences(language.vocab_size, 4)
    law = language.log_prob(torch.as_tensor(rows)).exp().numpy()
    samples = fresh.sample(300_000, 4, generator=seeded(11)).numpy()
    assert fresh._sampler._draws_per_token == (1 if limit else 2)
    codes = samples @ language.vocab_size ** np.arange(3, -1, -1)
    assert p_value(np.bincount(codes, minlength=len(rows)), law) > 1e-5


def p_value(counts, law):
    """Of the chi-square statistic; cells expected fewer than five times are pooled, impossible ones never occur."""
    assert counts[law == 0].sum() == 0
    expected = law * counts.sum()
    often = expected >= 5
    cells = [*zip(counts[often], expected[often], strict=True), (counts[~often].sum(), expected[~often].sum())]
    if cells[-1][1] < 5:
        cells.pop()
    return stats.chi2.sf(sum((o - e) ** 2 / e for o, e in cells), max(1, len(cells) - 1))


@named
def test_late_positions_have_their_law(language):
    """Chi-square of the pair at positions 50 and 51 of 200,000 rows; false alarms at 1e-5 each."""
    tokens = language.sample(200_000, 52, generator=seeded(3))[:, -2:]
    holes = torch.full((1, 52), language.mask_id)
    pairs = torch.cartesian_prod(torch.arange(language.vocab_size), torch.arange(language.vocab_size))
    rows = holes.repeat(len(pairs), 1)
    rows[:, -2:] = pairs
    law = language.log_marginal(rows).exp().numpy()
    codes = (tokens[:, 0] * language.vocab_size + tokens[:, 1]).numpy()
    assert p_value(np.bincount(codes, minlength=len(law)), law) > 1e-5


@named
def test_a_batch_is_the_same_in_pieces(language):
    whole, generator = language.sample(300, 17, generator=seeded(5)), seeded(5)
    pieces = [language.sample(batch, 17, generator=generator) for batch in (1, 0, 40, 9, 250)]
    assert torch.equal(torch.cat(pieces), whole)


@named
def test_longer_sequences_begin_alike(language):
    """Word j of a row's stream decides draw j, whatever the length."""
    assert torch.equal(language.sample(30, 60, generator=seeded(1))[:, :7], language.sample(30, 7, generator=seeded(1)))


@named
def test_threads_change_nothing(language, monkeypatch):
    alone = language.sample(200, 30, generator=seeded(2))
    monkeypatch.setattr(threads, "LEAST_WORK", 1.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert torch.equal(language.sample(200, 30, generator=seeded(2)), alone)


@named
def test_rows_are_different(language):
    """Keys of 64 random bits: two rows of 200 alike would need a language of few sequences."""
    tokens = language.sample(200, 64, generator=seeded(4))
    assert len(torch.unique(tokens, dim=0)) > 190


@named
def test_torch_reads_the_tables_alike(language):
    """The path of GPUs."""
    keys = torch.empty(100, dtype=torch.int64).random_(-(1 << 63), None, generator=seeded(6))
    keys[:3] = torch.tensor([0, -1, 1 << 62])
    sampler = language._sampler
    assert torch.equal(sampler.draw_from(keys, 40), sampler._draw_with_torch(keys, 40))


def test_the_joint_law_of_a_large_model_is_not_tabled():
    language = random_hmm(100, 9, seed=0)
    assert language._sampler._draws_per_token == 2
    assert language.contains(language.sample(50, 20, generator=seeded(0))).all()


def key_of(word):
    """The key whose stream begins with this word: splitmix64 backwards."""
    z, size = word, 1 << 64
    for shift, multiplier in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        for _ in range(64 // shift + 1):
            z = word ^ (z >> shift)
        word = z = z * pow(multiplier, -1, size) % size
    key = (word - int(hashing.GAMMA)) % size
    return key - size if key >= size >> 1 else key


@pytest.mark.parametrize("probs", [[1.0, 1e-25], [0.25, 0.75], [0.5, 0.25, 1e-30, 0.25], [0.2, 0.3, 0.5]])
def test_slots_are_shared_to_the_unit(probs):
    """The words at both ends of a slot and of its share: each move is drawn by exactly its number of words.

    Moves of weight zero, less than half of 2⁻⁶² here, are drawn by none.
    """
    count = len(probs)
    offsets, tokens = torch.tensor([0, count]), torch.arange(count)
    law = torch.tensor(probs, dtype=torch.float64)
    sampler = sampling.ChainSampler(offsets, law, torch.zeros_like(tokens), tokens)
    shift = int(sampler._first[0]) & 63
    for slot, limit in enumerate(sampler._limit.tolist()):
        alias, own = (int(move) & ((1 << 20) - 1) for move in sampler._move[2 * slot : 2 * slot + 2])
        room = 1 << shift
        places = sorted(place for place in {0, limit - 1, limit, room - 1} if 0 <= place < room)
        keys = torch.tensor([key_of((slot << shift | place) << (64 - sampling.BITS)) for place in places])
        expected = [own if place < limit else alias for place in places]
        assert sampler.draw_from(keys, 1)[:, 0].tolist() == expected
        assert sampler._draw_with_torch(keys, 1)[:, 0].tolist() == expected
        assert not any(probs[token] < 2**-63 for token in expected)


@named
@pytest.mark.gpu
def test_cuda_draws_the_same_from_the_same_keys(language):
    keys = torch.empty(500, dtype=torch.int64).random_(-(1 << 63), None, generator=seeded(6))
    assert torch.equal(
        language.to("cuda")._sampler.draw_from(keys.cuda(), 30).cpu(), language._sampler.draw_from(keys, 30)
    )
