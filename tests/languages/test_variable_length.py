"""Languages over V*: the law of sequences with an end, from its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import brute_force
from reference.samplers import path_kl
from reference.tables import with_zeros
from scipy import stats

from languages import (
    HMMLanguage,
    NGramLanguage,
    arithmetic_chains,
    copy_pairs,
    deterministic_cycle,
    ending_within,
    language_from,
    ngram_from_text,
    random_hmm,
    random_ngram,
    random_stops,
    with_end,
)
from languages.variable_length import EndingWithin, VariableLength, VariableLengthHMM, VariableLengthNGram
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import path
from mdmtheory.samplers import plans, sample

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


class EndedNGram:
    """Prefix and sequence probabilities of an n-gram with an end, factor by factor."""

    def __init__(self, base, stop, empty):
        self.base, self.stop, self.empty, self.vocab_size = base, np.asarray(stop), empty, base.vocab_size

    def stops(self, x):
        memory = self.base.order - 1
        if self.stop.ndim > 1:
            return self.stop[tuple(x[-memory:])] if len(x) >= memory else 0.0
        return self.stop[x[-1]] if self.stop.ndim else float(self.stop)

    def begins(self, x):
        going = math.prod(1 - self.stops(x[:i]) for i in range(1, len(x)))
        return (1 - self.empty) * self.base.prob(x) * going if x else 1.0

    def prob(self, x):
        return self.begins(x) * self.stops(x) if x else self.empty


class EndedHMM:
    """The same of a hidden Markov model, by sums over hidden paths."""

    def __init__(self, base, stop, empty):
        self.base, self.empty, self.vocab_size = base, empty, base.vocab_size
        self.stop = np.broadcast_to(stop, (len(base.initial),))

    def _sum(self, x, last):
        total = 0.0
        for hidden in itertools.product(range(len(self.base.initial)), repeat=len(x)):
            p = self.base.initial[hidden[0]] * math.prod(
                self.base.emission[s, v] for s, v in zip(hidden, x, strict=True)
            )
            for a, b in itertools.pairwise(hidden):
                p *= (1 - self.stop[a]) * self.base.transition[a, b]
            total += p * last(hidden[-1])
        return (1 - self.empty) * total

    def begins(self, x):
        return self._sum(x, lambda s: 1.0) if x else 1.0

    def prob(self, x):
        return self._sum(x, lambda s: self.stop[s]) if x else self.empty


def joint(reference, slots):
    """((V + 1)^L, L) rows and their probabilities: sequences that fit, and prefixes of longer ones."""
    end = reference.vocab_size
    rows = brute_force.sequences(end + 1, slots)
    law = np.zeros(len(rows))
    for number, row in enumerate(rows.tolist()):
        length = row.index(end) if end in row else slots
        if all(token == end for token in row[length:]):
            law[number] = reference.prob(tuple(row[:length])) if length < slots else reference.begins(tuple(row))
    return rows, law


@st.composite
def cases(draw):
    """(language, reference, rng): n-grams of order 1–3 and HMMs, hard zeros, every kind of stop."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zeros = draw(st.sampled_from([0.0, 0.4]))
    empty = draw(st.sampled_from([0.0, 0.0, 0.3, 1.0]))
    kind = draw(st.sampled_from(["1-gram", "2-gram", "3-gram", "hmm"]))
    vocab = draw(st.integers(1, 2))
    if kind == "hmm":
        states = draw(st.integers(1, 3))
        tables = [with_zeros(rng, shape, zeros) for shape in [(states,), (states, states), (states, vocab)]]
        base, reference = HMMLanguage(*tables), brute_force.BruteHMM(*tables)
        shapes = [(), (states,)]
    else:
        order = int(kind[0])
        transition = with_zeros(rng, (vocab,) * order, zeros)
        initial = with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
        base, reference = NGramLanguage(transition, initial), brute_force.BruteNGram(transition, initial)
        shapes = [(), (vocab,), (vocab,) * max(1, order - 1)]
    shape = shapes[draw(st.integers(0, len(shapes) - 1))]
    # Some may not stop, some must; at least one may.
    stop = rng.choice([0.0, 1.0, 0.5, 0.1], size=shape, p=[0.25, 0.1, 0.35, 0.3])
    wrap = EndedHMM if kind == "hmm" else EndedNGram
    try:
        language = with_end(base, stop=stop if shape else float(stop), empty=empty)
    except ValueError as error:
        if "need not end" not in str(error):
            raise
        assume(False)  # no law on V*
    return language, wrap(reference, stop, empty), rng


