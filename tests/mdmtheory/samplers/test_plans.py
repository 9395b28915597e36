from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.families import all_schemes
from scipy import stats

from mdmtheory.samplers import plans
from mdmtheory.samplers.draws.randomness import Purpose, row_keys, uniforms
from mdmtheory.samplers.plans import Plan

KEYS = row_keys(40_000, torch.Generator().manual_seed(11))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


ALL_PLANS = {
    "bernoulli": lambda batch, length, **kw: plans.bernoulli([0.5, 0.0, 0.25, 0.25], batch, length, **kw),
    "fixed_sizes": lambda batch, length, **kw: plans.fixed_sizes([1, 0, 2, 3], batch, length, **kw),
    "first_hitting": plans.first_hitting,
    "random_order": plans.random_order,
    "left_to_right": plans.left_to_right,
    "blocks": lambda batch, length, **kw: plans.blocks(2, batch, length, **kw),
    "bisection": lambda batch, length, **kw: plans.bisection(1, batch, length, **kw),
    **{repr(scheme): scheme.plan for scheme in all_schemes(6)},
}
EVERY_PLAN = pytest.mark.parametrize("make", ALL_PLANS.values(), ids=ALL_PLANS.keys())
HOLES = torch.tensor([True, False, True, True, True, False, True, True])  # six positions to generate


@EVERY_PLAN
def test_every_plan_depends_on_the_row_keys_alone(make):
    keys = KEYS[:20]
    plan = make(20, 8, hidden=HOLES, row_keys=keys)
    back = make(20, 8, hidden=HOLES, row_keys=keys.flip(0))
    assert torch.equal(plan.rounds.flip(0), back.rounds)
    assert torch.equal(make(5, 8, hidden=HOLES, row_keys=keys[3:8]).rounds, plan[3:8].rounds)
    again = make(20, 8, hidden=HOLES, generator=seeded(1))
    assert torch.equal(again.row_keys, make(20, 8, hidden=HOLES, generator=seeded(1)).row_keys)
    assert torch.equal(again.rounds, make(20, 8, hidden=HOLES, row_keys=again.row_keys).rounds)


@EVERY_PLAN
def test_every_plan_gives_the_prompt_and_generates_the_rest(make):
    plan = make(20, 8, hidden=HOLES, generator=seeded(2))
    assert torch.equal(plan.hidden, HOLES.expand(20, 8))
    assert bool((plan.rounds[:, ~HOLES] == -1).all())
    assert bool((plan.rounds < plan.num_rounds).all())
    assert plan.times.shape in ((plan.num_rounds,), (20, plan.num_rounds))
    assert bool((plan.times.diff(dim=-1) <= 0).all())
    for row, calls in zip(plan.rounds.tolist(), plan.network_calls.tolist(), strict=True):
        assert calls == len(set(row) - {-1})


@EVERY_PLAN
def test_every_plan_takes_rows_with_different_holes_and_none(make):
    hidden = torch.zeros(3, 8, dtype=torch.bool)
    hidden[0, :6] = hidden[1, 2:] = True
    if make not in (ALL_PLANS["fixed_sizes"], ALL_PLANS["FixedSizes([1, 0, 5])"]):
        hidden[1, 5] = False
    else:
        hidden = hidden[:2]
    plan = make(len(hidden), 8, hidden=hidden, generator=seeded(3))
    assert torch.equal(plan.hidden, hidden)
    if len(hidden) == 3:
        assert int(plan.network_calls[2]) == 0
    assert len(make(0, 8, hidden=HOLES)) == 0


@EVERY_PLAN
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": -1}, "batch"),
        ({"length": 0}, "length"),
        ({"hidden": torch.ones(7, dtype=torch.bool)}, "hidden"),
        ({"hidden": torch.ones(6)}, "hidden"),
        ({"row_keys": torch.zeros(3, dtype=torch.int64)}, "row_keys"),
        ({"row_keys": torch.zeros(4)}, "row_keys"),
        ({"row_keys": torch.zeros(4, dtype=torch.int64), "generator": torch.Generator()}, "not both"),
    ],
)
def test_every_plan_names_the_bad_argument(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**({"batch": 4, "length": 6} | arguments))


