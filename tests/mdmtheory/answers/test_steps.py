"""`steps_needed`: met at the answer, missed one step before, and honest about what cannot be reached."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.information import information_curve
from mdmtheory import exact
from mdmtheory.answers import steps_needed
from mdmtheory.answers.step_search import fewest_steps
from mdmtheory.diffusion.schedules import Cosine, uniform_reveal
from mdmtheory.exact import asymptotics, markov, optimal, path
from mdmtheory.samplers.schemes import Bernoulli

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)
WIDE = random_ngram(2, 4, seed=1, prune_below=0.1)  # too many sequences to sum over at length 40
HMM = random_hmm(4, 4, seed=2, concentration=0.1, prune_below=0.1)


@given(scale=st.floats(0.01, 1e5), power=st.floats(0.5, 2.5), bend=st.floats(0, 0.9), target=st.floats(1e-4, 10.0))
def test_the_search_finds_the_step(scale, power, bend, target):
    """Any cost that falls: the answer meets the target, the step before misses it."""

    def cost(n):
        return scale * n**-power * (1 + bend / n)

    found = fewest_steps(cost, target, 1 << 16)
    if found is None:
        assert cost(1 << 16) > target
    else:
        assert cost(found) <= target
        assert found == 1 or cost(found - 1) > target


def test_the_search_asks_few_questions():
    asked = set()

    def cost(n):
        asked.add(n)
        return 7.3 / n * (1 + 0.4 / n)

    assert fewest_steps(cost, 0.01, 1 << 16) == 731
    assert len(asked) <= 10, asked


@pytest.mark.parametrize("ser", [0.5, 0.1, 0.01])
def test_ser_against_the_table(ser):
    found = steps_needed(WIDE, 12, ser=ser)
    table = markov.sequence_error_table(WIDE, 12, found.steps)[-1]
    assert table[found.steps - 1] <= ser
    assert (table[: found.steps - 1] > ser).all()
    assert found.steps == found.low == found.high
    assert (found.method, found.error.by) == ("exact", "gap recursion")
    assert found.before.value == pytest.approx(float(table[found.steps - 2]), rel=1e-12)


@pytest.mark.parametrize("schedule", ["uniform", "log-linear", "cosine", Cosine()], ids=str)
@pytest.mark.parametrize("target", [0.03, 0.01, 0.001])
def test_ter_of_the_path_law(schedule, target):
    found = steps_needed(WIDE, 20, ter_increase=target, schedule=schedule)
    cosine = Cosine().reveal_probabilities if schedule not in ("uniform", "log-linear") else uniform_reveal

    def increase(n):
        return math.expm1(path.path_kl(WIDE, 20, cosine(n)) / 20)

    assert increase(found.steps) <= target < increase(found.steps - 1)
    assert found.error.value == pytest.approx(increase(found.steps), rel=1e-12)
    assert found.error.law == "path"


def test_better_schedules_need_fewer_steps():
    curve = information_curve(CHAIN, 20)
    best = steps_needed(
        CHAIN, 20, ter_increase=0.01, schedule=lambda n: optimal.best_reveal(lambda t: curve.h(torch.as_tensor(t)), n)
    )
    uniform = steps_needed(CHAIN, 20, ter_increase=0.01)
    assert best.steps <= uniform.steps
    assert "<lambda>" in str(best)


def test_marginal_law_where_it_is_exact_and_where_it_is_a_bracket():
    short = steps_needed(CHAIN, 5, ter_increase=0.01, law="marginal")
    assert short.method == "exact"
    assert short.steps <= steps_needed(CHAIN, 5, ter_increase=0.01).steps
    long = steps_needed(WIDE, 40, ter_increase=0.01, law="marginal")
    assert long.method == "bound"
    assert long.low < long.high == long.steps == steps_needed(WIDE, 40, ter_increase=0.01).steps
    low_end = -math.log1p(-exact.error(WIDE, 40, Bernoulli.uniform(long.low - 1), "ser").value) / 40
    assert math.expm1(low_end) > 0.01  # fewer steps are certainly too few


def test_closed_forms_at_any_length():
    """N = C·L with C = (1 − 1/k)/(2 ln 2) is where copy pairs pass SER = ½ (docs/theory.md §3)."""
    found = steps_needed(copy_pairs(16), 4096, ser=0.5)
    assert found.error.by == "closed form"
    assert found.steps / 4096 == pytest.approx((1 - 1 / 16) / (2 * math.log(2)), abs=1 / 1024)


def test_first_order_law_of_long_chains():
    found = steps_needed(WIDE, 3000, ser=0.5)
    assert found.method == "extrapolated"
    assert found.steps == pytest.approx(asymptotics.linear_steps(WIDE, 3000, 0.5), rel=0.02)


def test_estimated_where_nothing_is_exact():
    """The interval of `low` and `high` holds what a larger sample says; seeds are fixed."""
    generator = torch.Generator().manual_seed(0)
    ser = steps_needed(HMM, 16, ser=0.2, num_sequences=1024, generator=generator)
    assert ser.method == "monte-carlo"
    assert ser.low < ser.steps < ser.high
    assert ser.error.by == "samples"
    ter = steps_needed(HMM, 16, ter_increase=0.02, num_sequences=256, generator=generator)
    assert ter.low <= ter.steps <= ter.high
    assert ter.error.law == "path"
    both = steps_needed(HMM, 16, ter_increase=0.02, law="marginal", num_sequences=256, generator=generator)
    assert both.low <= both.steps
    assert both.method == "monte-carlo"


def test_few_sequences_cannot_tell():
    found = steps_needed(HMM, 16, ser=0.01, num_sequences=64, generator=torch.Generator().manual_seed(1))
    assert found.high is None
    assert "more" in str(found)


def test_one_step_is_enough():
    independent = NGramLanguage([0.2, 0.3, 0.5])
    for arguments in ({"ser": 0.0}, {"ter_increase": 0.0}, {"ter_increase": 0.01, "law": "marginal"}):
        found = steps_needed(independent, 6, **arguments)
        assert found.steps == found.low == found.high == 1
        assert found.before is None


@settings(max_examples=20, deadline=None)
@given(target=st.floats(0.01, 0.8), length=st.integers(2, 200))
def test_copy_pairs_by_formula(target, length):
    """1 − (1 − (1 − 1/k)/N)^{⌊L/2⌋} ≤ target, solved by hand."""
    pairs = length // 2
    found = steps_needed(copy_pairs(4), length, ser=target)
    wanted = max(1, math.ceil(0.75 / -math.expm1(math.log1p(-target) / pairs) - 1e-9))
    assert found.steps == wanted


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "give one target"),
        ({"ser": 0.1, "ter_increase": 0.1}, "give one target"),
        ({"ser": 1.0}, "ser must be in"),
        ({"ser": -0.1}, "ser must be in"),
        ({"ter_increase": float("nan")}, "ter_increase must be in"),
        ({"ser": 0.1, "law": "path"}, "must be 'marginal'"),
        ({"ter_increase": 0.1, "law": "generative"}, "law must be 'path' or 'marginal'"),
        ({"ser": 0.1, "schedule": "sine"}, "schedule must be one of"),
        ({"ser": 0.1, "schedule": 3}, "schedule must be a name"),
        ({"ser": 0.1, "schedule": lambda n: [0.5] * n}, "reveal"),
        ({"ser": 0.1, "most_steps": 0}, "most_steps"),
        ({"ser": 0.0}, "out of reach of any number"),
        ({"ter_increase": 0.0}, "out of reach of any number"),
        ({"ser": 1e-3, "most_steps": 8}, "not reached within most_steps=8 uniform steps .* N would have to be about"),
        ({"ser": 1e-13}, "not reached within most_steps=65536"),
    ],
)
def test_bad_input_and_unreachable_targets(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        steps_needed(CHAIN, 6, **arguments)
