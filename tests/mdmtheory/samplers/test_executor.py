from __future__ import annotations

import itertools
import math

import pytest
import torch
from reference.networks import random_network
from scipy import stats

from mdmtheory.denoisers import NetworkDenoiser
from mdmtheory.networks import CausalLanguageModel
from mdmtheory.samplers import plans, row_keys, sample, sample_autoregressive
from mdmtheory.samplers.plans import Plan

ROWS = 60_000
FALSE_ALARM = 1e-5  # of every chi-square test below, at its fixed seed


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def uniform_grid(steps):
    return torch.full((steps,), 1.0 / steps, dtype=torch.float64)


def check_law(brute, denoiser, plan, reveals, prompt=None):
    law = brute.sampler_law(denoiser, reveals, prompt)
    tokens = sample(denoiser, plan, prompt=prompt).tokens
    assert brute.chi_square(brute.word_counts(tokens, denoiser.vocab_size), law) > FALSE_ALARM
    return law


# The law of the sample, against enumeration of all reveal patterns and all words.


def test_bernoulli_with_hard_zeros_and_skewed_reveals(brute):
    joint = brute.random_joint(3, 4, seed=1, zeros=0.6)
    denoiser, weights = brute.TableDenoiser(joint), [0.0, 0.7, 0.0, 0.2, 0.1]
    plan = plans.bernoulli(weights, ROWS, 4, generator=seeded(1))
    law = check_law(brute, denoiser, plan, brute.bernoulli_reveals([0.7, 0.2, 0.1], 4))
    # The case can tell: the sampler errs (its law is far from q), so a test against q would be red.
    assert float(law[joint.reshape(-1) == 0].sum()) > 0.1


def test_bernoulli_in_one_round_is_the_product_law(brute):
    denoiser = brute.TableDenoiser(brute.random_joint(2, 4, seed=2))
    check_law(brute, denoiser, plans.bernoulli([1.0], ROWS, 4, generator=seeded(2)), [(1.0, (0, 0, 0, 0), (1.0,))])


def test_prompts_are_kept_and_condition_the_rest(brute):
    denoiser = brute.TableDenoiser(brute.random_joint(3, 4, seed=3, zeros=0.3))
    prompt = torch.tensor([3, 1, 3, 3])
    plan = plans.bernoulli([0.5, 0.5], ROWS, 4, hidden=prompt == 3, generator=seeded(3))
    hidden = (prompt == 3).tolist()
    check_law(brute, denoiser, plan, brute.bernoulli_reveals([0.5, 0.5], 4, hidden), prompt)
    assert bool((sample(denoiser, plan[:100], prompt=prompt).tokens[:, 1] == 1).all())


@pytest.mark.parametrize("sizes", [(1, 3), (2, 0, 2), (3, 1)])
def test_fixed_sizes(brute, sizes):
    denoiser = brute.TableDenoiser(brute.random_joint(2, 4, seed=4, zeros=0.3))
    plan = plans.fixed_sizes(sizes, ROWS, 4, generator=seeded(4))
    check_law(brute, denoiser, plan, brute.ordered_reveals(4, sizes))


def test_a_denoiser_that_reads_time_gets_the_time_of_each_round(brute):
    denoiser, weights = brute.TimeReadingDenoiser(brute.random_joint(3, 3, seed=5)), [0.3, 0.0, 0.6, 0.1]
    plan = plans.bernoulli(weights, ROWS, 3, generator=seeded(5))
    law = check_law(brute, denoiser, plan, brute.bernoulli_reveals(weights, 3))
    # The case can tell: with the time of the next round in place of its own, the law would differ.
    late = [(p, rounds, (*times[1:], 0.0)) for p, rounds, times in brute.bernoulli_reveals(weights, 3)]
    assert float((brute.sampler_law(denoiser, late) - law).abs().sum()) > 0.05


def test_times_of_their_own_for_every_row(brute):
    # Half the rows at times (1, ½), half at (¾, 0): each half has its own law.
    denoiser = brute.TimeReadingDenoiser(brute.random_joint(2, 3, seed=6))
    base = plans.bernoulli([0.5, 0.5], ROWS, 3, generator=seeded(6))
    choices = torch.tensor([[1.0, 0.5], [0.75, 0.0]], dtype=torch.float64)
    which = torch.arange(ROWS) % 2
    tokens = sample(denoiser, Plan(base.rounds, choices[which], base.row_keys)).tokens
    for half in (0, 1):
        reveals = [(p, rounds, choices[half].tolist()) for p, rounds, _ in brute.bernoulli_reveals([0.5, 0.5], 3)]
        counts = brute.word_counts(tokens[which == half], 2)
        assert brute.chi_square(counts, brute.sampler_law(denoiser, reveals)) > FALSE_ALARM


