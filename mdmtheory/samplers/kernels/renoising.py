"""κ · posterior + (1 − κ) · renoise: what most samplers that revise tokens have in common."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_fraction
from mdmtheory.diffusion.processes import Process
from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step, unmask_probability
from mdmtheory.samplers.properties import Properties


def renoising_law(
    process: Process,
    tokens: Int[Tensor, "B L"],
    clean_probs: Float[Tensor, "B L V"],
    before: Float[Tensor, " B"],
    after: Float[Tensor, " B"],
    kappa: Float[Tensor, " B"],
) -> Float[Tensor, "B L n"]:
    """κ · q(x_s | x_t, x_0) + (1 − κ) · q(x_s | x_0), averaged over x_0 ~ p(x_0 | x_t).

    Both terms keep q(x_s | x_0), so every κ in [0, 1] does. Under absorbing noise it is remasking with
    σ = (1 − κ)(1 − α_s).

    Args:
        process: The noise.
        tokens: x_t.
        clean_probs: p(x_0 | x_t).
        before: α_t.
        after: α_s.
        kappa: κ of each row.
    """
    level, mixed = after[:, None, None], kappa[:, None, None]
    posterior = process.posterior(tokens, clean_probs, before, after)
    renoise = ((1 - level) * process.base(tokens.device)).repeat(1, tokens.shape[1], 1)
    renoise[..., : process.vocab_size] += level * clean_probs
    return mixed * posterior + (1 - mixed) * renoise


@dataclasses.dataclass(frozen=True, repr=False)
class Renoising(Kernel):
    """Every step mixes the posterior step with fresh noise on the denoiser's guess, x_s ~ q(x_s | x_0 ~ p(x_0 | x_t)).

    κ = 1 is ancestral sampling, κ = 0 guesses all of x_0 anew in every step and noises it to time s.

    Attributes:
        kappa: κ in [0, 1].
    """

    kappa: float = 0.9
    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞; at every N for one hidden position",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=True,
        needs_time=True,
        literature="Ψ-sampler (Duo), κ family",
        source="2602.21185",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kappa", check_fraction("kappa", self.kappa))

    def kappas(self, step: Step) -> Float[Tensor, " B"]:
        """κ of each row's step."""
        return torch.full_like(step.time_to, self.kappa)

    @final
    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        return renoising_law(self.process, step.tokens, log_probs.exp(), *step.alphas, self.kappas(step))

    @final
    def fill_and_erase(self, step: Step) -> FillErase | None:
        kappa, after = self.kappas(step), step.alpha_to
        return kappa * unmask_probability(*step.alphas) + (1 - kappa) * after, (1 - kappa) * (1 - after)


@final
@dataclasses.dataclass(frozen=True, repr=False)
class RenoisingCorrector(Renoising):
    """After each posterior step, correctors at constant α: κ · stay + (1 − κ) · renoise.

    `PredictorCorrector` is the published sampler of that name.

    Attributes:
        kappa: κ of the correctors.
        correctors: Corrector steps after each step but the last.
    """

    correctors: int = 1
    properties: ClassVar[Properties] = dataclasses.replace(
        Renoising.properties,
        calls="≤ N + (N − 1) · correctors",
        literature="in the manner of predictor–corrector",
        source="2205.14987, 2602.21185",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "correctors", check_count("correctors", self.correctors))

    @property
    def times(self) -> Float[Tensor, " M+1"]:
        grid = super().times
        copies = torch.ones(len(grid), dtype=torch.int64)
        copies[1:-1] += self.correctors
        return grid.repeat_interleave(copies)

    def kappas(self, step: Step) -> Float[Tensor, " B"]:
        return torch.where(step.time_from == step.time_to, super().kappas(step), 1.0)
