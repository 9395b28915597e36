"""What noise on tokens does, forwards and backwards: posteriors, concrete scores, reverse rates.

    weights          w(x_0) = p(x_0 | x_t) / q(x_t | x_0),  W = Σ w;   w / W is the leave-one-out posterior
    posterior        p(x_s | x_t) = T(x_s, x_t) · [α_s w(x_s) + (1 − α_s) ν(x_s) W]
    concrete score   p_t(y)/p_t(x) = α_t w(y) + (1 − α_t) ν(y) W,   and Σ_y of it is W
    reverse rate     x → y at σ'(t) ν(x) p_t(y)/p_t(x)

(D3PM, 2107.03006; SEDD, 2310.16834.) A sequence has one law per position here, each given the whole noisy sequence.
T, q, ν, α and σ are those of `ForwardProcess`.
"""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes.forward import ForwardProcess
from mdmtheory.diffusion.processes.levels import Level, aligned, check_noisy, levels


class Process(ForwardProcess):
    """Noise and the way back from it, given what is known of the clean tokens.

    Laws are computed in float64 and returned in the dtype of the law or score they are made from.
    """

    @final
    def posterior(
        self, noisy: Int[Tensor, "*shape"], clean_probs: Float[Tensor, "*shape V"], alpha_from: Level, alpha_to: Level
    ) -> Float[Tensor, "*shape n"]:
        """Law of x_s given x_t: q(x_s | x_t, x_0) averaged over x_0 ~ p(x_0 | x_t).

        It is exact for one position; a product over positions is the reverse step of D3PM and of ancestral sampling.
        Where x_0 cannot have led to x_t (a revealed token that differs, any token at α_t = 1) x_s is x_t: so under
        absorbing noise a revealed token stays, whatever `clean_probs` says. Between two times with α = 0 nothing moves.

        Args:
            noisy: x_t.
            clean_probs: p(x_0 | x_t), normalised.
            alpha_from: α_t.
            alpha_to: α_s ≥ α_t, s the less noisy time.

        Raises:
            ValueError: Wrong shape or range, or α_s below α_t.
        """
        before, after = self._level("alpha_from", alpha_from, noisy), self._level("alpha_to", alpha_to, noisy)
        if bool((after < before).any()):
            raise ValueError("alpha_to must be at least alpha_from: a reverse step goes to the less noisy time")
        here, base = self._one_hot(noisy), self.base(noisy.device)
        weights, lost = self._weights(noisy, clean_probs, before)
        keep = torch.where(after > 0, before / torch.where(after > 0, after, 1), 1)
        arrives = keep * here + (1 - keep) * base[noisy][..., None]
        starts = (1 - after) * base * weights.sum(-1, keepdim=True)
        starts[..., : self.vocab_size] += after * weights
        return (arrives * starts + lost * here).to(clean_probs.dtype)

    @final
    def scores(
        self, noisy: Int[Tensor, "*shape"], clean_probs: Float[Tensor, "*shape V"], alpha: Level
    ) -> Float[Tensor, "*shape n"]:
        """Concrete scores p_t(y)/p_t(x), y the sequence x with this position replaced; 1 at y = x.

        Under absorbing noise p(x_0 | x_t) determines them at masks alone. At a revealed token they are 0 for y ≠ x:
        what they are multiplied with in a reverse rate is zero.

        Args:
            noisy: x_t.
            clean_probs: p(x_0 | x_t), normalised.
            alpha: α_t < 1.

        Raises:
            ValueError: Wrong shape or range, or α = 1, where the clean law says nothing about other sequences.
        """
        level = self._level("alpha", alpha, noisy)
        check_noisy("scores", level)
        here, base = self._one_hot(noisy), self.base(noisy.device)
        weights, _ = self._weights(noisy, clean_probs, level)
        ratios = (1 - level) * base * weights.sum(-1, keepdim=True)
        ratios[..., : self.vocab_size] += level * weights
        reached = base[noisy][..., None] > 0
        return torch.where(here > 0, here, torch.where(reached, ratios, 0)).to(clean_probs.dtype)

    @final
    def clean_posterior(
        self, noisy: Int[Tensor, "*shape"], scores: Float[Tensor, "*shape n"], alpha: Level, *, project: bool = True
    ) -> Float[Tensor, "*shape V"]:
        """The law p(x_0 | x_t) that has these concrete scores: the inverse of `scores`.

        Args:
            noisy: x_t.
            scores: p_t(y)/p_t(x) for every y, 1 at y = x.
            alpha: α_t, 0 < α < 1.
            project: Scores that no law has (learned ones) solve to negative or unnormalised weights; True clips and
                normalises them (all zero: uniform), False returns them as they are.

        Raises:
            ValueError: Wrong shape or range, or an α at which scores do not determine the posterior.
        """
        level = self._level("alpha", alpha, noisy)
        check_noisy("clean_posterior", level)
        if bool((level <= 0).any()):
            raise ValueError("alpha must be above 0: pure noise has the same scores whatever the clean law")
        self._check_law("scores", scores, noisy, self.num_states)
        here, base = self._one_hot(noisy), self.base(noisy.device)
        ratios = torch.where(here > 0, here, scores.double())
        total = ratios.sum(-1, keepdim=True)
        weights = ((ratios - (1 - level) * base * total) / level)[..., : self.vocab_size]
        probs = weights * self._likelihood(noisy, level)
        if project:
            probs = probs.clamp(min=0)
            total = probs.sum(-1, keepdim=True)
            probs = torch.where(total > 0, probs / torch.where(total > 0, total, 1), 1 / self.vocab_size)
        return probs.to(scores.dtype)

    @final
    def leave_one_out(
        self, noisy: Int[Tensor, "*shape"], clean_probs: Float[Tensor, "*shape V"], alpha: Level
    ) -> Float[Tensor, "*shape V"]:
        """Law of x_0 given the other positions of x_t alone, from p(x_0 | x_t) ∝ q(x_t | x_0) · itself.

        A revealed token under absorbing noise leaves no trace of it; there the one-hot law of the token is returned.

        Args:
            noisy: x_t.
            clean_probs: p(x_0 | x_t), normalised.
            alpha: α_t < 1.

        Raises:
            ValueError: Wrong shape or range, or α = 1.
        """
        level = self._level("alpha", alpha, noisy)
        check_noisy("leave_one_out", level)
        weights, _ = self._weights(noisy, clean_probs, level)
        total = weights.sum(-1, keepdim=True)
        here = self._one_hot(noisy)[..., : self.vocab_size]
        return torch.where(total > 0, weights / torch.where(total > 0, total, 1), here).to(clean_probs.dtype)

    @final
    def from_leave_one_out(
        self, noisy: Int[Tensor, "*shape"], others: Float[Tensor, "*shape V"], alpha: Level
    ) -> Float[Tensor, "*shape V"]:
        """p(x_0 | x_t) ∝ q(x_t | x_0) p(x_0 | other positions of x_t): the inverse of `leave_one_out`.

        Where the two exclude each other (α = 1, or a revealed token, against a law without it) the token wins.

        Args:
            noisy: x_t.
            others: Law of x_0 given the other positions.
            alpha: α_t.

        Raises:
            ValueError: Wrong shape or range.
        """
        level = self._level("alpha", alpha, noisy)
        self._check_law("others", others, noisy, self.vocab_size)
        joint = others.double() * self._likelihood(noisy, level)
        total = joint.sum(-1, keepdim=True)
        here = self._one_hot(noisy)[..., : self.vocab_size]
        return torch.where(total > 0, joint / torch.where(total > 0, total, 1), here).to(others.dtype)

    @final
    def reverse_rates(
        self, noisy: Int[Tensor, "*shape"], scores: Float[Tensor, "*shape n"], noise_rate: Level
    ) -> Float[Tensor, "*shape n"]:
        """Rates of the time-reversed process out of x: σ'(t) ν(x) p_t(y)/p_t(x) for y ≠ x, and minus their sum at x.

        Args:
            noisy: x = x_t.
            scores: p_t(y)/p_t(x); the entry at y = x is not used.
            noise_rate: σ'(t) = −α'(t)/α(t), not negative and finite.

        Raises:
            ValueError: Wrong shape or range.
        """
        self._check_law("scores", scores, self._states("noisy", noisy), self.num_states)
        rate = torch.as_tensor(noise_rate, dtype=torch.float64, device=noisy.device)
        if not bool(((rate >= 0) & (rate < math.inf)).all()):
            raise ValueError(f"noise_rate must be at least zero and finite, got {noise_rate!r}")
        into = aligned(rate, noisy) * self.base(noisy.device)[noisy]
        here = self._one_hot(noisy)
        rates = torch.where(here > 0, 0, into[..., None] * scores.double())
        return torch.where(here > 0, -rates.sum(-1, keepdim=True), rates).to(scores.dtype)

    def _weights(self, noisy: Tensor, clean_probs: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """(w(x_0), 0 where x_0 cannot have led to x_t; the probability of all those x_0, with a trailing axis)."""
        self._check_law("clean_probs", clean_probs, noisy, self.vocab_size)
        likelihood, probs = self._likelihood(noisy, level), clean_probs.double()
        possible = likelihood > 0
        weights = torch.where(possible, probs / torch.where(possible, likelihood, 1), 0)
        return weights, torch.where(possible, 0, probs).sum(-1, keepdim=True)

    def _likelihood(self, noisy: Tensor, level: Tensor) -> Tensor:
        """q(x_t | x_0) for every x_0, (…, V)."""
        here = self._one_hot(noisy)[..., : self.vocab_size]
        return level * here + (1 - level) * self.base(noisy.device)[noisy][..., None]

    def _level(self, name: str, value: Level, noisy: Tensor) -> Tensor:
        """A checked probability with the axes of a law of `noisy`."""
        return levels(name, value, self._states("noisy", noisy))[..., None]

    def _check_law(self, name: str, law: Tensor, noisy: Tensor, size: int) -> None:
        if law.shape != (*noisy.shape, size) or not law.is_floating_point():
            raise ValueError(
                f"{name} must be floating-point of shape {(*noisy.shape, size)}, got {law.dtype} {tuple(law.shape)}"
            )