@SETTINGS
@given(cases())
def test_law_of_rows_and_sequences(case):
    language, reference, _ = case
    assert language.eos_id == reference.vocab_size
    assert language.mask_id == language.eos_id + 1
    for slots in (1, 2, 4):
        rows, law = joint(reference, slots)
        assert abs(law.sum() - 1) < 1e-12
        tokens = torch.as_tensor(rows)
        np.testing.assert_allclose(language.log_prob(tokens).exp().numpy(), law, atol=1e-14)
        np.testing.assert_array_equal(language.contains(tokens).numpy(), law > 0)
        assert math.exp(language.log_support_size(slots)) == pytest.approx((law > 0).sum(), rel=1e-9)
        marginals = np.stack([np.bincount(rows[:, i], law, language.vocab_size) for i in range(slots)])
        np.testing.assert_allclose(language.marginals(slots).numpy(), marginals, atol=1e-12)
    total = 0.0
    for length in range(5):
        sequences = list(itertools.product(range(language.eos_id), repeat=length))
        expected = np.array([reference.prob(x) for x in sequences])
        np.testing.assert_allclose(language.sequence_log_prob(sequences).exp().numpy(), expected, atol=1e-14)
        np.testing.assert_array_equal(language.contains_sequence(sequences).numpy(), expected > 0)
        total += expected.sum()
    lengths = language.length_law(5)
    assert lengths.shape == (6,)
    assert float(lengths[:5].sum()) == pytest.approx(total, abs=1e-12)
    assert float(lengths.sum()) == pytest.approx(1.0, abs=1e-12)
    assert float(lengths[3]) == pytest.approx(
        sum(reference.prob(x) for x in itertools.product(range(language.eos_id), repeat=3)), abs=1e-12
    )


@SETTINGS
@given(cases())
def test_mean_length(case):
    """Against the sum of tails, as far as they go."""
    language, _, _ = case
    law = language.length_law(2000)
    if law[-1] < 1e-13:
        assert language.mean_length() == pytest.approx(float(law @ torch.arange(2001, dtype=law.dtype)), rel=1e-9)


@SETTINGS
@given(cases(), st.floats(0, 1), st.booleans())
def test_posteriors(case, hidden, fits):
    """Holes anywhere, the place of the end unknown; the law of all rows, and that of the sequences that fit."""
    language, reference, rng = case
    slots = 4
    rows, law = joint(reference, slots)
    if fits:
        law = np.where(rows[:, -1] == language.eos_id, law, 0.0)
        if law.sum() == 0:
            with pytest.raises(ValueError, match="length must be at least"):
                ending_within(language, slots)
            return
        law, language = law / law.sum(), ending_within(language, slots)
        assert language.log_support_size(slots) == pytest.approx(math.log((law > 0).sum()), abs=1e-9)
        np.testing.assert_allclose(language.log_prob(torch.as_tensor(rows)).exp().numpy(), law, atol=1e-13)
        np.testing.assert_array_equal(language.contains(torch.as_tensor(rows)).numpy(), law > 0)
    batch = rows[rng.choice(len(rows), size=6, p=law / law.sum())]
    batch[rng.random(batch.shape) < hidden] = language.mask_id
    tokens = torch.as_tensor(batch)
    got, lengths = language.conditionals(tokens), language.length_posterior(tokens)
    left_out = language.leave_one_out(tokens).exp().numpy()
    assert not got.dead.any()
    for r, row in enumerate(batch):
        match = ((row == rows) | (row == language.mask_id)).all(1)
        weight = law * match
        assert language.log_marginal(tokens[r : r + 1]).exp().item() == pytest.approx(weight.sum(), abs=1e-12)
        weight = weight / weight.sum()
        for i in range(slots):
            expected = np.bincount(rows[:, i], weight, language.vocab_size)
            np.testing.assert_allclose(got.log_probs[r, i].exp().numpy(), expected, atol=1e-10)
            others = ((row == rows) | (row == language.mask_id) | (np.arange(slots) == i)).all(1)
            expected = np.bincount(rows[:, i], law * others, language.vocab_size)
            np.testing.assert_allclose(left_out[r, i], expected / expected.sum(), atol=1e-10)
        ends = (rows == language.eos_id).any(1)
        length = np.where(ends, (rows == language.eos_id).argmax(1), slots)
        np.testing.assert_allclose(lengths[r].numpy(), np.bincount(length, weight, slots + 1), atol=1e-10)
    at = torch.as_tensor(rng.random(batch.shape) < 0.5)
    torch.testing.assert_close(language.conditionals(tokens, at=at).log_probs, got.log_probs[at], rtol=0, atol=1e-12)


