"""The languages that the theory is built on: their laws, from their definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force

from languages import (
    HMMLanguage,
    NGramLanguage,
    arithmetic_chains,
    block_language,
    copy_pairs,
    deterministic_cycle,
    mds_code,
    parity_blocks,
    random_walk,
    repeated_symbol,
    slow_topics,
)
from languages.constructions import trellis


def law(language, length):
    """(V^L,) probabilities of all sequences."""
    rows = torch.as_tensor(brute_force.sequences(language.vocab_size, length))
    return language.log_prob(rows).exp().numpy()


def uniform_on(rows):
    """Probability of each sequence, uniform on those flagged."""
    return rows / rows.sum()


def of_blocks(table, length):
    """(V,)·L law of independent blocks, the last one cut off; by products of the table itself."""
    result = np.ones(())
    left = length
    while left > 0:
        piece = table.sum(axis=tuple(range(min(left, table.ndim), table.ndim)))
        result = np.multiply.outer(result, piece)
        left -= table.ndim
    return result


@pytest.mark.parametrize("num_symbols", [1, 2, 5, 16])
@pytest.mark.parametrize("length", [1, 2, 7, 64, 501])
def test_copy_pairs(num_symbols, length):
    """⌈L/2⌉ free symbols: every sequence of the support has the same probability."""
    language = copy_pairs(num_symbols)
    free = math.ceil(length / 2) * math.log(num_symbols)
    assert language.log_support_size(length) == pytest.approx(free, abs=1e-9)
    entropy = language.estimate_entropy(length, num_sequences=8, generator=torch.Generator().manual_seed(0))
    assert (entropy.low, entropy.value, entropy.high) == pytest.approx((free, free, free), abs=1e-9)
    tokens = language.sample(20, length, generator=torch.Generator().manual_seed(1))
    pairs = tokens[:, : length - length % 2].reshape(20, -1, 2)
    assert (pairs[..., 0] == pairs[..., 1]).all()
    uniform = torch.full((length, num_symbols), 1 / num_symbols, dtype=torch.float64)
    torch.testing.assert_close(language.marginals(length), uniform)


def test_copy_pairs_posterior():
    language = copy_pairs(3)
    hole = language.mask_id
    rows = [[hole, 2, hole, hole, 0, hole, hole], [1, 2, hole, 0, 0, 1, 2]]
    log_probs, dead = language.conditionals(torch.tensor(rows))
    assert log_probs[0].exp()[[0, 5]].tolist() == [[0, 0, 1], [1, 0, 0]]
    torch.testing.assert_close(log_probs[0, [2, 3, 6]].exp(), torch.full((3, 3), 1 / 3, dtype=torch.float64))
    # The whole second row is dead, for 1 is not 2: an HMM is one segment, and there is no parent.
    assert dead[1].tolist() == [False, False, True, False, False, False, False]
    torch.testing.assert_close(log_probs[1, 2].exp(), torch.full((3,), 1 / 3, dtype=torch.float64))


@pytest.mark.parametrize("block", [2, 3, 4, 7])
def test_parity_blocks(block):
    language = parity_blocks(block)
    for length in (1, block - 1, block, block + 2, 2 * block):
        if length > 9:
            continue
        rows = brute_force.sequences(2, length)
        whole = [rows[:, k : k + block].sum(1) % 2 == 0 for k in range(0, length - block + 1, block)]
        np.testing.assert_allclose(law(language, length), uniform_on(np.all([np.ones(len(rows)), *whole], axis=0)))
    # Two tokens by two parities at each inner position: a dozen states for four bits, linear in the block.
    assert language.num_states == 4 * (block - 1)
    long = parity_blocks(40).sample(30, 120, generator=torch.Generator().manual_seed(0))
    assert (long.view(30, 3, 40).sum(2) % 2 == 0).all()


def test_repeated_symbol_and_cycle():
    rows = brute_force.sequences(3, 5)
    same, following = (rows == rows[:, :1]).all(1), (np.diff(rows) % 3 == 1).all(1)
    np.testing.assert_allclose(law(repeated_symbol(3), 5), uniform_on(same))
    np.testing.assert_allclose(law(deterministic_cycle(3), 5), uniform_on(following))
    for language in (repeated_symbol(3), deterministic_cycle(3)):
        assert isinstance(language, NGramLanguage)
        assert language.order == 2
    hidden = torch.tensor([[6, 6, 6, 2, 6]])
    assert deterministic_cycle(6).posterior(hidden)[0].argmax(1).tolist() == [5, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "increments", "start"),
    [
        (4, {-1: 0.5, 1: 0.5}, None),
        (3, {0: 0.2, 1: 0.8}, 0),
        (5, {2: 0.5, -7: 0.3, 0: 0.2}, 3),
        (2, {-1: 0.5, 1: 0.5}, 1),
    ],
)
def test_random_walk(values, increments, start):
    language = random_walk(values, increments=increments, start=start)
    length = 4
    rows = brute_force.sequences(values, length)
    expected = np.zeros(len(rows))
    code = values ** np.arange(length - 1, -1, -1)
    starts = [(start, 1.0)] if start is not None else [(None, 1 / values)] * values
    for number, (origin, chance) in enumerate(starts):
        first = length if origin is not None else length - 1
        for steps in itertools.product(increments.items(), repeat=first):
            path = [] if origin is not None else [number]
            value = number if origin is None else origin
            for step, _ in steps:
                value = (value + step) % values
                path.append(value)
            expected[np.dot(path, code)] += chance * math.prod(p for _, p in steps)
    np.testing.assert_allclose(law(language, length), expected, atol=1e-14)


def test_a_wide_circle_is_the_line():
    """From a given start, and wide enough, the entropy of a position is that of a binomial."""
    length = 20
    language = random_walk(2 * length + 1, start=0)
    binomial = [math.comb(length, k) / 2**length for k in range(length + 1)]
    last = language.marginals(length)[-1]
    np.testing.assert_allclose(np.sort(last[last > 0]), np.sort(binomial), rtol=1e-12)
    narrow = random_walk(2 * length, start=0).marginals(length)[-1]
    assert (narrow > 0).sum() == length


def test_slow_topics():
    words = [[0.5, 0.5, 0.0], [0.0, 0.3, 0.7]]
    language = slow_topics(2, switch=0.2, word_laws=words)
    reference = brute_force.BruteHMM([0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]], words)
    rows = brute_force.sequences(3, 3)
    np.testing.assert_allclose(law(language, 3), [reference.prob(row) for row in rows], atol=1e-14)
    overlapping = slow_topics(3, switch=0.3, words=2, overlap=0.6)
    torch.testing.assert_close(overlapping.emission.sum(0), torch.ones(6, dtype=torch.float64) * 0.5)
    assert overlapping.emission[1].tolist() == pytest.approx([0.1, 0.1, 0.3, 0.3, 0.1, 0.1])
    assert overlapping.transition[0].tolist() == pytest.approx([0.7, 0.15, 0.15])
    ring = slow_topics(4, switch=0.3, words=1, moves="next")
    assert ring.transition[3].tolist() == pytest.approx([0.3, 0, 0, 0.7])
    assert ring.contains(torch.tensor([[3, 3, 0, 1], [3, 2, 2, 2]])).tolist() == [True, False]
    assert slow_topics(4, switch=0.3).support_density(9) == pytest.approx(1)


CODES = [
    (2, 3, 1),
    (2, 3, 2),
    (3, 4, 2),
    (3, 3, 2),
    (3, 4, 3),
    (5, 4, 2),
    (5, 6, 2),
    (5, 6, 4),
    (7, 8, 2),
    (7, 4, 1),
    (3, 4, 4),
]


@pytest.mark.parametrize(("field", "length", "dimension"), CODES)
def test_mds_codes(field, length, dimension):
    """q^k words of equal probability, any two of them different in n − k + 1 places, closed under addition."""
    language = mds_code(field, length, dimension)
    # A word is missed among as many samples with probability (1 − 1/size)^24000: at 625 words, one is with 2e-14.
    words = language.sample(24_000, length, generator=torch.Generator().manual_seed(0)).unique(dim=0)
    size = field**dimension
    assert len(words) == size
    assert language.log_support_size(length) == pytest.approx(math.log(size), abs=1e-9)
    torch.testing.assert_close(
        language.log_prob(words), torch.full((len(words),), -math.log(size), dtype=torch.float64)
    )
    some = words[:300]
    distance = (some[:, None] != some).sum(2) + length * torch.eye(len(some), dtype=torch.int64)
    assert distance.min() >= length - dimension + 1
    assert language.contains((some[:150] + some[-150:].flip(0)[: len(some[:150])]) % field).all()
    # The trellis is minimal: p^{min(i, k, n−k+1, n−i+1)} edges at position i, each a state where there is a check.
    edges = [min(i, dimension, length - dimension + 1, length - i + 1) for i in range(1, length + 1)]
    assert language.num_states == (sum(field**exponent for exponent in edges) if dimension < length else length)
    any_k = torch.full((1, length), language.mask_id)
    any_k[0, torch.randperm(length, generator=torch.Generator().manual_seed(2))[:dimension]] = field - 1
    posterior = language.posterior(any_k)[0]
    torch.testing.assert_close(posterior.max(1).values, torch.zeros(length, dtype=torch.float64))
    assert not language.conditionals(any_k).dead.any()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_block_language(seed):
    """Any table, with hard zeros and with repeated futures, at any length."""
    rng = np.random.default_rng(seed)
    vocab, size = [(1, 2), (2, 1), (2, 3), (3, 2), (2, 4)][rng.integers(5)]
    table = np.where(rng.random((vocab,) * size) < rng.choice([0.0, 0.5]), 0.0, rng.integers(1, 4, (vocab,) * size))
    table.reshape(-1)[rng.integers(table.size)] = 1.0
    table = table / table.sum()
    language = block_language(table)
    for length in (1, size, size + 1, 2 * size):
        if vocab**length > 300:
            continue
        expected = of_blocks(table, length).reshape(-1)
        np.testing.assert_allclose(law(language, length), expected, rtol=1e-10, atol=1e-14)
        rows = torch.as_tensor(brute_force.sequences(vocab, length))
        np.testing.assert_array_equal(language.contains(rows).numpy(), expected > 0)


@pytest.mark.parametrize(
    ("table", "states"),
    [
        (np.full((3, 3, 3), 1 / 27), 3),  # independent tokens: nothing to remember but the place
        (np.eye(5) / 5, 10),  # pairs
        (np.outer([0.2, 0.8], [0.7, 0.3]), 2),
        ([[0.1, 0.3], [0.2, 0.4]], 4),
        (np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4, 8),  # parity
        (np.array([[1, 2, 0], [2, 4, 0], [0, 0, 1]]) / 10, 4),  # proportional rows are one node, their tokens one state
    ],
)
def test_minimal_trellis(table, states):
    language = block_language(table)
    assert language.num_states == states
    table = np.asarray(table)
    np.testing.assert_allclose(law(language, table.ndim), table.reshape(-1), rtol=1e-12)


def test_futures_that_differ_in_a_zero_stay_apart():
    """A tiny probability is none that may be merged with a hard zero."""
    tiny = 1e-30
    language = block_language([[0.5, 0.0], [0.5 - tiny, tiny]])
    assert language.num_states == 4
    assert language.contains(torch.tensor([[0, 0], [0, 1], [1, 1]])).tolist() == [True, False, True]
    assert float(language.log_prob(torch.tensor([[1, 1]]))) == pytest.approx(math.log(tiny))


def correct_chains(operands, largest):
    """Texts of all correct chains, by evaluating every text of the right form."""
    numbers = [str(n) for n in range(largest + 1)]
    for first, *rest in itertools.product(numbers, *([("+", "-"), numbers] * (operands - 1))):
        values = itertools.accumulate(
            zip(rest[::2], rest[1::2], strict=True),
            lambda r, t: r + int(t[1]) * (1 if t[0] == "+" else -1),
            initial=int(first),
        )
        values = list(values)
        if all(0 <= value <= largest for value in values):
            yield f"{first}{''.join(rest)}={values[-1]};"


@pytest.mark.parametrize(("operands", "largest"), [(1, 1), (1, 3), (2, 2), (2, 9), (3, 3), (3, 11)])
def test_arithmetic_chains(operands, largest):
    """Exactly the correct chains, all with the same probability."""
    language = arithmetic_chains(operands, largest)
    texts = list(correct_chains(operands, largest))
    assert len(texts) == (largest + 1) * (largest + 2) ** (operands - 1)
    size = 2 * operands + 2
    rows = torch.cat([language.encode(text) for text in texts])
    assert rows.shape[1] == size
    torch.testing.assert_close(
        language.log_prob(rows), torch.full((len(rows),), -math.log(len(texts)), dtype=torch.float64)
    )
    assert language.entropy(size) == pytest.approx(math.log(len(texts)))
    assert language.log_support_size(size) == pytest.approx(math.log(len(texts)), abs=1e-9)
    assert language.decode(rows) == texts
    for length in (1, 2, 3, size - 1, size + 2):
        kept = rows if length <= size else torch.cat([rows, rows[torch.arange(len(rows)) * 7 % len(rows)]], dim=1)
        if length <= size:
            prefixes = rows[:, :length].unique(dim=0)
            probs = language.log_prob(prefixes).exp()
            assert float(probs.sum()) == pytest.approx(1)
            assert language.entropy(length) == pytest.approx(float(-(probs * probs.log()).sum()), abs=1e-10)
            for count in (language.log_support_size, language.closed_forms.log_support_size):
                assert count(length) == pytest.approx(math.log(len(prefixes)), abs=1e-9)
        else:
            assert language.contains(kept[:, :length]).all()


def test_wrong_sums():
    language = arithmetic_chains(3, 9)
    right = language.encode("3+4-2=5; 9-9+0=0;")
    assert language.contains(right).item()
    assert language.decode(right) == ["3+4-2=5;9-9+0=0;"]
    for text in ("3+4-2=6;", "3+4-2=5+", "9+1-1=9;", "1-2+2=1;", "3+4=7;1+"):
        assert not language.contains(language.encode(text)).item()
    # The result follows from the sum, and an operand from the rest.
    hole = language.mask_id
    masked = language.encode("3+4-2=5;")
    masked[0, [2, 6]] = hole
    assert language.decode(masked) == ["3+▢-2=▢;"]
    posterior = language.posterior(masked)[0].exp()
    torch.testing.assert_close(posterior[2, :10], torch.tensor([1 / 7] * 7 + [0.0] * 3, dtype=torch.float64))
    masked[0, 6] = 5
    assert language.posterior(masked)[0].argmax(1).tolist() == language.encode("3+4-2=5;")[0].tolist()
    assert len(language.vocabulary) == language.vocab_size == 14
    moved = language.to("cpu:0")
    assert type(moved) is type(language)
    assert moved.vocabulary == language.vocabulary
    with pytest.raises(ValueError, match="text has '10', which arithmetic:operands=3,largest=9 does not know"):
        language.encode("10+1")
    with pytest.raises(ValueError, match=r"text has '\*'"):
        language.encode("3*1")
    with pytest.raises(ValueError, match="text is empty"):
        language.encode(" ")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: parity_blocks(1), "block must be at least 2, got 1"),
        (lambda: parity_blocks("two"), "block must be a whole number"),
        (lambda: parity_blocks(2000), "more than 4096"),
        (lambda: repeated_symbol(0), "num_symbols"),
        (lambda: deterministic_cycle(2.5), "num_symbols"),
        (lambda: random_walk(0), "num_values"),
        (lambda: random_walk(4, increments={}), "increments must map whole numbers"),
        (lambda: random_walk(4, increments=[0.5, 0.5]), "increments must map whole numbers"),
        (lambda: random_walk(4, increments={0.5: 1.0}), "increments must map whole numbers"),
        (lambda: random_walk(4, increments={0: 0.5, 1: 0.6}), "increments must sum to one"),
        (lambda: random_walk(4, increments={0: 1.5, 1: -0.5}), "increments has negative"),
        (lambda: random_walk(4, start=-1), "start must be at least 0"),
        (lambda: random_walk(4, start=4), r"start must be one of the values 0 … 3, got 4; start=0 is the same"),
        (lambda: random_walk(8, start=99), r"start must be one of the values 0 … 7, got 99; start=3 is the same"),
        (lambda: random_walk(4, start="here"), "start must be a whole number"),
        (lambda: slow_topics(0, switch=0.1), "num_topics"),
        (lambda: slow_topics(2, switch=1.1), r"switch must lie in \[0, 1\]"),
        (lambda: slow_topics(2, switch=0.1, words=0), "words"),
        (lambda: slow_topics(2, switch=0.1, overlap=-0.1), "overlap"),
        (lambda: slow_topics(2, switch=0.1, moves="back"), "moves must be one of"),
        (lambda: slow_topics(2, switch=0.1, word_laws=[[1.0]]), "word_laws must have shape"),
        (lambda: slow_topics(2, switch=0.1, word_laws=[[1.0, 1.0], [0.0, 1.0]]), "word_laws must sum to one"),
        (lambda: mds_code(4, 3, 2), "field must be a prime, got 4"),
        (lambda: mds_code(1, 3, 2), "field must be at least 2"),
        (lambda: mds_code(5, 7, 2), "length must be at most field \\+ 1 = 6"),
        (lambda: mds_code(5, 4, 5), "dimension must be at most length=4, got 5"),
        (lambda: mds_code(5, 4, 0), "dimension must be at least 1"),
        (lambda: mds_code(13, 14, 7), "dimension=7 of length=14 over field=13 takes more than"),
        (lambda: block_language([[0.5, 0.6]]), "table must sum to one"),
        (lambda: block_language([[0.5, 0.5]]), r"table must have shape \(V,\) \* m"),
        (lambda: block_language([[0.5, 0.5], [0.0]]), "table must be an array of numbers"),
        (lambda: block_language(1.0), "table"),
        (lambda: block_language([1.5, -0.5]), "table has negative"),
        (lambda: block_language("half"), "table"),
        (lambda: arithmetic_chains(0, 9), "operands"),
        (lambda: arithmetic_chains(2, 0), "largest"),
        (lambda: arithmetic_chains(2, 99), "hidden states, more than 4096"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_too_many_states(monkeypatch):
    monkeypatch.setattr(trellis, "STATE_LIMIT", 13)
    table = np.random.default_rng(0).dirichlet(np.ones(16)).reshape((2,) * 4)
    with pytest.raises(ValueError, match="blocks:2×2×2×2 takes 16 hidden states, more than 13; take smaller blocks"):
        block_language(table)
    assert block_language(table.sum(0)).num_states == 8


def test_float32_tables():
    language = block_language(torch.full((3, 3), 1 / 9, dtype=torch.float32))
    assert isinstance(language, HMMLanguage)
    assert float(language.log_prob(torch.tensor([[0, 1]])).exp()) == pytest.approx(1 / 9, rel=1e-12)
