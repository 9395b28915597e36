"""The gap recursion against enumeration, closed forms and samples."""

from __future__ import annotations

import contextlib
import itertools
import math
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rational
from reference.brute_force import sequences
from reference.chains import KINDS, random_case, random_chain
from reference.marginal_law import fixed_law, joint, marginal_law, rational_marginal
from scipy import stats

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from mdmtheory.denoisers import Oracle
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.estimates import estimate_generative_log_ter
from mdmtheory.exact import markov, path
from mdmtheory.exact.markov import divergence, gaps, generative, log_probs, recursion
from mdmtheory.samplers import plans, sample

SETTINGS = settings(max_examples=9, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


@contextlib.contextmanager
def cut_into_pieces(block, entries):
    """Small blocks of positions and chunks of gaps, so that short sequences take the paths of long ones."""
    with (
        mock.patch.object(recursion, "BLOCK", block),
        mock.patch.object(generative, "BLOCK", block),
        mock.patch.dict(gaps.CHUNK_ENTRIES, cpu=entries),
    ):
        yield


pieces = st.sampled_from([(32, 1 << 20), (1, 1), (2, 100), (3, 1000)])


@pytest.mark.parametrize("kind", KINDS)
@SETTINGS
@given(seed=seeds, sizes=pieces)
def test_everything_equals_enumeration(kind, seed, sizes):
    """SER, p(x) on the support and off it, KL and generative TER: any start, hard zeros, periodic, reducible, order 1
    and 2, reveal vectors with zeros, and the segment convention over parents.
    """
    language, reference, length, weights = random_case(kind, seed)
    law, truth = marginal_law(reference, length, weights), joint(reference, length)
    assert law.sum() == pytest.approx(1, abs=1e-12)
    words = torch.as_tensor(sequences(language.vocab_size, length))
    log_prob = markov.log_prob(language, words, weights).numpy()
    np.testing.assert_allclose(np.exp(log_prob), law, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(np.isneginf(log_prob), law == 0)
    with cut_into_pieces(*sizes):
        error = markov.sequence_error_rate(language, length, weights)
        log_ter = markov.generative_log_ter(language, length, weights)
    assert error == pytest.approx(1 - law[truth > 0].sum(), abs=1e-10)
    judge = truth if reference.parent is None else joint(reference.parent, length)
    if (law[judge == 0] > 0).any():
        assert log_ter == math.inf
    else:
        made = law > 0
        assert log_ter == pytest.approx(-(law[made] * np.log(judge[made])).sum() / length, abs=1e-10)
    possible = truth > 0
    kl = (truth[possible] * np.log(truth[possible] / law[possible])).sum()
    estimate = markov.marginal_kl(language, length, weights)
    assert (estimate.method, estimate.law, estimate.unit) == ("exact", "marginal", "nats")
    assert estimate.value == pytest.approx(kl, abs=1e-10)
    log_ter = markov.forward_log_ter(language, length, weights)
    assert log_ter.value == pytest.approx(-(truth[possible] * np.log(law[possible])).sum() / length, abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@SETTINGS
@given(seed=seeds, logarithmic=st.booleans())
def test_log_prob_by_every_route(kind, seed, logarithmic):
    """The compiled linear pass, the logarithmic one it falls back on, and the batched one for accelerators."""
    language, _, length, weights = random_case(kind, seed)
    words = torch.as_tensor(sequences(language.vocab_size, length))
    expected = markov.log_prob(language, words, weights)
    pairs = log_probs._gathered(log_probs._pair_logs(language, length), words)
    with mock.patch.object(log_probs, "SAFE", 1e-300 if logarithmic else 1e100):
        got = log_probs._device(pairs, language, recursion.step_hazards(weights))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)
    if logarithmic:
        with mock.patch.object(log_probs, "SAFE", 1e-300):
            torch.testing.assert_close(markov.log_prob(language, words, weights), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("dense", "independent")])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=seeds, sizes=pieces)
def test_table_and_curve_are_the_rates(kind, seed, sizes):
    language, _, length, weights = random_case(kind, seed, most_tokens=4, most_positions=8)
    steps = 4
    with cut_into_pieces(*sizes):
        table = markov.sequence_error_table(language, length, steps)
        curve = markov.sequence_error_curve(language, length, weights)
    assert table.shape == (length, steps)
    for short in range(1, length + 1):
        assert float(curve[short - 1]) == pytest.approx(markov.sequence_error_rate(language, short, weights), abs=1e-13)
        for few in range(1, steps + 1):
            expected = markov.sequence_error_rate(language, short, uniform_reveal(few))
            assert float(table[short - 1, few - 1]) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entries", [1, 500])