# One token per round reproduces q.


@pytest.mark.parametrize("make", [plans.random_order, plans.first_hitting, plans.left_to_right])
def test_one_token_a_round_is_exact(brute, make):
    joint = brute.random_joint(3, 4, seed=7, zeros=0.5)
    samples = sample(brute.TableDenoiser(joint), make(ROWS, 4, generator=seeded(7)))
    assert brute.chi_square(brute.word_counts(samples.tokens, 3), joint.reshape(-1)) > FALSE_ALARM
    assert samples.network_calls.unique().tolist() == [4]


@pytest.mark.parametrize(("order", "vocab_size", "length"), [(1, 3, 6), (2, 2, 7), (3, 2, 8)])
def test_bisection_is_exact_on_a_chain_of_its_order(brute, order, vocab_size, length):
    joint = brute.markov_joint(order, vocab_size, length, seed=8)
    denoiser = brute.TableDenoiser(joint)
    plan = plans.bisection(order, 1, length)
    reveals = [(1.0, tuple(plan.rounds[0].tolist()), plan.times.tolist())]
    assert torch.allclose(brute.sampler_law(denoiser, reveals), joint.reshape(-1), atol=1e-12, rtol=0)
    assert plan.num_rounds < length


def test_bisection_of_a_lower_order_is_not_exact(brute):
    joint = brute.markov_joint(2, 2, 7, seed=8)
    plan = plans.bisection(1, 1, 7)
    reveals = [(1.0, tuple(plan.rounds[0].tolist()), plan.times.tolist())]
    wrong = brute.sampler_law(brute.TableDenoiser(joint), reveals)
    assert float((wrong - joint.reshape(-1)).abs().sum()) > 0.01


@pytest.mark.parametrize("order", [1, 2])
def test_bisection_is_exact_with_any_prompt(brute, order):
    length = 6
    joint = brute.markov_joint(order, 2, length, seed=9)
    denoiser, flat = brute.TableDenoiser(joint), joint.reshape(-1)
    for hidden in itertools.product([False, True], repeat=length):
        plan = plans.bisection(order, 1, length, hidden=torch.tensor(hidden))
        if not any(hidden):
            continue
        prompt = torch.where(torch.tensor(hidden), 2, denoiser.words[int(flat.argmax())])
        reveals = [(1.0, tuple(plan.rounds[0].tolist()), plan.times.tolist())]
        fits = flat * ((denoiser.words == prompt) | torch.tensor(hidden)).all(1)
        wanted = fits / fits.sum()
        assert torch.allclose(brute.sampler_law(denoiser, reveals, prompt), wanted, atol=1e-12, rtol=0), hidden


def test_bisection_draws_the_chain(brute):
    joint = brute.markov_joint(2, 2, 7, seed=10)
    samples = sample(brute.TableDenoiser(joint), plans.bisection(2, ROWS, 7, generator=seeded(10)))
    assert brute.chi_square(brute.word_counts(samples.tokens, 2), joint.reshape(-1)) > FALSE_ALARM


# What does not change the sample.


def mixed_case(brute):
    """Rows with different holes, times and numbers of rounds, the third one complete from the start."""
    denoiser = brute.TimeReadingDenoiser(brute.random_joint(3, 6, seed=11, zeros=0.2))
    generator = seeded(11)
    words = denoiser.words[denoiser.joint.reshape(-1).multinomial(50, replacement=True, generator=generator)]
    hidden = torch.rand(50, 6, generator=generator) < 0.8
    hidden[2] = False
    return denoiser, plans.first_hitting(50, 6, hidden=hidden, generator=generator), words.masked_fill(hidden, 3)


def test_no_split_order_or_batch_size_changes_a_sample(brute):
    denoiser, plan, prompt = mixed_case(brute)
    whole = sample(denoiser, plan, prompt=prompt)
    for limit in (1, 2, 7, 49, 50, 1000):
        part = sample(denoiser, plan, prompt=prompt, max_batch=limit)
        assert torch.equal(part.tokens, whole.tokens)
        assert torch.equal(part.network_calls, whole.network_calls)
    shuffled = torch.randperm(50, generator=seeded(0))
    assert torch.equal(sample(denoiser, plan[shuffled], prompt=prompt[shuffled]).tokens, whole.tokens[shuffled])
    pieces = [sample(denoiser, plan[i : i + 13], prompt=prompt[i : i + 13]).tokens for i in range(0, 50, 13)]
    assert torch.equal(torch.cat(pieces), whole.tokens)
    mask = torch.arange(50) % 3 == 1
    assert torch.equal(sample(denoiser, plan[mask], prompt=prompt[mask]).tokens, whole.tokens[mask])