@SETTINGS
@given(cases())
def test_ending_within(case):
    """At every number of slots, of fewer and of more than the sequences were to fit."""
    language, reference, _ = case
    rows, law = joint(reference, 3)
    law = np.where(rows[:, -1] == language.eos_id, law, 0.0)
    if law.sum() == 0:
        return
    fitting = ending_within(language, 3)
    assert fitting.log_fit == pytest.approx(math.log(law.sum()), abs=1e-12)
    law = law / law.sum()
    lengths = np.bincount((rows == language.eos_id).argmax(1), law, 4)[:3]
    for slots in (1, 2, 3, 5):
        short = np.zeros((language.vocab_size,) * slots)
        for row, p in zip(rows.tolist(), law, strict=True):
            short[tuple((row + [language.eos_id] * 2)[:slots])] += p
        tokens = torch.as_tensor(brute_force.sequences(language.vocab_size, slots))
        np.testing.assert_allclose(fitting.log_prob(tokens).exp().numpy(), short.reshape(-1), atol=1e-12)
        np.testing.assert_array_equal(fitting.contains(tokens).numpy(), short.reshape(-1) > 0)
        count = (short > 0).sum()
        assert fitting.log_support_size(slots) == pytest.approx(math.log(count), abs=1e-9)
        assert fitting.support_density(slots) == pytest.approx(math.log(count) / slots / math.log(language.vocab_size))
        marginals = [short.sum(axis=tuple(k for k in range(slots) if k != i)) for i in range(slots)]
        np.testing.assert_allclose(fitting.marginals(slots).numpy(), marginals, atol=1e-12)
        if isinstance(language, NGramLanguage):
            positive = short[short > 0]
            assert fitting.entropy(slots) == pytest.approx(-(positive * np.log(positive)).sum(), abs=1e-10)
        expected = [*lengths, 0.0, 0.0, 0.0][:slots]
        got = fitting.length_law(slots).numpy()
        np.testing.assert_allclose(got, [*expected, 1 - sum(expected)], atol=1e-12)
    assert fitting.mean_length() == pytest.approx(lengths @ np.arange(3), abs=1e-12)
    # Behind the last slot comes the end, and what says otherwise is impossible.
    wrong = torch.tensor([[language.mask_id] * 2 + [0, language.mask_id]])
    assert fitting.log_marginal(wrong).item() == -math.inf
    assert fitting.conditionals(wrong).dead[0].tolist() == [True, True, False, True]
    for row in (wrong, torch.tensor([[language.eos_id, 0, language.mask_id]])):
        with pytest.raises(ValueError, match="revealed tokens of row 0 have probability zero"):
            fitting.leave_one_out(row)
    tail = torch.full((1, 5), language.mask_id)
    assert fitting.posterior(tail)[0, 2:, language.eos_id].tolist() == pytest.approx([0, 0, 0])


LANGUAGES = [
    with_end(random_ngram(1, 3, seed=0), stop=0.3, empty=0.1),
    with_end(random_ngram(2, 3, seed=1, prune_below=0.2), stop=[0.0, 0.5, 0.2]),
    with_end(random_ngram(3, 2, seed=2), stop=[[0.1, 0.4], [0.0, 0.7]]),
    with_end(random_hmm(3, 3, seed=3, concentration=0.3, prune_below=0.05), stop=[0.5, 0.1, 0.0], empty=0.05),
]
every = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)


def same_law(counts, law):
    """Chi-square p-value of counts against a law, rare cells pooled; zero where the impossible occurred."""
    assert counts[law == 0].sum() == 0
    expected, counts = law[law > 0] * counts.sum(), counts[law > 0]
    rare = expected < 5
    expected = np.append(expected[~rare], expected[rare].sum())
    counts = np.append(counts[~rare], counts[rare].sum())
    keep = expected > 0
    statistic = ((counts[keep] - expected[keep]) ** 2 / expected[keep]).sum()
    return stats.chi2.sf(statistic, max(1, keep.sum() - 1))


