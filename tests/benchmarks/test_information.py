"""Entropies, information and conflict curves of long languages, against naive ways to the same numbers.

Run with `python -m pytest tests/benchmarks/test_information.py -s`; the last test prints the medians. Nothing here
asserts a time.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from languages import HMMLanguage, Language, NGramLanguage, information, random_hmm, random_ngram

VOCAB_SIZE, LENGTH, SMALL = 8, 1024, 32
SECONDS: dict[str, float] = {}
NOTES: list[str] = []


def measure(benchmark, name, function, rounds=3):
    result = benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
    SECONDS[name] = benchmark.stats.stats.median
    return result


def ring() -> NGramLanguage:
    """Period two: every power has zeros."""
    step = np.eye(VOCAB_SIZE)
    return NGramLanguage((np.roll(step, 1, 1) + np.roll(step, -1, 1)) / 2, np.arange(1, 9) / 36)


def upwards() -> NGramLanguage:
    """Reducible: every power has zeros."""
    return NGramLanguage(np.triu(np.ones((8, 8))) / np.arange(8, 0, -1)[:, None], np.arange(1, 9) / 36)


def random_start() -> NGramLanguage:
    _, transition = random_ngram(2, VOCAB_SIZE, seed=0, prune_below=0.05).first_order()
    return NGramLanguage(transition, np.arange(1, 9) / 36)


def deterministic() -> NGramLanguage:
    """A cycle of eight symbols, from any of them."""
    return NGramLanguage(np.roll(np.eye(VOCAB_SIZE), 1, 1), np.arange(1, 9) / 36)


CHAINS = {"random": random_start, "ring": ring, "upwards": upwards, "cycle": deterministic}


@pytest.mark.parametrize("name", CHAINS)
def test_information_curve(benchmark, name):
    language = CHAINS[name]()
    curve = measure(benchmark, f"information curve, {name}", lambda: information.information_curve(language, LENGTH))
    marginals = language.marginals(LENGTH)
    alone = float(-torch.special.xlogy(marginals, marginals).sum())
    assert curve.total_correlation == pytest.approx(alone - language.entropy(LENGTH), rel=1e-10)


@pytest.mark.parametrize("name", CHAINS)
def test_conflict_curve(benchmark, name):
    language = CHAINS[name]()
    measure(benchmark, f"conflict curve, {name}", lambda: information.conflict_curve(language, LENGTH))


def naive_conflicts(language, length):
    """∫g by its definition: a loop over gaps, pairs of positions and pairs of tokens."""
    start, transition = (table.numpy() for table in language.first_order())
    powers = [np.eye(VOCAB_SIZE)]
    for _ in range(length + 1):
        powers.append(powers[-1] @ transition)
    marginal = [None, *(start @ powers[i] for i in range(length))]
    total = 0.0
    for left, right in itertools.combinations(range(length + 2), 2):
        ends, width = (left > 0) + (right <= length), right - left
        weight_of_t = {
            0: 1 / (length - 1),
            1: 1 / ((width - 1) * (width - 2) or 1),
            2: 2 / (width * (width - 1) * (width - 2) or 1),
        }
        for a in range(VOCAB_SIZE) if left else [None]:
            for b in range(VOCAB_SIZE) if right <= length else [None]:
                law = [
                    (marginal[i] if a is None else powers[i - left][a]) * (1 if b is None else powers[right - i][:, b])
                    for i in range(left + 1, right)
                ]
                if not law or law[0].sum() == 0:
                    continue
                chance = law[0].sum() * (1 if a is None else marginal[left][a])
                law = [each / each.sum() for each in law]
                for i, j in itertools.combinations(range(len(law)), 2):
                    total += chance * weight_of_t[ends] * (law[i] @ (powers[j - i] == 0) @ law[j])
    return total


def test_conflict_curve_small(benchmark):
    language = random_start()
    curve = measure(benchmark, "conflict curve, small", lambda: information.conflict_curve(language, SMALL))
    SECONDS["value"] = curve.integral


def test_conflict_curve_naive_small(benchmark):
    value = benchmark.pedantic(naive_conflicts, (random_start(), SMALL), rounds=1)
    SECONDS["conflict curve, naive, small"] = benchmark.stats.stats.median
    if "value" in SECONDS:
        assert value == pytest.approx(SECONDS["value"], rel=1e-9)


LANGUAGES = {
    "3-gram": lambda: random_ngram(3, VOCAB_SIZE, seed=0, prune_below=0.05),
    "hmm": lambda: random_hmm(8, VOCAB_SIZE, seed=0, concentration=0.1, prune_below=0.05),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_estimated_information_curve(benchmark, name):
    """Width of the interval of a path KL, against one draw a token in place of its entropy, from the same passes."""
    language, length, rows = LANGUAGES[name](), 256, 64

    def estimate():
        generator = torch.Generator().manual_seed(0)
        return information.estimate_information_curve(language, length, num_sequences=rows, generator=generator)

    curve = measure(benchmark, f"estimated information curve, {name}", estimate, rounds=1)
    passes = rows * (32 + 8)
    reveals = rows * length
    for steps in (8, 64, 1024):
        grid = np.arange(steps) / steps
        weights = np.full(steps, -1 / steps)
        ours = curve.linear(grid, weights, integral=1.0)
        averaged = information.SampledCurve(length, curve.samples).linear(grid, weights, integral=1.0)
        generator = torch.Generator().manual_seed(0)
        drawn = []
        alone = language.marginals(length).log()
        tokens = language.sample(rows, length, generator=generator)
        order = torch.rand(tokens.shape, dtype=torch.float64, generator=generator)
        for t in curve.nodes:
            law = language.leave_one_out(tokens.masked_fill(order >= t, language.mask_id))
            pick = tokens[..., None]
            gain = law.gather(2, pick)[..., 0] - alone.expand(rows, -1, -1).gather(2, pick)[..., 0]
            drawn.append(gain.sum(1).numpy())
        naive = information.SampledCurve(length, np.stack(drawn, 1)).linear(grid, weights, integral=1.0)
        variance = [((each.high - each.low) / (ours.high - ours.low)) ** 2 for each in (averaged, naive)]
        half = 50 * (ours.high - ours.low) / ours.value
        NOTES.append(
            f"{name}, L={length}, N={steps}: path KL {ours.value:.4g} ± {half:.2f} %; "
            f"variance against entropies alone {variance[0]:.0f}×, against drawn tokens {variance[1]:.0f}×"
        )
    NOTES.append(f"{name}: {passes} passes, one a reveal would be {reveals}: {reveals / passes:.1f}× as many")


def test_entropy_rate_bounds(benchmark):
    language = LANGUAGES["hmm"]()
    bounds = measure(benchmark, "entropy rate bounds", lambda: information.entropy_rate_bounds(language), rounds=1)
    NOTES.append(f"entropy rate of the hmm in {bounds.low:.6f} … {bounds.high:.6f} nats, 1,024 beliefs")


def test_estimated_entropy(benchmark):
    language = LANGUAGES["hmm"]()

    def estimate(function):
        return function(language, LENGTH, num_sequences=256, generator=torch.Generator().manual_seed(0))

    smooth = measure(benchmark, "estimated entropy", lambda: estimate(HMMLanguage.estimate_entropy), rounds=1)
    plain = estimate(Language.estimate_entropy)
    ratio = ((plain.high - plain.low) / (smooth.high - smooth.low)) ** 2
    NOTES.append(f"entropy of the hmm at L={LENGTH}: variance against −log q {ratio:.1f}×")


def test_summary(capsys):
    if not SECONDS:
        pytest.skip("runs after the timings above")
    with capsys.disabled():
        print(f"\nV={VOCAB_SIZE}, L={LENGTH} unless said otherwise, {torch.get_num_threads()} threads")
        for name, seconds in SECONDS.items():
            if name != "value":
                print(f"{name}: {seconds:.3g} s")
        if "conflict curve, naive, small" in SECONDS:
            ratio = SECONDS["conflict curve, naive, small"] / SECONDS["conflict curve, small"]
            print(f"conflict curve at L={SMALL}: {ratio:,.0f}× faster than the loop")
        for note in NOTES:
            print(note)