def test_first_hitting_times_are_those_of_the_positions():
    """The time of a round is when the position that it reveals is hit, whatever else the prompt gives."""
    hidden = torch.tensor([[True] * 5, [False, True, True, False, True], [False, False, False, True, False]])
    keys = row_keys(3, torch.Generator().manual_seed(0))
    plan = plans.first_hitting(3, 5, hidden=hidden, row_keys=keys)
    hit = 1 - uniforms(keys[:, None], Purpose.REVEAL, 0, torch.arange(5))
    for row, position in hidden.nonzero().tolist():
        assert plan.times[row, plan.rounds[row, position]] == hit[row, position]


def test_bernoulli_reveals_by_its_law_and_never_at_probability_zero():
    weights = [0.0, 0.6, 0.0, 0.0, 0.3, 0.1, 0.0]
    rounds = plans.bernoulli(weights, 40_000, 4, row_keys=KEYS).rounds
    counts = rounds.reshape(-1).bincount(minlength=7)
    assert counts[[0, 2, 3, 6]].sum() == 0
    # Chi-square of one position and of neighbours together, false alarm 1e−5 each.
    keep = [1, 4, 5]
    law = np.array(weights)[keep]
    assert stats.chisquare(counts[keep].numpy(), law * 160_000).pvalue > 1e-5
    pairs = (rounds[:, 0] * 7 + rounds[:, 1]).bincount(minlength=49).reshape(7, 7)[keep][:, keep]
    assert stats.chisquare(pairs.reshape(-1).numpy(), np.outer(law, law).reshape(-1) * 40_000).pvalue > 1e-5


