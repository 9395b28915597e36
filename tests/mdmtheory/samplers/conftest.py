"""Brute force: a denoiser from a table of a joint law, the exact law of a sampler on it, and a chi-square test."""

from __future__ import annotations

import itertools

import pytest
import torch
from scipy import stats


class TableDenoiser:
    """Exact conditionals of the joint law `joint`, (V,)*L, by summing over all completions; uniform where dead."""

    def __init__(self, joint):
        self.joint = joint.double() / joint.sum()
        self.vocab_size = self.mask_id = joint.shape[0]
        self.length = joint.dim()
        self.device = torch.device("cpu")
        self.words = all_words(self.vocab_size, self.length)
        self.onehot = torch.nn.functional.one_hot(self.words, self.vocab_size).double()
        self.asked = []  # (batch, times, at) of every call

    def __call__(self, tokens, time=None, at=None):
        self.asked.append((len(tokens), time, at))
        # Many rows, few contexts: each is worked out once.
        codes = (tokens * (self.vocab_size + 1) ** torch.arange(self.length)).sum(1)
        _, which = codes.unique(return_inverse=True)
        first = torch.full((int(which.max()) + 1,), len(tokens)).scatter_reduce_(
            0, which, torch.arange(len(tokens)), "amin"
        )
        probs = self.conditionals(tokens[first])[which]
        return probs.log() if at is None else probs[at].log()

    def conditionals(self, tokens):
        fits = ((tokens[:, None, :] == self.words) | (tokens[:, None, :] == self.mask_id)).all(-1)
        weights = (fits * self.joint.reshape(-1)) @ self.onehot.reshape(len(self.words), -1)
        weights = weights.reshape(len(tokens), self.length, self.vocab_size)
        total = weights.sum(-1, keepdim=True)
        probs = torch.where(total > 0, weights / total.clamp(min=1e-300), 1.0 / self.vocab_size)
        return torch.where((tokens == self.mask_id)[..., None], probs, one_hot(tokens, self.vocab_size))


class TimeReadingDenoiser(TableDenoiser):
    """Slides from the joint law at time 0 to independent skewed tokens at time 1."""

    def __call__(self, tokens, time=None, at=None):
        assert time.dtype == torch.float64
        assert time.shape == tokens.shape[:1]
        exact = super().__call__(tokens).exp()
        self.asked[-1] = (len(tokens), time, at)
        skewed = torch.arange(1, self.vocab_size + 1).double() ** 3
        mixed = (1 - time[:, None, None]) * exact + time[:, None, None] * skewed / skewed.sum()
        mixed = torch.where((tokens == self.mask_id)[..., None], mixed, exact).log()
        return mixed if at is None else mixed[at]


def one_hot(tokens, vocab_size):
    return torch.nn.functional.one_hot(tokens, vocab_size + 1)[..., :vocab_size].double()


def all_words(vocab_size, length):
    return torch.tensor(list(itertools.product(range(vocab_size), repeat=length)))


def random_joint(vocab_size, length, *, seed, zeros=0.0):
    """A random joint law; a fraction `zeros` of its words is impossible."""
    generator = torch.Generator().manual_seed(seed)
    shape = (vocab_size,) * length
    joint = torch.rand(shape, generator=generator, dtype=torch.float64) ** 2
    joint[torch.rand(shape, generator=generator) < zeros] = 0.0
    return joint / joint.sum()


def markov_joint(order, vocab_size, length, *, seed):
    """The joint law of a random chain of this order, with one hard zero in every row of its transitions."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand((vocab_size,) * order, generator=generator, dtype=torch.float64)
    step = torch.rand((vocab_size,) * (order + 1), generator=generator, dtype=torch.float64)
    step.scatter_(-1, torch.randint(vocab_size, (*step.shape[:-1], 1), generator=generator), 0.0)
    step = step / step.sum(-1, keepdim=True)
    words = all_words(vocab_size, length)
    probs = (start / start.sum())[tuple(words[:, :order].T)]
    for i in range(order, length):
        probs = probs * step[tuple(words[:, i - order : i + 1].T)]
    return probs.reshape((vocab_size,) * length)


def sampler_law(denoiser, reveals, prompt=None):
    """Exact law (V^L,) of the sampler's output.

    reveals: (probability, rounds, times) of every outcome of the plan, with rounds and times tuples.
    """
    words = denoiser.words
    law = torch.zeros(len(words), dtype=torch.float64)
    for probability, rounds, times in reveals:
        rounds = torch.tensor(rounds)
        p = torch.full((len(words),), float(probability), dtype=torch.float64)
        if prompt is not None:
            p = p * ((words == prompt) | (rounds >= 0)).all(1)
        for k in sorted(set(rounds[rounds >= 0].tolist())):
            context = torch.where(rounds < k, words, denoiser.mask_id)
            time = torch.full((len(words),), float(times[k]), dtype=torch.float64)
            chosen = denoiser(context, time).gather(-1, words[..., None])[..., 0].exp()
            p = p * chosen[:, rounds == k].prod(1)
        law += p
    assert abs(float(law.sum()) - 1) < 1e-9
    return law


def bernoulli_reveals(weights, length, hidden=None):
    """Every outcome of a Bernoulli plan with its probability and its times."""
    weights = torch.as_tensor(weights, dtype=torch.float64)
    times = tuple((1 - (weights.cumsum(0) - weights)).tolist())
    hidden = [True] * length if hidden is None else hidden
    choices = [range(len(weights)) if h else [-1] for h in hidden]
    for rounds in itertools.product(*choices):
        yield float(torch.stack([weights[k] for k in rounds if k >= 0]).prod()), rounds, times


def ordered_reveals(length, sizes):
    """Every outcome of a fixed-size plan."""
    before = [1 - sum(sizes[:k]) / length for k in range(len(sizes))]
    rounds = [k for k, size in enumerate(sizes) for _ in range(size)]
    outcomes = set(itertools.permutations(rounds))
    for outcome in outcomes:
        yield 1 / len(outcomes), outcome, before


def word_counts(tokens, vocab_size):
    weights = vocab_size ** torch.arange(tokens.shape[1] - 1, -1, -1)
    return torch.bincount((tokens * weights).sum(1), minlength=vocab_size ** tokens.shape[1])


def chi_square(counts, law):
    """p-value of the counts under the law; cells below 5 expected are pooled, impossible ones must be empty."""
    assert int(counts[law == 0].sum()) == 0
    expected = law * int(counts.sum())
    small = expected < 5
    observed = torch.cat((counts[~small].double(), counts[small].double().sum()[None]))
    wanted = torch.cat((expected[~small], expected[small].sum()[None]))
    keep = wanted > 0
    return stats.chisquare(observed[keep].numpy(), wanted[keep].numpy(), sum_check=False).pvalue


class BruteForce:
    """The names above for tests, which cannot import their conftest."""

    TableDenoiser = TableDenoiser
    TimeReadingDenoiser = TimeReadingDenoiser
    all_words = staticmethod(all_words)
    random_joint = staticmethod(random_joint)
    markov_joint = staticmethod(markov_joint)
    sampler_law = staticmethod(sampler_law)
    bernoulli_reveals = staticmethod(bernoulli_reveals)
    ordered_reveals = staticmethod(ordered_reveals)
    word_counts = staticmethod(word_counts)
    chi_square = staticmethod(chi_square)


@pytest.fixture(scope="session")
def brute():
    return BruteForce