def test_other_keys_give_other_samples(brute):
    denoiser = brute.TableDenoiser(brute.random_joint(3, 6, seed=11))
    one = sample(denoiser, plans.random_order(50, 6, generator=seeded(1))).tokens
    two = sample(denoiser, plans.random_order(50, 6, generator=seeded(2))).tokens
    assert not torch.equal(one, two)


def test_the_global_generator_is_not_touched(brute):
    denoiser, plan, prompt = mixed_case(brute)
    state = torch.get_rng_state()
    sample(denoiser, plan, prompt=prompt)
    assert torch.equal(torch.get_rng_state(), state)


# What it costs.


def test_calls_are_the_distinct_rounds_and_prompts_are_free(brute):
    denoiser, plan, prompt = mixed_case(brute)
    samples = sample(denoiser, plan, prompt=prompt)
    distinct = [len(set(row) - {-1}) for row in plan.rounds.tolist()]
    assert samples.network_calls.tolist() == distinct
    assert torch.equal(samples.network_calls, plan.network_calls)
    assert distinct[2] == 0
    assert sum(size for size, _, _ in denoiser.asked) == sum(distinct)
    asked_for = sum(int(at.sum()) for _, _, at in denoiser.asked if at is not None)
    assert asked_for == int(plan.hidden.sum())
    assert torch.equal(samples.tokens[2], prompt[2])


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_the_batch_stays_full_while_rows_wait(brute, limit):
    denoiser, plan, prompt = mixed_case(brute)
    sample(denoiser, plan, prompt=prompt, max_batch=limit)
    sizes = [size for size, _, at in denoiser.asked if at is not None]
    assert max(sizes) == limit
    # No more batches than the work and the longest row ask for: it is full until the queue runs dry.
    calls = plan.network_calls
    assert len(sizes) <= int(calls.sum()) // limit + int(calls.max())
    full = next((i for i, size in enumerate(sizes) if size < limit), len(sizes))
    assert all(a >= b for a, b in itertools.pairwise(sizes[full:]))


def test_expected_calls_of_a_bernoulli_plan():
    weights = torch.tensor([0.5, 0.0, 0.25, 0.125, 0.0625, 0.0625], dtype=torch.float64)
    calls = plans.bernoulli(weights, 20_000, 12, generator=seeded(12)).network_calls.double()
    expected = float((1 - (1 - weights) ** 12).sum())
    # Mean of 20,000 independent rows within 4.5 standard errors: false alarm 7e−6.
    assert abs(float(calls.mean()) - expected) < 4.5 * float(calls.std()) / math.sqrt(20_000)


class FixedLaw:
    """Every position has the same law whatever the context."""

    def __init__(self, probs):
        self.probs, self.vocab_size, self.mask_id = probs, len(probs), len(probs)
        self.device = torch.device("cpu")

    def __call__(self, tokens, time=None, at=None):
        return self.probs.log().to(torch.float32).expand(int(at.sum()), -1)


def test_rare_tokens_come_at_their_true_rate_over_many_rounds():
    # 100 tokens of probability 1e−4 each, 300,000 draws in 1024 rounds: 3000 rare ones are expected, sd 54.5. A float32
    # Gumbel draw with a mask slot would give 0.858 of that, 7.8 sd below.
    probs = torch.full((101,), 1e-4, dtype=torch.float64)
    probs[50] = 0.99
    plan = plans.bernoulli(uniform_grid(1024), 1200, 250, generator=seeded(13))
    samples = sample(FixedLaw(probs), plan)
    counts = samples.tokens.reshape(-1).bincount(minlength=101)
    rare = 300_000 - int(counts[50])
    assert stats.binomtest(rare, 300_000, 0.01).pvalue > FALSE_ALARM
    # And each rare token on its own: chi-square over all 101.
    assert stats.chisquare(counts.numpy(), (probs * 300_000).numpy()).pvalue > FALSE_ALARM
    # Early rounds are no different from late ones.
    early = plan.rounds < 512
    share = [int((samples.tokens[early] != 50).sum()), int((samples.tokens[~early] != 50).sum())]
    assert stats.binomtest(share[0], sum(share), float(early.double().mean())).pvalue > FALSE_ALARM


# Edges and errors.


def test_no_rows_and_nothing_to_do(brute):
    denoiser = brute.TableDenoiser(brute.random_joint(2, 3, seed=14))
    assert sample(denoiser, plans.random_order(0, 3)).tokens.shape == (0, 3)
    prompt = torch.tensor([0, 1, 0])
    samples = sample(denoiser, plans.random_order(4, 3, hidden=prompt == 2), prompt=prompt)
    assert torch.equal(samples.tokens, prompt.expand(4, 3))
    assert samples.network_calls.tolist() == [0] * 4
    assert denoiser.asked == []
    assert "batch=4" in repr(samples)