def codes(tokens, vocab_size):
    return np.asarray(tokens) @ vocab_size ** np.arange(tokens.shape[1] - 1, -1, -1)


def counted(tokens, vocab_size):
    return np.bincount(codes(tokens, vocab_size), minlength=vocab_size ** tokens.shape[1])


@every
def test_sampling(language):
    """Rows, whole sequences and those that fit follow their laws; false alarms at 1e-5 each."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.as_tensor(brute_force.sequences(language.vocab_size, 4))
    law = language.log_prob(rows).exp().numpy()
    assert same_law(counted(language.sample(20_000, 4, generator=generator), language.vocab_size), law) > 1e-5
    tokens, lengths, ended = language.sample_sequences(20_000, generator=generator)
    assert ended.all()
    assert tokens.shape[1] == lengths.max() + 1
    assert language.contains_sequence(tokens).all()
    assert same_law(counted(tokens[:, :4], language.vocab_size), law) > 1e-5
    length_law = language.length_law(6).numpy()
    assert same_law(np.bincount(lengths.clamp(max=6), minlength=7), length_law) > 1e-5
    fitting = ending_within(language, 4)
    law = fitting.log_prob(rows).exp().numpy()
    assert same_law(counted(fitting.sample(20_000, 4, generator=generator), language.vocab_size), law) > 1e-5
    padded = fitting.sample(100, 6, generator=generator)
    assert (padded[:, 3:] == language.eos_id).all()
    assert fitting.sample(100, 2, generator=generator).shape == (100, 2)


@every
def test_samplers_run_unchanged(language):
    """One token a round with the oracle is the law itself; all at once is not. False alarms at 1e-5 each."""
    fitting = ending_within(language, 4)
    rows = torch.as_tensor(brute_force.sequences(language.vocab_size, 4))
    law = fitting.log_prob(rows).exp().numpy()
    plan = plans.random_order(3000, 4, generator=torch.Generator().manual_seed(1))
    oracle = Oracle(fitting)
    tokens = sample(oracle, plan).tokens
    assert same_law(counted(tokens, language.vocab_size), law) > 1e-5
    assert oracle.dead_queries == 0
    # The law of the sequences that fit is that of all rows with the end revealed in the last slot.
    prompt = torch.full((3000, 4), language.mask_id)
    prompt[:, 3] = language.eos_id
    hidden = prompt == language.mask_id
    plan = plans.random_order(3000, 4, hidden=hidden, generator=torch.Generator().manual_seed(2))
    tokens = sample(Oracle(language), plan, prompt=prompt).tokens
    assert same_law(counted(tokens, language.vocab_size), law) > 1e-5
    once = plans.bernoulli([1.0], 3000, 4, generator=torch.Generator().manual_seed(3))
    tokens = sample(Oracle(fitting), once).tokens
    product = np.prod([fitting.marginals(4).numpy()[i][rows[:, i]] for i in range(4)], axis=0)
    assert same_law(counted(tokens, language.vocab_size), product) > 1e-5
    wrong = product[law == 0].sum()
    rate = 1 - fitting.contains(tokens).double().mean().item()
    assert abs(rate - wrong) < 4.5 * math.sqrt(wrong * (1 - wrong) / 3000)
    assert wrong > 0.05


def test_exact_calculators_take_them():
    """A 2-gram with an end is a first-order chain like any other."""
    language = with_end(random_ngram(2, 2, seed=4), mean_length=3)
    table = language.log_prob(torch.as_tensor(brute_force.sequences(3, 5))).exp().numpy().reshape((3,) * 5)
    assert path.path_kl(language, 5, torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)) == pytest.approx(
        path_kl(table, [0.5, 0.2, 0.3]), abs=1e-10
    )
    assert language.entropy(5) == pytest.approx(-(table[table > 0] * np.log(table[table > 0])).sum())


def test_geometric_lengths():
    for base in (random_ngram(3, 4, seed=0), random_hmm(3, 4, seed=0)):
        language = with_end(base, mean_length=5, empty=0.25)
        law = language.length_law(400).numpy()
        assert law[0] == 0.25
        np.testing.assert_allclose(law[1:-1], 0.75 * 0.2 * 0.8 ** np.arange(399), rtol=1e-10)
        assert law[-1] == pytest.approx(0.75 * 0.8**399, rel=1e-10)
        assert language.mean_length() == pytest.approx(0.75 * 5)


@every
def test_rows_and_sequences(language):
    sequences = [[], [1], [0, 1, 1], [1, 0]]
    rows = language.pad(sequences)
    end = language.eos_id
    assert rows.tolist() == [[end] * 4, [1, end, end, end], [0, 1, 1, end], [1, 0, end, end]]
    assert language.unpad(rows) == sequences
    assert language.pad([torch.tensor([1, 0]), np.array([1])], length=3).tolist() == [[1, 0, end], [1, end, end]]
    tokens, lengths, ended = language.measure([[0, 1], [1, end], [end, end]])
    assert tokens.dtype == torch.int64
    assert lengths.tolist() == [2, 1, 0]
    assert ended.tolist() == [False, True, True]
    torch.testing.assert_close(language.sequence_log_prob(sequences), language.sequence_log_prob(rows))
    assert language.contains_sequence(torch.tensor([[1, 1]])).tolist() == [False]
    assert language.sequence_log_prob([]).shape == (0,)
    assert language.pad([]).shape == (0, 1)
    none = language.sample_sequences(0)
    assert none.tokens.shape == (0, 1)
    cut = language.sample_sequences(500, max_length=1, generator=torch.Generator().manual_seed(0))
    assert cut.tokens.shape == (500, 2)
    assert not cut.ended.all()
    assert cut.lengths[~cut.ended].eq(2).all()


def test_what_follows_an_end_is_certain():
    """The segment rule: an n-gram keeps what the end cuts off, and the parent serves contexts of probability zero."""
    base = random_ngram(2, 3, seed=1, prune_below=0.2)
    language = with_end(base, stop=[0.0, 0.5, 0.2])
    hole, end = language.mask_id, language.eos_id
    log_probs, dead = language.conditionals(torch.tensor([[1, hole, end, hole, hole], [hole, end, hole, 1, hole]]))
    assert log_probs[0, 3:].exp().tolist() == [[0, 0, 0, 1]] * 2
    assert dead.tolist() == [[False] * 5, [False, False, True, False, False]]
    assert isinstance(language.parent, VariableLengthNGram)
    assert language.parent.parent is None
    parent = with_end(base.parent, stop=[0.0, 0.5, 0.2])
    pruned = [(a, b) for a in range(3) for b in range(3) if not base.contains([[a, b]])]
    rows = torch.tensor([[a, hole, b] for a, b in pruned])
    dead = language.conditionals(rows).dead[:, 1]
    torch.testing.assert_close(language.posterior(rows)[dead], parent.posterior(rows)[dead])
    hmm = with_end(random_hmm(4, 4, seed=0, prune_below=0.2), stop=0.1)
    assert isinstance(hmm.parent, VariableLengthHMM)
    fitting = ending_within(language, 4)
    assert isinstance(fitting.parent, EndingWithin)
    assert fitting.parent.slots == 4


def test_sentences_of_a_text():
    """A text up to its next full stop: words, an end for each sentence, and back."""
    text = ngram_from_text("One day. I saw it! You saw. It was so. I did it. He saw me.", 2, level="word")
    language = with_end(text, stop={".": 1.0, "!": 1.0})
    rows, _, ended = language.sample_sequences(50, generator=torch.Generator().manual_seed(0))
    assert ended.all()
    sentences = language.decode(rows)
    assert all(sentence[-1] in ".!" and sum(mark in sentence for mark in ".!") == 1 for sentence in sentences)
    assert torch.equal(language.encode(sentences), rows)
    assert language.contains_sequence(language.encode(["He saw it!", "He did so", "saw He."])).tolist() == [
        True,
        False,
        False,
    ]
    assert language.vocabulary == [*text.vocabulary, "␃"]
    sums = language_from("arithmetic:operands=2,largest=4,stop=0.25")
    assert sums.decode(sums.encode(["1+2=3;", "", "4-4=0;2+2=4;"])) == ["1+2=3;", "", "4-4=0;2+2=4;"]
    assert sums.contains_sequence(sums.encode(["1+2=3;", "1+2=4;", "4-4=0;2+2=4;", "4-4"])).tolist() == [1, 0, 1, 0]
    assert sums.mean_length() == pytest.approx(4 * 6)
    with pytest.raises(NotImplementedError, match="has no vocabulary"):
        LANGUAGES[0].decode(LANGUAGES[0].pad([[0]]))


def test_random_stops():
    base = random_hmm(50, 4, seed=0)
    stops = random_stops(base, 0.2, seed=1, endings=0.5)
    assert stops.shape == (50,)
    assert (stops > 0).sum() == 25
    assert float(stops.sum() / 25) == pytest.approx(0.2, abs=0.1)
    assert torch.equal(stops, random_stops(base, 0.2, seed=1, endings=0.5))
    assert not torch.equal(stops, random_stops(base, 0.2, seed=2, endings=0.5))
    assert random_stops(random_ngram(2, 7, seed=0), 0.2, seed=1, endings=0.0).count_nonzero() == 1
    assert isinstance(with_end(base, stop=stops), VariableLength)


def test_moves_and_repr():
    for language in LANGUAGES[1:]:
        moved = language.to("cpu:0")
        assert type(moved) is type(language)
        assert moved.language is language.language
        rows = language.sample(5, 4)
        torch.testing.assert_close(moved.log_prob(rows), language.log_prob(rows))
        assert moved.sample_sequences(3).ended.all()
        assert type(language).__name__ in repr(language)
        assert "slots=4" in repr(ending_within(language, 4).to("cpu:0"))


@pytest.mark.gpu
@every
def test_gpu(language):
    there = language.to("cuda")
    rows = language.sample(20, 6)
    torch.testing.assert_close(there.log_prob(rows).cpu(), language.log_prob(rows))
    torch.testing.assert_close(there.length_law(5).cpu(), language.length_law(5))
    assert there.sample_sequences(20).tokens.device.type == "cuda"
    fitting = ending_within(there, 6)
    assert fitting.sample(20, 6).device.type == "cuda"
    holes = torch.full((2, 6), language.mask_id)
    torch.testing.assert_close(fitting.posterior(holes).cpu(), ending_within(language, 6).posterior(holes))
    assert there.unpad(there.pad([[0, 1], []])) == [[0, 1], []]


def test_rare_ends_do_not_underflow():
    """No sequence has fewer than 400 tokens, each with a chance of 1e-3 to go on: far below the floats."""
    length, stay = 400, 1e-3
    # From state 400 down to 0, where it ends; the likelier edge, back to the start, is the last of its row.
    transition = np.zeros((length + 1, length + 1))
    transition[np.arange(1, length + 1), np.arange(length)] = stay
    transition[np.arange(1, length + 1), length] = 1 - stay
    transition[0, 0] = 1.0
    transition[length, length] = 1 - stay
    chain = HMMLanguage(np.eye(length + 1)[length], transition, np.ones((length + 1, 1)))
    language = with_end(chain, stop={0: 1.0})
    fitting = ending_within(language, length + 2)
    assert fitting.log_fit == pytest.approx(length * math.log(stay), rel=1e-12)
    rows = fitting.sample(3, length + 2)
    assert (rows[:, : length + 1] == 0).all()
    assert (rows[:, -1] == 1).all()
    assert fitting.log_prob(rows).tolist() == pytest.approx([0.0] * 3, abs=1e-9)
    assert fitting.contains(rows).all()


def test_laws_that_need_not_end():
    with pytest.raises(ValueError, match=r"copy-pairs:symbols=2\+end need not end: it can reach state"):
        with_end(copy_pairs(2), stop=0.0)
    with pytest.raises(ValueError, match="need not end: it can reach a context that ends in token 1"):
        with_end(NGramLanguage([[0.5, 0.5], [0.0, 1.0]], [1.0, 0.0]), stop=[0.5, 0.0])
    # What cannot be reached may go on for ever.
    unreachable = HMMLanguage([1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]])
    assert with_end(unreachable, stop=[0.5, 0.0]).mean_length() == pytest.approx(2)
    with pytest.raises(ValueError, match="need not end"):
        with_end(random_ngram(2, 3, seed=0), stop=0.01).pruned(0.05)
    assert with_end(copy_pairs(2), stop=1e-15).mean_length() > 1e14


FAIR = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_end("2-gram", stop=0.1), "language must be an n-gram or a hidden Markov model"),
        (lambda: with_end(LANGUAGES[0], stop=0.1), "language must not have an end yet"),
        (lambda: with_end(copy_pairs(2)), "give stop or mean_length, one of them"),
        (lambda: with_end(copy_pairs(2), stop=0.1, mean_length=3), "give stop or mean_length, one of them"),
        (lambda: with_end(copy_pairs(2), mean_length=0.5), "mean_length must lie in"),
        (lambda: with_end(copy_pairs(2), stop=1.5), "stop must lie in"),
        (lambda: with_end(copy_pairs(2), stop=math.nan), "stop must lie in"),
        (lambda: with_end(copy_pairs(2), stop="often"), "stop must be a probability"),
        (lambda: with_end(copy_pairs(2), stop=[0.5, 0.5]), r"stop must have shape \(\) or \(4,\), got \(2,\)"),
        (lambda: with_end(random_ngram(3, 2, seed=0), stop=[0.5] * 3), r"\(\) or \(2,\) or \(2, 2\), got \(3,\)"),
        (lambda: with_end(random_ngram(2, 2, seed=0), stop={2: 0.5}), "stop: 2 is none of 0 … 1"),
        (lambda: with_end(random_ngram(2, 2, seed=0), stop={"a": 0.5}), "stop: 'a' is none of 0 … 1"),
        (lambda: with_end(random_ngram(2, 2, seed=0), stop={0: 2.0}), "stop must lie in"),
        (lambda: with_end(arithmetic_chains(2, 2), stop={"?": 0.5}), "'?' is none of"),
        (lambda: with_end(copy_pairs(2), stop=0.5, empty=1.5), "empty must lie in"),
        (lambda: ending_within(LANGUAGES[0], 0), "length must be at least 1"),
        (
            lambda: ending_within(with_end(deterministic_cycle(3), stop=0.5), 1),
            "length must be at least 2, for the shortest",
        ),
        (lambda: EndingWithin(copy_pairs(2), 3), "language must be a VariableLength one"),
        (lambda: LANGUAGES[0].length_law(0), "length must be"),
        (lambda: LANGUAGES[0].sample_sequences(-1), "num_sequences"),
        (lambda: LANGUAGES[0].sample_sequences(1, max_length=-1), "max_length"),
        (lambda: LANGUAGES[0].pad([[0, 1]], length=2), "length must be at least 3"),
        (lambda: LANGUAGES[0].pad([[0, 3]]), r"sequences must hold whole numbers in 0 … 2, got \[0, 3\]"),
        (lambda: LANGUAGES[0].pad([[0.5]]), "sequences must hold whole numbers"),
        (lambda: LANGUAGES[0].measure([[0, 4]]), "hole"),
        (lambda: LANGUAGES[0].sequence_log_prob(torch.tensor([[0, 3], [0, 1]])), "row 1 has no end"),
        (lambda: random_stops("hmm", 0.5, seed=0), "language must be"),
        (lambda: random_stops(copy_pairs(2), 0.0, seed=0), "mean must lie in"),
        (lambda: random_stops(copy_pairs(2), 0.5, seed=0, endings=1.5), "endings must lie in"),
        (lambda: random_stops(copy_pairs(2), 0.5, seed=0, concentration=0), "concentration must lie in"),
        (lambda: VariableLengthNGram(FAIR, [0.5, 0.5]), "has a token after the end token 1"),
        (lambda: VariableLengthNGram([0.5, 0.5]), "has a token after the end token 1"),
        (lambda: VariableLengthHMM([0.5, 0.5], FAIR, FAIR), "must emit nothing else"),
        (lambda: VariableLengthHMM([0.5, 0.5], FAIR, [[1.0, 0.0], [0.0, 1.0]]), "must lead to such states alone"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_symbols_that_share_a_state_cannot_be_told():
    base = HMMLanguage([1.0], [[1.0]], [[0.5, 0.5]])
    base.vocabulary = ["a", "b"]
    with pytest.raises(ValueError, match="stop: 'a' is none of 0 … 0, nor a symbol that can be told"):
        with_end(base, stop={"a": 0.5})


def test_hand_made():
    """The classes take their own tables, as long as the last token ends."""
    ngram = VariableLengthNGram([[0.75, 0.25], [0.0, 1.0]], [1.0, 0.0])
    assert ngram.mean_length() == pytest.approx(4)
    hmm = VariableLengthHMM([1.0, 0.0], [[0.75, 0.25], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(hmm.length_law(9), ngram.length_law(9))
