"""Processes: every law against enumeration with matrix exponentials, hard zeros, both ways between score and law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.noise import NoisyLanguage, one_step, random_table, rate_matrix
from torch import Tensor

from mdmtheory.diffusion import Absorbing, Process, Uniform

KINDS = {"absorbing": Absorbing, "uniform": Uniform}
levels = st.floats(0.01, 0.99)
languages = st.builds(
    lambda kind, vocab, length, seed, zeros: NoisyLanguage(random_table(vocab, length, seed, zeros), kind),
    st.sampled_from(list(KINDS)),
    st.integers(2, 3),
    st.integers(1, 3),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.6]),
)


def process_of(language: NoisyLanguage) -> Process:
    return KINDS[language.kind](language.vocab_size)


def close(ours: Tensor, reference: np.ndarray, rows: np.ndarray | slice = slice(None)) -> None:
    torch.testing.assert_close(ours[rows], torch.from_numpy(reference)[rows], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("keep", [0.0, 0.3, 1.0])
def test_one_step_is_the_matrix_exponential(kind: str, keep: float) -> None:
    process = KINDS[kind](4)
    close(process.transition(keep), one_step(kind, 4, keep))
    close(process.marginal(torch.arange(process.num_states), keep), one_step(kind, 4, keep))
    batched = process.transition(torch.tensor([0.2, keep], dtype=torch.float64))
    close(batched[1], one_step(kind, 4, keep))
    close(process.base(), one_step(kind, 4, 0.0)[0])


@given(language=languages, alpha=levels)
@settings(max_examples=40, deadline=None)
def test_scores_and_posteriors_are_each_others_inverse(language: NoisyLanguage, alpha: float) -> None:
    process, noisy = process_of(language), torch.from_numpy(language.noisy)
    posterior, scores = torch.from_numpy(language.posterior(alpha)), language.scores(alpha)
    ours = process.scores(noisy, posterior, alpha)
    possible = language.law(alpha) > 0
    if language.kind == "absorbing":  # scores of revealed tokens are neither determined nor needed
        revealed = (noisy != process.vocab_size)[..., None] & (torch.arange(process.num_states) != noisy[..., None])
        assert (ours[revealed] == 0).all()
        scores = np.where(revealed.numpy(), 0, scores)
    close(ours, scores, possible)
    for project in (True, False):
        back = process.clean_posterior(noisy, torch.from_numpy(scores), alpha, project=project)
        close(back, posterior.numpy(), possible)


@given(language=languages, one=levels, two=levels)
@settings(max_examples=40, deadline=None)
def test_a_reverse_step_is_bayes(language: NoisyLanguage, one: float, two: float) -> None:
    low, high = sorted((one, two))
    process, noisy = process_of(language), torch.from_numpy(language.noisy)
    possible = language.law(low) > 0
    step = process.posterior(noisy, torch.from_numpy(language.posterior(low)), low, high)
    close(step, language.reverse_step(low, high), possible)
    assert (step >= 0).all()
    close(step.sum(-1), np.ones(step.shape[:2]))
    exact_zero = language.reverse_step(low, high)[possible] == 0
    assert (step[torch.from_numpy(possible)][torch.from_numpy(exact_zero)] == 0).all()


@given(language=languages, alpha=levels)
@settings(max_examples=40, deadline=None)
def test_leave_one_out_does_not_see_its_own_token(language: NoisyLanguage, alpha: float) -> None:
    process, noisy = process_of(language), torch.from_numpy(language.noisy)
    posterior = torch.from_numpy(language.posterior(alpha))
    others = process.leave_one_out(noisy, posterior, alpha)
    # A position that noise has just wiped out says nothing: by enumeration, the law of x_0 where token i is pure noise.
    clean, n = language.clean, language.num_states
    step = one_step(language.kind, language.vocab_size, alpha)
    for i in range(language.length):
        chance = language.probs[:, None].repeat(len(noisy), 1)
        for j in range(language.length):
            if j != i:
                chance = chance * step[np.ix_(clean[:, j], language.noisy[:, j])]
        law = np.stack([chance[clean[:, i] == v].sum(0) for v in range(language.vocab_size)], -1)
        seen = (law.sum(-1) > 0) & (language.law(alpha) > 0)
        if language.kind == "absorbing":
            seen &= language.noisy[:, i] == n - 1
        expected = law / np.where(law.sum(-1, keepdims=True) > 0, law.sum(-1, keepdims=True), 1)
        close(others[:, i], expected, seen)
    close(process.from_leave_one_out(noisy, others, alpha), posterior.numpy(), language.law(alpha) > 0)


@given(language=languages, alpha=levels, rate=st.floats(0.1, 5.0))
@settings(max_examples=40, deadline=None)
def test_reverse_rates_are_those_of_the_reversed_chain(language: NoisyLanguage, alpha: float, rate: float) -> None:
    process, noisy = process_of(language), torch.from_numpy(language.noisy)
    scores = torch.from_numpy(language.scores(alpha))
    rates = process.reverse_rates(noisy, scores, rate)
    forward = rate * rate_matrix(language.kind, language.vocab_size)
    assert rates.sum(-1).abs().max() < 1e-9 * rates.abs().max()
    for y in range(process.num_states):
        for x in range(process.num_states):
            if y != x:
                at = noisy == x
                torch.testing.assert_close(rates[..., y][at], forward[y, x] * scores[..., y][at])
    # Over a short time the posterior step is the identity plus time times rates.
    possible = torch.from_numpy(language.law(alpha) > 1e-6)
    short = 1e-6
    step = process.posterior(noisy, torch.from_numpy(language.posterior(alpha)), alpha, alpha * math.exp(short * rate))
    here = torch.nn.functional.one_hot(noisy, process.num_states)
    torch.testing.assert_close(
        (step - here)[possible] / short, rates[possible], rtol=1e-3, atol=1e-4 * float(rates[possible].abs().max())
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_steps_at_the_ends(kind: str) -> None:
    process = KINDS[kind](3)
    noisy = torch.arange(process.num_states)
    clean = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64).expand(process.num_states, 3)
    here = torch.eye(process.num_states, dtype=torch.float64)
    # Nothing moves between two times of pure noise, or of none.
    assert torch.equal(process.posterior(noisy, clean, 0.0, 0.0), here)
    if kind == "uniform":
        assert torch.equal(process.posterior(noisy, clean, 1.0, 1.0), here)
        torch.testing.assert_close(process.posterior(noisy, clean, 0.0, 1.0), clean)
        torch.testing.assert_close(process.posterior(noisy, clean, 0.4, 1.0), clean)
    else:
        for alpha in (0.0, 0.4, 1.0):  # a revealed token stays, whatever the clean law says
            law = process.posterior(noisy, clean, alpha, 1.0)
            torch.testing.assert_close(law[:3], here[:3], rtol=1e-15, atol=0)
            assert torch.equal(law[:3] > 0, here[:3] > 0)
            assert alpha == 1 or law[3].tolist() == pytest.approx([0.5, 0.5, 0, 0])


def test_levels_belong_to_rows() -> None:
    process = Uniform(3)
    noisy, clean = torch.tensor([[0, 1], [2, 2]]), torch.rand(2, 2, 3, dtype=torch.float64)
    clean = clean / clean.sum(-1, keepdim=True)
    alpha = torch.tensor([0.2, 0.7], dtype=torch.float64)
    for row in range(2):
        level = float(alpha[row])
        assert torch.equal(process.scores(noisy, clean, alpha)[row], process.scores(noisy[row], clean[row], level))
        assert torch.equal(
            process.posterior(noisy, clean, alpha, 0.9)[row], process.posterior(noisy[row], clean[row], level, 0.9)
        )
        assert torch.equal(process.marginal(noisy, alpha)[row], process.marginal(noisy[row], level))
    assert process.scores(noisy, clean.float(), alpha).dtype == torch.float32


@pytest.mark.parametrize("kind", list(KINDS))
def test_noise_has_its_marginal(kind: str) -> None:
    process, generator = KINDS[kind](3), torch.Generator().manual_seed(5)
    tokens = torch.tensor([[0, 2]]).repeat(60_000, 1)
    alpha = torch.full((60_000,), 0.6)
    noisy = process.add_noise(tokens, alpha, generator=generator)
    twice = process.add_noise(process.add_noise(tokens, 0.75, generator=generator), 0.8, generator=generator)
    for drawn in (noisy, twice):
        pairs = (drawn[:, 0] * process.num_states + drawn[:, 1]).bincount(minlength=process.num_states**2)
        law = process.marginal(tokens[0], 0.6)
        expected = 60_000 * torch.outer(law[0], law[1]).flatten()
        assert (pairs[expected == 0] == 0).all()
        seen = expected > 0
        chi_square = float(((pairs[seen] - expected[seen]) ** 2 / expected[seen]).sum())
        # 8 degrees of freedom at most: false alarm below 1e-5 each; the seed is fixed.
        assert chi_square < 37.4


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_what_is_owed_for_a_prior(kind: str, alpha: float) -> None:
    process = KINDS[kind](4)
    law, base = process.marginal(torch.tensor(2), alpha), process.base()
    inside = law > 0
    expected = float((law[inside] * (law[inside] / base[inside]).log()).sum())
    assert process.prior_kl(alpha) == pytest.approx(expected, abs=1e-14)


def test_scores_of_no_law_are_projected() -> None:
    process = Uniform(3)
    noisy, scores = torch.tensor([0]), torch.tensor([[1.0, 0.0, 9.0]], dtype=torch.float64)
    raw = process.clean_posterior(noisy, scores, 0.5, project=False)
    assert (raw < 0).any()
    law = process.clean_posterior(noisy, scores, 0.5)
    assert (law >= 0).all()
    assert float(law.sum()) == pytest.approx(1)
    nothing = Absorbing(3).clean_posterior(torch.tensor([3]), torch.zeros(1, 4, dtype=torch.float64), 0.5)
    assert nothing.tolist() == [pytest.approx([1 / 3] * 3)]


def test_processes_are_values() -> None:
    assert Absorbing(3) == Absorbing(3) != Absorbing(4)
    assert Absorbing(3) != Uniform(3)
    assert len({Uniform(3), Uniform(3), Absorbing(3)}) == 2
    assert (repr(Absorbing(3)), Absorbing(3).num_states, Uniform(3).num_states) == ("Absorbing(3)", 4, 3)


def test_bad_input_is_named() -> None:
    process, noisy = Uniform(3), torch.tensor([[0, 1]])
    clean = torch.full((1, 2, 3), 1 / 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="vocab_size"):
        Absorbing(0)
    with pytest.raises(ValueError, match=r"noisy has id 3, outside the states 0 … 2 of Uniform\(3\)"):
        process.scores(torch.tensor([[0, 3]]), clean, 0.5)
    with pytest.raises(ValueError, match="tokens must be int64"):
        process.add_noise(torch.zeros(1, 2), 0.5)
    with pytest.raises(ValueError, match=r"keep must lie in \[0, 1\], got 1.5"):
        process.transition(1.5)
    with pytest.raises(ValueError, match="clean_probs must be floating-point of shape"):
        process.posterior(noisy, clean[..., :2], 0.2, 0.5)
    with pytest.raises(ValueError, match="alpha_to must be at least alpha_from"):
        process.posterior(noisy, clean, 0.5, 0.2)
    with pytest.raises(ValueError, match="alpha must be below 1"):
        process.scores(noisy, clean, 1.0)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        process.clean_posterior(noisy, clean, 0.0)
    with pytest.raises(ValueError, match="noise_rate must be at least zero and finite"):
        process.reverse_rates(noisy, clean, math.inf)


@pytest.mark.gpu
def test_everything_works_on_a_gpu() -> None:
    for process in (Absorbing(3), Uniform(3)):
        noisy = torch.randint(process.num_states, (4, 5), generator=torch.Generator().manual_seed(0))
        clean = torch.rand(4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(-1)
        alpha = torch.rand(4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        on_gpu = (noisy.cuda(), clean.cuda(), alpha.cuda())
        here = process.scores(noisy, clean, alpha)
        there = process.scores(*on_gpu)
        torch.testing.assert_close(there.cpu(), here)
        torch.testing.assert_close(process.posterior(*on_gpu, 1.0).cpu(), process.posterior(noisy, clean, alpha, 1.0))
        torch.testing.assert_close(
            process.clean_posterior(on_gpu[0], there, on_gpu[2]).cpu(), process.clean_posterior(noisy, here, alpha)
        )
        torch.testing.assert_close(
            process.reverse_rates(on_gpu[0], there, 1.0).cpu(), process.reverse_rates(noisy, here, 1.0)
        )
        generator = torch.Generator("cuda").manual_seed(0)
        assert process.add_noise(on_gpu[0], on_gpu[2], generator=generator).is_cuda