def test_the_prompt_and_the_plan_are_left_alone(brute):
    denoiser, plan, prompt = mixed_case(brute)
    before = prompt.clone(), plan.rounds.clone(), plan.times.clone()
    assert int(sample(denoiser, plan, prompt=prompt).tokens.max()) < denoiser.mask_id
    assert torch.equal(prompt, before[0])
    assert torch.equal(plan.rounds, before[1])
    assert torch.equal(plan.times, before[2])


def test_no_autograd_graph_is_built():
    class Learned(FixedLaw):
        def __call__(self, tokens, time=None, at=None):
            log_probs = torch.nn.functional.log_softmax(self.weights, -1).expand(int(at.sum()), -1)
            assert not log_probs.requires_grad
            return log_probs

    denoiser = Learned(torch.ones(4))
    denoiser.weights = torch.nn.Parameter(torch.zeros(4))
    sample(denoiser, plans.random_order(2, 3))


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (None, "prompt is needed.*position 1 of row 0"),
        ([2, 2, 2], "prompt has a hole at position 1"),
        ([0, 1, 2], "prompt gives token 0 at position 0 of row 0, where the plan says round"),
        ([2, 3, 2], "prompt has id 3"),
        ([2, -1, 2], "prompt has id -1"),
        ([2, 1], "prompt must have shape"),
        ([[2, 1, 2]] * 3, "prompt must have shape"),
        ([2.0, 1.0, 2.0], "prompt must hold integers"),
    ],
)
def test_bad_prompts(brute, prompt, message):
    denoiser = brute.TableDenoiser(brute.random_joint(2, 3, seed=14))
    plan = plans.random_order(2, 3, hidden=torch.tensor([True, False, True]))
    with pytest.raises(ValueError, match=message):
        sample(denoiser, plan, prompt=None if prompt is None else torch.tensor(prompt))
    assert denoiser.asked == []  # before any work is done


@pytest.mark.parametrize("limit", [0, -3, 1.5])
def test_bad_max_batch(brute, limit):
    denoiser = brute.TableDenoiser(brute.random_joint(2, 3, seed=14))
    with pytest.raises(ValueError, match="max_batch"):
        sample(denoiser, plans.random_order(2, 3), max_batch=limit)


def test_a_plan_is_wanted(brute):
    with pytest.raises(ValueError, match="plan"):
        sample(brute.TableDenoiser(brute.random_joint(2, 3, seed=14)), torch.zeros(2, 3))


def test_bad_answers_of_a_denoiser():
    class Everything(FixedLaw):
        def __call__(self, tokens, time=None, at=None):
            return self.probs.log().expand(*tokens.shape, -1)

    class Nothing(FixedLaw):
        def __call__(self, tokens, time=None, at=None):
            return torch.full((int(at.sum()), 4), torch.nan)

    plan = plans.random_order(2, 3)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\).*\(2, 4\) is right"):
        sample(Everything(torch.ones(4)), plan)
    with pytest.raises(ValueError, match="NaN"):
        sample(Nothing(torch.ones(4)), plan)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_draws_the_same_sample():
    probs = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
    plan = plans.bernoulli(uniform_grid(16), 40, 20, generator=seeded(15))
    here, there = FixedLaw(probs), FixedLaw(probs.cuda())
    there.device = torch.device("cuda")
    assert torch.equal(sample(there, plan, max_batch=7).tokens.cpu(), sample(here, plan).tokens)


@pytest.mark.gpu
def test_gpu_draws_the_same_from_a_network():
    """In float64 the logits differ by 1e-6 or so (rotation is in float32), so that no draw of these 800 flips."""
    network = random_network(vocab_size=5)
    plan = plans.bernoulli(uniform_grid(8), 40, 20, generator=seeded(3))
    here = sample(NetworkDenoiser(network.double()), plan).tokens
    there = sample(NetworkDenoiser(network.cuda()), plan).tokens
    assert torch.equal(here, there.cpu())


@pytest.mark.gpu
def test_gpu_draws_the_same_from_left_to_right():
    model = CausalLanguageModel(random_network(vocab_size=5, causal=True).double())
    keys = row_keys(40, seeded(4))
    here = sample_autoregressive(model, 40, 20, row_keys=keys).tokens
    there = sample_autoregressive(model.to("cuda"), 40, 20, row_keys=keys).tokens
    assert torch.equal(here, there.cpu())