def test_laws_in_gaps_are_those_of_the_language(kind, entries):
    """Every gap between any two ends, impossible ones included, against `Language.conditionals`."""
    for seed in range(2):
        language, _ = random_chain(kind, 3, np.random.default_rng(seed))
        start, end, hole, start_law = 3, 3, language.mask_id, language.first_order()[0]
        with mock.patch.dict(gaps.CHUNK_ENTRIES, cpu=entries):
            exact, everywhere = gaps.GapLaw(language, 3), gaps.GapLaw(language, 3, everywhere=True)
        for (first, last), a, b in itertools.product(exact.chunks(3), range(4), range(4)):
            for d in range(first, last + 1):
                row = [*([] if a == start else [a]), *[hole] * d, *([] if b == end else [b])]
                if language.order == 1 and any(v < 3 and start_law[v] == 0 for v in row):
                    continue  # independent tokens know no dead context, and no sampler produces these
                law, dead = language.conditionals(torch.tensor([row]))
                holes = torch.tensor(row) == hole
                expected, dead = law[0, holes].exp(), dead[0, holes][:, None]
                got, zeroed = (table(first, last)[d - first, b, a] for table in (everywhere, exact))
                torch.testing.assert_close(got[:d], expected, rtol=0, atol=1e-12)
                torch.testing.assert_close(zeroed[:d], expected.masked_fill(dead, 0.0), rtol=0, atol=1e-12)
                assert not got[d:].any()
                patterns = everywhere.patterns(first, last)[d - first, b, a]
                assert torch.equal(patterns > 0, got > 0)


@pytest.mark.parametrize("shift", [0, 1])
def test_repeated_symbol_at_length_100(shift):
    """All tokens alike, or counting modulo k: 1 − SER = k Σ_j [(1 − t_j + w_j/k)^L − (1 − t_j)^L], a closed form."""
    k, length, weights = 3, 100, np.array([0.02, 0.28, 0.4, 0.3])
    language = NGramLanguage(np.roll(np.eye(k), shift, axis=1), np.full(k, 1 / k))
    after = 1 - np.cumsum(weights)
    success = k * float(((after + weights / k) ** length - after.clip(min=0) ** length).sum())
    assert 0.1 < success < 0.9
    assert markov.sequence_error_rate(language, length, weights) == pytest.approx(1 - success, abs=1e-12)
    word = torch.as_tensor((np.arange(length) * shift) % k)[None]
    assert float(markov.log_prob(language, word, weights)[0]) == pytest.approx(math.log(success / k), abs=1e-11)
    assert markov.marginal_kl(language, length, weights).value == pytest.approx(-math.log(success), abs=1e-11)


def test_long_sequences_agree_with_samples():
    """Several blocks of positions; the exact SER within the binomial spread, the generative TER within five standard
    errors (false alarms 1e-5 and 1e-6).
    """
    language = random_ngram(2, 4, seed=4, prune_below=0.15)
    length, weights = 48, [0.1, 0.0, 0.2, 0.3, 0.4]
    plan = plans.bernoulli(weights, 6000, length, generator=torch.Generator().manual_seed(0))
    tokens = sample(Oracle(language), plan).tokens
    wrong = int((~language.contains(tokens)).sum())
    error = markov.sequence_error_rate(language, length, weights)
    assert 0.3 < error < 0.99
    assert stats.binomtest(wrong, len(tokens), error).pvalue > 1e-5
    estimate = estimate_generative_log_ter(language, tokens)
    half = (estimate.high - estimate.low) / 2 / 1.96
    assert abs(markov.generative_log_ter(language, length, weights) - estimate.value) < 5 * half