def test_bernoulli_times_are_what_is_left():
    plan = plans.bernoulli([0.0, 0.5, 0.25, 0.0, 0.25], 2, 3, generator=seeded(0))
    assert plan.times.tolist() == [1.0, 1.0, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("steps", [1, 3, 7, 1000, 2048])
def test_bernoulli_takes_any_grid(steps):
    grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    plan = plans.bernoulli(grid.diff(), 2, 5, generator=seeded(0))
    assert plan.num_rounds == steps
    assert float(plan.times[0]) == 1.0
    assert torch.allclose(plan.times, 1 - grid[:-1], atol=1e-12, rtol=0)
    as_list = plans.bernoulli(grid.diff().tolist(), 2, 5, generator=seeded(0))
    assert torch.equal(as_list.rounds, plan.rounds)
    assert torch.equal(as_list.times, plan.times)  # a list is not rounded to float32 on the way
    plans.bernoulli(torch.linspace(0, 1, steps + 1).diff(), 2, 5)  # float32 grids sum to one within their rounding


@pytest.mark.parametrize(
    "reveal", [[0.5, 0.4], [0.5, 0.5 + 1e-5], [1.5, -0.5], [float("nan"), 1.0], [torch.inf], [], [[0.5, 0.5]], 1.0]
)
def test_bernoulli_refuses_what_is_no_law(reveal):
    with pytest.raises(ValueError, match="reveal"):
        plans.bernoulli(reveal, 2, 3)


def test_fixed_sizes_are_kept_and_every_set_is_equally_likely():
    plan = plans.fixed_sizes([1, 0, 2, 1], 40_000, 4, row_keys=KEYS)
    counts = torch.nn.functional.one_hot(plan.rounds, 4).sum(1)
    assert torch.equal(counts, torch.tensor([1, 0, 2, 1]).expand(40_000, 4))
    assert plan.times.tolist() == [1.0, 0.75, 0.75, 0.25]
    assert plan.num_rounds == 4
    # 4!/(1!2!1!) = 12 equally likely outcomes. Chi-square, false alarm 1e−5.
    seen = (plan.rounds * 4 ** torch.arange(4)).sum(1).unique(return_counts=True)[1]
    assert len(seen) == 12
    assert stats.chisquare(seen.numpy()).pvalue > 1e-5


@pytest.mark.parametrize("sizes", [[2, 2], [3, 3], [], [-1, 6], [2.5, 2.5], [True, 4]])
def test_fixed_sizes_refuses_what_does_not_add_up(sizes):
    with pytest.raises(ValueError, match="sizes"):
        plans.fixed_sizes(sizes, 2, 5)


def test_fixed_sizes_names_the_row_that_does_not_add_up():
    hidden = torch.tensor([[True, True], [True, False]])
    with pytest.raises(ValueError, match="row 1 has 1"):
        plans.fixed_sizes([1, 1], 2, 2, hidden=hidden)
    assert plans.fixed_sizes(torch.tensor([1, 1]), 2, 2).num_rounds == 2


def test_random_order_is_uniform_over_orders():
    plan = plans.random_order(40_000, 4, row_keys=KEYS)
    assert bool((plan.network_calls == 4).all())
    assert plan.times.tolist() == [1.0, 0.75, 0.5, 0.25]
    seen = (plan.rounds * 4 ** torch.arange(4)).sum(1).unique(return_counts=True)[1]
    assert len(seen) == 24
    assert stats.chisquare(seen.numpy()).pvalue > 1e-5  # false alarm 1e−5


def test_first_hitting_times_are_sorted_uniforms_and_independent_of_the_order():
    plan = plans.first_hitting(40_000, 3, row_keys=KEYS)
    assert plan.times.shape == (40_000, 3)
    assert bool((plan.network_calls == 3).all())
    # The k-th largest of three uniforms is Beta(3 − k, k + 1). Kolmogorov–Smirnov, false alarm 1e−5 each.
    for k in range(3):
        assert stats.kstest(plan.times[:, k].numpy(), stats.beta(3 - k, k + 1).cdf).pvalue > 1e-5
    orders = (plan.rounds * 3 ** torch.arange(3)).sum(1)
    early = plan.times[:, 0] > 0.5 ** (1 / 3)
    table = [
        orders[early].unique(return_counts=True)[1].tolist(),
        orders[~early].unique(return_counts=True)[1].tolist(),
    ]
    assert len(table[0]) == len(table[1]) == 6
    assert stats.chi2_contingency(table).pvalue > 1e-5


def test_first_hitting_is_the_limit_of_bernoulli():
    # The same keys reveal the same positions in the same order: a grid of 2^20 rounds only rounds the times.
    fine = plans.bernoulli(torch.full((2**20,), 2.0**-20, dtype=torch.float64), 50, 6, row_keys=KEYS[:50])
    limit = plans.first_hitting(50, 6, row_keys=KEYS[:50])
    assert torch.equal(fine.visits, limit.rounds)
    ordered = fine.times[fine.rounds.sort(dim=1).values]
    assert float((ordered - limit.times).abs().max()) < 2.0**-19


def test_left_to_right_and_blocks():
    assert plans.left_to_right(1, 5).rounds.tolist() == [[0, 1, 2, 3, 4]]
    assert plans.blocks(2, 1, 5).rounds.tolist() == [[0, 0, 1, 1, 2]]
    assert plans.blocks(2, 1, 8, hidden=HOLES).rounds.tolist() == [[0, -1, 0, 1, 1, -1, 2, 2]]
    assert plans.blocks(9, 1, 5).rounds.tolist() == [[0] * 5]
    assert plans.blocks(2, 1, 5).times.tolist() == pytest.approx([1.0, 0.6, 0.2])
    with pytest.raises(ValueError, match="size"):
        plans.blocks(0, 1, 5)


def rounds_needed(length, order):
    """R(l) of the theory."""
    return length if length <= order else order + rounds_needed(-(-(length - order) // 2), order)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 31, 100])
def test_bisection_takes_the_rounds_of_the_theory(order, length):
    plan = plans.bisection(order, 2, length)
    assert plan.num_rounds == rounds_needed(length, order)
    assert plan.network_calls.tolist() == [plan.num_rounds] * 2


def assert_separated(rounds, order):
    """Between two positions of one round lie `order` adjacent earlier or given ones."""
    for i, j in itertools.combinations(range(len(rounds)), 2):
        if rounds[i] == rounds[j] >= 0:
            earlier = [r < rounds[i] for r in rounds[i + 1 : j]]
            assert any(all(earlier[k : k + order]) for k in range(len(earlier) - order + 1)), (rounds, i, j)


@settings(max_examples=300)
@given(order=st.integers(1, 4), hidden=st.lists(st.booleans(), min_size=1, max_size=40))
def test_bisection_separates_what_it_reveals_together(order, hidden):
    plan = plans.bisection(order, 1, len(hidden), hidden=torch.tensor(hidden))
    assert_separated(plan.rounds[0].tolist(), order)
    assert plan.num_rounds <= rounds_needed(len(hidden), order)


@pytest.mark.parametrize("order", [0, -1, 1.5])
def test_bisection_refuses_an_order_below_one(order):
    with pytest.raises(ValueError, match="order"):
        plans.bisection(order, 2, 5)


def test_slices_indices_and_masks_pick_rows():
    for plan in (plans.first_hitting(6, 4, row_keys=KEYS[:6]), plans.random_order(6, 4, row_keys=KEYS[:6])):
        for rows, wanted in [
            (slice(1, 4), [1, 2, 3]),
            (torch.tensor([5, 0]), [5, 0]),
            ([5, 0], [5, 0]),
            (torch.tensor([True, False, False, True, False, False]), [0, 3]),
            (2, [2]),
            (-1, [5]),
            (slice(0, 0), []),
        ]:
            part = plan[rows]
            assert torch.equal(part.rounds, plan.rounds[wanted])
            assert torch.equal(part.row_keys, plan.row_keys[wanted])
            assert torch.equal(part.times, plan.times[wanted] if plan.times.dim() == 2 else plan.times)


@EVERY_PLAN
def test_a_plan_remembers_its_scheme(make):
    """A slice and a copy keep it; the scheme draws the same plan from the same keys."""
    plan = make(6, 8, hidden=HOLES, row_keys=KEYS[:6])
    assert plan[2:4].scheme is plan[1].scheme is plan.to("cpu").scheme is plan.scheme
    again = plan.scheme.plan(6, 8, hidden=HOLES, row_keys=KEYS[:6])
    assert torch.equal(again.rounds, plan.rounds)
    assert torch.equal(again.times, plan.times)
    assert Plan(plan.rounds, plan.times, plan.row_keys).scheme is None


def test_repr_says_what_it_costs():
    text = repr(plans.bernoulli([0.5, 0.5], 3, 8, hidden=HOLES, generator=seeded(0)))
    assert "batch=3" in text
    assert "length=8" in text
    assert "num_rounds=2" in text
    assert "given=6" in text
    assert "network_calls=" in text
    assert "batch=0" in repr(plans.random_order(0, 8))


GOOD = {
    "rounds": torch.tensor([[0, 1], [-1, 0]]),
    "times": torch.tensor([1.0, 0.5], dtype=torch.float64),
    "row_keys": torch.tensor([1, 2]),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rounds", torch.tensor([[0, 2], [-1, 0]])),
        ("rounds", torch.tensor([[0, 1], [-2, 0]])),
        ("rounds", torch.tensor([0, 1])),
        ("rounds", torch.tensor([[0.0, 1.0], [0.0, 1.0]])),
        ("times", torch.tensor([1.0, 0.5])),
        ("times", torch.tensor([1.5, 0.5], dtype=torch.float64)),
        ("times", torch.tensor([1.0, torch.nan], dtype=torch.float64)),
        ("times", torch.ones(3, 2, dtype=torch.float64)),
        ("row_keys", torch.tensor([1, 2, 3])),
        ("row_keys", torch.tensor([1.0, 2.0])),
    ],
)
def test_a_plan_checks_itself(field, value):
    Plan(**GOOD)
    with pytest.raises(ValueError, match=field):
        Plan(**(GOOD | {field: value}))


def test_a_plan_is_frozen():
    with pytest.raises(AttributeError):
        Plan(**GOOD).rounds = torch.zeros(2, 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@EVERY_PLAN
def test_gpu_plans_the_same(make):
    keys = KEYS[:20]
    here = make(20, 8, hidden=HOLES, row_keys=keys)
    there = make(20, 8, hidden=HOLES, row_keys=keys.cuda())
    assert there.rounds.is_cuda
    assert torch.equal(there.to("cpu").rounds, here.rounds)
    assert torch.allclose(there.to("cpu").times, here.times, atol=1e-15, rtol=0)
