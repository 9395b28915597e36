"""The exact path KL of a long first-order chain, against adding up pairs of neighbours one by one.

Run with `python -m pytest tests/benchmarks/test_path_curve.py -s`; the last test prints the medians. Nothing here
asserts a time.
"""

from __future__ import annotations

import pytest
import torch

from languages import random_ngram
from mdmtheory.exact import path

VOCAB_SIZE, LENGTH, STEPS = 8, 1024, 2048
SMALL_LENGTH, SMALL_STEPS = 48, 16
SECONDS: dict[str, float] = {}


@pytest.fixture(scope="module")
def language():
    return random_ngram(2, VOCAB_SIZE, seed=0, prune_below=0.05)


def uniform(steps):
    return torch.full((steps,), 1 / steps, dtype=torch.float64)


def pair_loop(language, length, steps):
    """Σ_k w_k Σ_i [H(X_i | revealed before) − H(X_i | all others)]: a loop over i and its two nearest neighbours.

    From the definition: with revealed fraction t, the neighbours of i lie at l < i < r with probability
    t(1 − t)^{i−l−1} · t(1 − t)^{r−i−1}, and without the factor t where there is none. It loops over all (l, i, r).
    """
    start, transition = language.first_order()
    powers = [torch.eye(VOCAB_SIZE, dtype=torch.float64)]
    for _ in range(length + 1):
        powers.append(powers[-1] @ transition)
    marginal = [start @ power for power in powers]

    def entropy(law):
        return float(-torch.special.xlogy(law, law).sum())

    def conditional_entropy(left, i, right):
        """H(X_i | X_left, X_right); left = −1 and right = length stand for none."""
        before = torch.ones(1, 1, dtype=torch.float64) if left < 0 else torch.diag(marginal[left])
        step = marginal[i][None] if left < 0 else powers[i - left]
        joint = (before @ step)[:, :, None]  # (a, x, 1)
        if right < length:
            joint = joint * powers[right - i][None]
        return entropy(joint) - entropy(joint.sum(1))

    hidden = torch.zeros(steps, dtype=torch.float64)
    t = torch.arange(steps, dtype=torch.float64) / steps
    for i in range(length):
        for left in range(-1, i):
            for right in range(i + 1, length + 1):
                chance = (1 - t) ** (right - left - 2) * t ** ((left >= 0) + (right < length))
                hidden += chance * conditional_entropy(left, i, right)
    chain_rule = language.entropy(length)
    return float(hidden.mean()) - chain_rule


def test_exact_path_kl(benchmark, language):
    value = benchmark.pedantic(path.path_kl, (language, LENGTH, uniform(STEPS)), rounds=3, warmup_rounds=1)
    SECONDS["exact"] = benchmark.stats.stats.median
    assert 0 < value / LENGTH < 0.01


def test_exact_path_kl_small(benchmark, language):
    value = benchmark.pedantic(path.path_kl, (language, SMALL_LENGTH, uniform(SMALL_STEPS)), rounds=3, warmup_rounds=1)
    SECONDS["exact, small"] = benchmark.stats.stats.median
    SECONDS["value"] = value


def test_pair_loop_small(benchmark, language):
    value = benchmark.pedantic(pair_loop, (language, SMALL_LENGTH, SMALL_STEPS), rounds=1)
    SECONDS["loop, small"] = benchmark.stats.stats.median
    if "value" in SECONDS:
        assert value == pytest.approx(SECONDS["value"], rel=1e-9)


def test_ratio(capsys):
    if len(SECONDS) < 4:
        pytest.skip("runs after the timings above")
    triples = (LENGTH / SMALL_LENGTH) ** 3
    with capsys.disabled():
        print(
            f"\nV={VOCAB_SIZE}, {torch.get_num_threads()} threads: exact path KL at L={LENGTH}, N={STEPS} in "
            f"{SECONDS['exact']:.2f} s (target about a second)\n"
            f"L={SMALL_LENGTH}, N={SMALL_STEPS}: {1e3 * SECONDS['exact, small']:.1f} ms, loop over neighbours "
            f"{SECONDS['loop, small']:.2f} s, ratio {SECONDS['loop, small'] / SECONDS['exact, small']:,.0f}\n"
            f"extrapolated, not measured: the loop at L={LENGTH}, by the number of triples alone, would take "
            f"{SECONDS['loop, small'] * triples / 3600:.1f} h"
        )