@pytest.mark.parametrize("kind", ["zeros", "pruned", "cycle", "reducible", "independent"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_left_to_right_blocks(kind, size):
    length = 5
    for seed in range(4):
        language, reference = random_chain(kind, 3, np.random.default_rng(seed))
        law = fixed_law(reference, tuple(i // size for i in range(length)))
        expected = 1 - law[joint(reference, length) > 0].sum()
        assert markov.left_to_right_blocks(language, length, size) == pytest.approx(expected, abs=1e-10)


def test_invariances():
    """Names of tokens do not matter, and a stationary chain reads backwards as well as forwards."""
    language = random_ngram(2, 4, seed=4, prune_below=0.15)
    stationary = NGramLanguage(language.first_order()[1].numpy())
    start, table = (t.numpy() for t in stationary.first_order())
    weights = [0.3, 0.1, 0.6]
    value = markov.sequence_error_rate(stationary, 12, weights)
    assert value > 0.1
    order = [2, 0, 3, 1]
    renamed = NGramLanguage(table[order][:, order], start[order])
    assert markov.sequence_error_rate(renamed, 12, weights) == pytest.approx(value, abs=1e-13)
    backwards = NGramLanguage((start[:, None] * table / start).T, start)
    assert markov.sequence_error_rate(backwards, 12, weights) == pytest.approx(value, abs=1e-13)
    full = 0.9 * table + 0.025
    log_ters = [markov.generative_log_ter(NGramLanguage(p), 12, weights) for p in (full, full[order][:, order])]
    assert log_ters[0] == pytest.approx(log_ters[1], abs=1e-12)


def test_limits():
    language = random_ngram(2, 4, seed=4, prune_below=0.15)
    # One step: independent draws from the marginals.
    marginals, follows = language.marginals(6), (language.first_order()[1] > 0).double()
    weights = marginals[0]
    for law in marginals[1:]:
        weights = (weights @ follows) * law
    assert markov.sequence_error_rate(language, 6, [1.0]) == pytest.approx(1 - float(weights.sum()), abs=1e-13)
    # Many steps: N·SER tends to a constant, and marginal KL to SER.
    errors = [n * markov.sequence_error_rate(language, 6, uniform_reveal(n)) for n in (200, 400)]
    assert errors[0] > 0.1
    assert errors[1] == pytest.approx(errors[0], rel=0.01)
    assert markov.marginal_kl(language, 6, uniform_reveal(400)).value == pytest.approx(errors[1] / 400, rel=0.05)
    # A full support leaves nothing to get wrong, exactly.
    full = random_ngram(2, 4, seed=1)
    assert markov.sequence_error_rate(full, 9, [0.5, 0.5]) == 0.0
    assert not markov.sequence_error_table(full, 9, 3).any()


def test_tiny_probabilities_are_not_zero():
    """Two transitions of 1e-200 in a row underflow; exact rational arithmetic says what is right."""
    tiny = 1e-200
    table, start = np.array([[1 - tiny, tiny, 0.0], [0.5, tiny, 0.5], [tiny, 0.5, 0.5]]), np.array([1.0, 0.0, 0.0])
    language, reference = NGramLanguage(table, start), rational.ngram(table, start)
    weights = [0.25, 0.75]
    words = [word for word in sequences(3, 4).tolist() if reference.prob(word) > 0]
    exact = [rational_marginal(reference, word, weights) for word in words]
    log_prob = markov.log_prob(language, torch.tensor(words), weights).numpy()
    np.testing.assert_allclose(log_prob, [rational.log(p) for p in exact], rtol=1e-12)
    assert log_prob.min() < -900
    assert markov.sequence_error_rate(language, 4, weights) == pytest.approx(float(1 - sum(exact)), abs=1e-12)


def test_long_sequences_do_not_underflow():
    """A sequence of probability e^-740: in one step the product of its marginals, and close to it in nearly one."""
    language = random_ngram(2, 40, seed=1)
    tokens = torch.randint(0, 40, (1, 200), generator=torch.Generator().manual_seed(0))
    expected = language.marginals(200).log().gather(1, tokens.T).sum()
    assert float(expected) < -720
    torch.testing.assert_close(markov.log_prob(language, tokens, [1.0])[0], expected, rtol=1e-12, atol=0)
    nearly = markov.log_prob(language, tokens, [1 - 1e-9, 1e-9])[0]
    torch.testing.assert_close(nearly, expected, rtol=0, atol=1e-5)


def test_sampled_kl_agrees_with_the_exact_one_and_stays_in_the_bracket():
    """Within five standard errors of the exact value (false alarm 1e-6 each), at a fixed seed."""
    language = random_ngram(2, 3, seed=2, prune_below=0.2)
    for steps in (1, 4, 16):
        exact = markov.marginal_kl(language, 7, uniform_reveal(steps)).value
        with mock.patch.object(divergence, "ENUMERATED", 1):
            generator = torch.Generator().manual_seed(steps)
            estimate = markov.marginal_kl(language, 7, uniform_reveal(steps), num_sequences=500, generator=generator)
        assert estimate.method == "monte-carlo"
        assert abs(estimate.value - exact) <= 5 / 1.96 * (estimate.high - estimate.low) / 2
        low = -math.log1p(-markov.sequence_error_rate(language, 7, uniform_reveal(steps)))
        assert low - 1e-12 <= estimate.low <= estimate.value <= estimate.high
        assert estimate.high <= path.path_kl(language, 7, uniform_reveal(steps)) + 1e-12
        assert low < exact


def test_the_integrand_under_the_mixture_averages_to_the_divergence():
    """Σ m f = KL − SER for laws of which one has zeros, and no ratio is too large or too small for it."""
    q, p = np.random.default_rng(0).dirichlet(np.ones(9), size=2)
    q[:2] = 0.0
    q /= q.sum()
    ratio = p[2:] / q[2:]
    mean = (q[2:] + p[2:]) / 2 @ divergence._integrand(torch.as_tensor(np.log(ratio))).numpy()
    assert mean + p[:2].sum() == pytest.approx(-(q[2:] @ np.log(ratio)), abs=1e-12)
    extreme = divergence._integrand(torch.tensor([800.0, -800.0, 0.0, 1e-9], dtype=torch.float64)).tolist()
    assert extreme == pytest.approx([2.0, 1598.0, 0.0, 5e-19], abs=1e-16)


CHAIN = random_ngram(2, 3, seed=2, prune_below=0.2)
CALLS = {
    "sequence_error_rate": lambda language, length, reveal: markov.sequence_error_rate(language, length, reveal),
    "sequence_error_curve": lambda language, length, reveal: markov.sequence_error_curve(language, length, reveal),
    "sequence_error_bracket": lambda language, length, reveal: markov.sequence_error_bracket(language, length, reveal),
    "extrapolated": lambda language, length, reveal: markov.extrapolated_sequence_error_rate(language, length, reveal),
    "gradient": lambda language, length, reveal: markov.sequence_error_gradient(language, length, reveal),
    "generative_log_ter": lambda language, length, reveal: markov.generative_log_ter(language, length, reveal),
    "marginal_kl": lambda language, length, reveal: markov.marginal_kl(language, length, reveal),
    "forward_log_ter": lambda language, length, reveal: markov.forward_log_ter(language, length, reveal),
}


@pytest.mark.parametrize("name", CALLS)
def test_bad_input(name):
    call = CALLS[name]
    for language in (random_hmm(2, 3, seed=0), copy_pairs(2), random_ngram(3, 2, seed=0)):
        with pytest.raises(ValueError, match="first-order chain") as error:
            call(language, 4, [1.0])
        assert "estimat" in str(error.value) or "enumerat" in str(error.value)
    for reveal, reason in (([0.5, 0.6], "sum to one"), ([1.5, -0.5], "negative"), ([[1.0]], "shape"), ([], "axes")):
        with pytest.raises(ValueError, match=reason) as error:
            call(CHAIN, 4, reveal)
        assert "reveal" in str(error.value)
    for length in (0, 2.5, "4"):
        with pytest.raises(ValueError, match="length"):
            call(CHAIN, length, [1.0])
    with mock.patch("languages.budget.free_bytes", return_value=100), pytest.raises(ValueError, match="GiB"):
        call(CHAIN, 40, [0.5, 0.5])


def test_other_bad_input():
    with pytest.raises(ValueError, match="steps"):
        markov.sequence_error_table(CHAIN, 4, 0)
    with pytest.raises(ValueError, match="size"):
        markov.left_to_right_blocks(CHAIN, 4, 0)
    with pytest.raises(ValueError, match="first-order chain"):
        markov.left_to_right_blocks(copy_pairs(2), 4, 2)
    with pytest.raises(ValueError, match="hole"):
        markov.log_prob(CHAIN, torch.tensor([[0, 3]]), [1.0])
    with pytest.raises(ValueError, match="num_sequences"):
        markov.marginal_kl(CHAIN, 4, [1.0], num_sequences=1)
    with mock.patch("languages.budget.free_bytes", return_value=100), pytest.raises(ValueError, match="GiB"):
        markov.log_prob(CHAIN, torch.tensor([[0, 1]]), [1.0])
    assert markov.log_prob(CHAIN, torch.empty(0, 4, dtype=torch.int64), [1.0]).shape == (0,)


@pytest.mark.gpu
def test_on_a_gpu():
    language, weights = random_ngram(2, 5, seed=3, prune_below=0.1), [0.2, 0.3, 0.5]
    there = language.to("cuda")
    assert markov.sequence_error_rate(there, 70, weights) == pytest.approx(
        markov.sequence_error_rate(language, 70, weights), abs=1e-12
    )
    table = markov.sequence_error_table(there, 20, 5)
    assert table.is_cuda
    torch.testing.assert_close(table.cpu(), markov.sequence_error_table(language, 20, 5), rtol=0, atol=1e-12)
    assert markov.generative_log_ter(there, 40, weights) == pytest.approx(
        markov.generative_log_ter(language, 40, weights), abs=1e-12
    )
    tokens = language.sample(6, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        markov.log_prob(there, tokens, weights).cpu(), markov.log_prob(language, tokens, weights), rtol=0, atol=1e-10
    )
    for one, other in zip(
        markov.sequence_error_gradient(there, 12, weights),
        markov.sequence_error_gradient(language, 12, weights),
        strict=True,
    ):
        assert torch.allclose(torch.as_tensor(one), torch.as_tensor(other), rtol=0, atol=1e-12)
    assert markov.left_to_right_blocks(there, 20, 4) == pytest.approx(markov.left_to_right_blocks(language, 20, 4))
