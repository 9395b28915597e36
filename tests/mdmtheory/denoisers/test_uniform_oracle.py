"""The oracle of uniform noise: against sums over all words, far from and near the end of floating point."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.small_languages import random_language

from languages import HMMLanguage, NGramLanguage, language_from, random_hmm, random_ngram
from languages.inference import noisy_tokens
from mdmtheory.denoisers import Denoiser, Oracle, UniformOracle
from mdmtheory.diffusion.processes import Uniform
from mdmtheory.exact.enumeration import sequences


def brute_posteriors(language, row, keep):
    """(L, V) p(x_0^i | noisy row) and (L, V) without position i, by sums over all words; zeros where impossible."""
    size, length = language.vocab_size, len(row)
    words = sequences(size, length)
    weight = language.log_prob(words).exp()
    channel = torch.ones(len(words), length, dtype=torch.float64)
    for i, (token, k) in enumerate(zip(row, keep, strict=True)):
        if token < size:
            channel[:, i] = k * (words[:, i] == token).double() + (1 - k) / size
    whole, others = torch.zeros(length, size, dtype=torch.float64), torch.zeros(length, size, dtype=torch.float64)
    for i in range(length):
        rest = weight * channel[:, [j for j in range(length) if j != i]].prod(1)
        for law, chances in ((whole, rest * channel[:, i]), (others, rest)):
            law[i].index_add_(0, words[:, i], chances)
    return tuple(law / law.sum(1, keepdim=True).clamp(min=1e-300) for law in (whole, others))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 4), vocab_size=st.integers(2, 3))
def test_posteriors(seed, length, vocab_size):
    """Every kind of language, rows at their own noise, holes and tokens known to be clean among them."""
    language = random_language(seed, length, vocab_size)
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(vocab_size + 1, (3, length), generator=generator)
    time = torch.rand(3, generator=generator, dtype=torch.float64)
    clean = language.sample(1, length, generator=generator).expand(3, length)
    known = torch.rand(3, length, generator=generator) < 0.3
    tokens = torch.where(known, clean, tokens)
    keep = torch.where(known, 1.0, (1 - time)[:, None])
    said = UniformOracle(language)(tokens, time, given=known).exp()
    alone = UniformOracle(language, leave_one_out=True)(tokens, time, given=known).exp()
    for row in range(3):
        whole, others = brute_posteriors(language, tokens[row].tolist(), keep[row].tolist())
        torch.testing.assert_close(said[row], whole, rtol=0, atol=1e-12)
        torch.testing.assert_close(alone[row], others, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "language", [random_ngram(1, 3, seed=0), random_ngram(3, 3, seed=1), random_hmm(2, 3, seed=2)], ids=repr
)
def test_leave_one_out_and_posterior_are_one_another(language):
    tokens = torch.randint(3, (5, 6), generator=torch.Generator().manual_seed(0))
    time = torch.linspace(0.1, 1, 5, dtype=torch.float64)
    said, alone = (
        UniformOracle(language)(tokens, time).exp(),
        UniformOracle(language, leave_one_out=True)(tokens, time).exp(),
    )
    torch.testing.assert_close(Uniform(3).leave_one_out(tokens, said, 1 - time), alone, rtol=0, atol=1e-12)


def test_ends():
    """Noise alone says nothing; no noise says all; a hole is a token that was not seen."""
    language = random_hmm(3, 4, seed=0)
    tokens = language.sample(4, 9, generator=torch.Generator().manual_seed(0))
    oracle = UniformOracle(language)
    torch.testing.assert_close(
        oracle(tokens, torch.ones(4)).exp(), language.marginals(9).expand(4, 9, 4), rtol=0, atol=1e-13
    )
    clean = oracle(tokens, torch.zeros(4)).exp()
    torch.testing.assert_close(clean, torch.nn.functional.one_hot(tokens, 4).double(), rtol=0, atol=1e-14)
    tokens[:, ::3] = language.mask_id
    torch.testing.assert_close(oracle(tokens, torch.zeros(4)), Oracle(language)(tokens), rtol=0, atol=1e-12)
    at = tokens != 4
    torch.testing.assert_close(oracle(tokens, torch.full((4,), 0.3), at), oracle(tokens, torch.full((4,), 0.3))[at])
    assert isinstance(oracle, Denoiser)


def cycle_rows(length):
    """Two phases of a deterministic cycle: the first fits the first `length` // 8 tokens, the second all others."""
    tokens = torch.arange(length) % 4
    tokens[length // 8 :] = (tokens[length // 8 :] + 1) % 4
    return tokens[None]


def test_nothing_is_lost_to_underflow():
    """The phase that fits most tokens wins, though at first it is 10^−300 and less as likely as the other one."""
    cycle = language_from("cycle:symbols=4")
    tokens, time = cycle_rows(640), torch.tensor([2.0**-20], dtype=torch.float64)
    log_odds = math.log(2.0**20 * 4 - 3)
    assert 80 * log_odds > 1000
    said = UniformOracle(cycle)(tokens, time)[0]
    right = (torch.arange(640) + 1) % 4
    assert not bool(said.isnan().any())
    torch.testing.assert_close(
        said[torch.arange(640), right], torch.zeros(640, dtype=torch.float64), rtol=0, atol=1e-12
    )
    # The other phase: 560 tokens against, 80 for.
    other = said[torch.arange(640), torch.arange(640) % 4]
    torch.testing.assert_close(other, torch.full((640,), -480 * log_odds, dtype=torch.float64), rtol=1e-12, atol=0)


def test_both_algebras_agree():
    for language in (random_ngram(3, 3, seed=1, prune_below=0.25), random_hmm(4, 3, seed=2, prune_below=0.3)):
        tokens = torch.randint(4, (6, 12), generator=torch.Generator().manual_seed(0))
        keep = torch.rand(6, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        linear, doubtful = noisy_tokens._linear(language.state_chain, tokens, keep)
        assert not bool(doubtful.any())
        settled = noisy_tokens._logarithmic(language.state_chain, tokens, keep)
        assert torch.equal(linear.isneginf(), settled.isneginf())
        torch.testing.assert_close(linear, settled, rtol=0, atol=1e-11)


def test_impossible_clean_tokens():
    """The law of the parent, else what the position says: never NaN; and as a prompt it is refused."""
    language = random_ngram(2, 3, seed=0, prune_below=0.2)
    a, b = (language.first_order()[1] == 0).nonzero()[0].tolist()
    tokens = torch.tensor([[a, b, 2, 3]])
    known = torch.tensor([[True, True, False, False]])
    time = torch.tensor([0.5], dtype=torch.float64)
    said = UniformOracle(language)(tokens, time, given=known)
    torch.testing.assert_close(said, UniformOracle(language.parent)(tokens, time, given=known))
    orphan = NGramLanguage(language.first_order()[1], language.first_order()[0])
    alone = UniformOracle(orphan)(tokens, time, given=known).exp()[0]
    third = 1 / 3
    expected = [[1.0 * (v == a) for v in range(3)], [1.0 * (v == b) for v in range(3)]]
    expected += [[0.5 * third, 0.5 * third, 0.5 + 0.5 * third], [third] * 3]
    torch.testing.assert_close(alone, torch.tensor(expected, dtype=torch.float64))
    with pytest.raises(ValueError, match="prompt: the given tokens of row 0 have probability zero"):
        UniformOracle(language).check_prompt(tokens)


@pytest.mark.gpu
def test_on_a_gpu():
    language = random_hmm(3, 4, seed=0, prune_below=0.1)
    tokens, time = torch.randint(4, (5, 20)), torch.rand(5, dtype=torch.float64)
    here, there = UniformOracle(language)(tokens, time), UniformOracle(language.to("cuda"))(tokens.cuda(), time.cuda())
    torch.testing.assert_close(here, there.cpu(), rtol=0, atol=1e-10)


LANGUAGE = random_ngram(2, 3, seed=0)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: UniformOracle(LANGUAGE)([[0, 1]]), "time must be given"),
        (lambda: UniformOracle(LANGUAGE)([[0, 1]], torch.tensor([1.5])), "time"),
        (lambda: UniformOracle(LANGUAGE)([[0, 1]], torch.tensor([0.5, 0.5])), "time"),
        (lambda: UniformOracle(LANGUAGE)([[0, 4]], torch.tensor([0.5])), "outside"),
        (lambda: UniformOracle(LANGUAGE)([[0, 1]], torch.tensor([0.5]), given=torch.tensor([True])), "given"),
        (lambda: UniformOracle(LANGUAGE)([[0, 1]], torch.tensor([0.5]), torch.tensor([[1, 0]])), "at"),
        (lambda: UniformOracle(Oracle(LANGUAGE)), "n-gram or a hidden Markov model"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()


def test_what_three_rare_factors_leave():
    """A start, a state and a token of probability 1e−30, 1 and 1e−300: the only way to see token 2."""
    language = HMMLanguage(
        torch.tensor([1 - 1e-30, 1e-30, 0], dtype=torch.float64),
        torch.tensor([[1, 0, 0], [0, 0, 1], [0, 0, 1]], dtype=torch.float64),
        torch.tensor([[1, 0, 0], [1 - 1e-300, 0, 1e-300], [0, 1, 0]], dtype=torch.float64),
    )
    tokens, given = torch.tensor([[2, 3]]), torch.tensor([[True, False]])
    said = UniformOracle(language)(tokens, torch.tensor([0.5], dtype=torch.float64), given=given)
    assert said[0, 1].exp().tolist() == [0, 1, 0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 4), leave_one_out=st.booleans())
def test_rare_factors_against_exact_arithmetic(seed, length, leave_one_out):
    """Factors of 1e−100 to 1e−300 anywhere, zeros too, all tokens clean or unseen: fractions decide."""
    rng = np.random.default_rng(seed)

    def rows(*shape):
        table = np.where(rng.random(shape) < 0.5, 10.0 ** -rng.integers(100, 300, shape), rng.random(shape))
        table[rng.random(shape) < 0.25] = 0.0
        table[..., -1] = 0.0
        table[..., -1] = np.maximum(1 - table.sum(-1), 0.25)
        return torch.as_tensor(table / table.sum(-1, keepdims=True))

    language = HMMLanguage(rows(3), rows(3, 3), rows(3, 2))
    exact = [[Fraction(x) for x in row] for row in language.transition.tolist()]
    emits = [[Fraction(x) for x in row] for row in language.emission.tolist()]
    row = [int(token) for token in rng.integers(0, 3, length)]
    joint: dict[tuple[int, ...], Fraction] = {}
    for word in itertools.product(range(2), repeat=length):
        state = [Fraction(x) * emits[s][word[0]] for s, x in enumerate(language.initial.tolist())]
        for token in word[1:]:
            state = [sum(state[r] * exact[r][s] for r in range(3)) * emits[s][token] for s in range(3)]
        joint[word] = sum(state, Fraction(0))
    oracle = UniformOracle(language, leave_one_out=leave_one_out)
    tokens = torch.tensor([row])
    said = oracle(tokens, torch.tensor([0.5], dtype=torch.float64), given=tokens < 2)[0]
    for i in range(length):
        told = [j for j in range(length) if row[j] < 2 and not (leave_one_out and j == i)]
        law = [sum(p for w, p in joint.items() if w[i] == v and all(w[j] == row[j] for j in told)) for v in range(2)]
        if sum(law) == 0:
            continue  # the convention for what is impossible
        wanted = [float(p / sum(law)) for p in law]
        assert said[i].exp().tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-300)
