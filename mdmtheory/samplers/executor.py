"""The one verb of all samplers."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.draws.decoding import PLAIN, Decoding
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.run.compatibility import check_fits
from mdmtheory.samplers.run.run_kernel import run_kernel
from mdmtheory.samplers.run.run_plan import run_plan, start_of_plan
from mdmtheory.samplers.run.run_policy import run_policy
from mdmtheory.samplers.run.start_rows import start
from mdmtheory.samplers.samples import Samples
from mdmtheory.samplers.schemes import Scheme

__all__ = ["Samples", "sample"]


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Plan | Scheme | Policy | Kernel,
    *,
    prompt: Int[Tensor, "*B L"] | None = None,
    batch: int | None = None,
    length: int | None = None,
    decoding: Decoding = PLAIN,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
    max_batch: int | None = None,
) -> Samples:
    """Draw sequences from any sampler.

        sample(denoiser, plans.bernoulli(reveal, batch, length))
        sample(denoiser, Confidence(2), batch=64, length=32)
        sample(denoiser, ReMDMCap(Absorbing(8), steps=32), prompt=tokens_with_holes)

    Every draw is keyed by row, so the result does not depend on `max_batch`, on the order of the rows, or on how a
    batch is split; with a network, up to ties within the rounding of its logits. A row that is complete makes room for
    the next, and is paid for no longer.

    Args:
        denoiser: Any `Denoiser`; it is called with float64 times. Kernels with uniform noise need one that reads noisy
            tokens, such as `UniformOracle`.
        sampler: A plan, a scheme (which draws its plan), a policy or a kernel.
        prompt: (L,) or (B, L) tokens with holes (`mask_id`), anywhere. Given tokens never change and are not paid for.
            With a plan, holes must be exactly where its rounds are not −1. None where nothing is given.
        batch: B, where neither plan nor prompt says it.
        length: L, likewise.
        decoding: Temperature, top-k and nucleus; by default tokens are drawn from what the denoiser says.
        generator: Source of the row keys; None means torch's default. A plan has its own keys.
        row_keys: (B,) int64 keys instead of a generator.
        max_batch: The most rows to send at once; None for all of them.

    Returns:
        The tokens and calls per row, on the denoiser's device, in the order of the rows.

    Raises:
        ValueError: An argument is wrong or missing, prompt and plan disagree, the denoiser knows the prompt to be
            impossible, or the denoiser answers with the wrong shape or with no law.
    """
    if not isinstance(decoding, Decoding):
        raise ValueError(f"decoding must be a Decoding, such as Decoding(temperature=0.8), got {decoding!r}")
    check_fits(denoiser, sampler)
    limit = None if max_batch is None else check_count("max_batch", max_batch)
    if isinstance(sampler, Plan):
        told = {"batch": batch, "length": length, "generator": generator, "row_keys": row_keys}
        surplus = [name for name, value in told.items() if value is not None]
        if surplus:
            raise ValueError(f"{surplus[0]} is the plan's to say: leave it out, or pass a scheme instead of a plan")
        plan = sampler.to(denoiser.device)
        return run_plan(denoiser, plan, start_of_plan(denoiser, plan, prompt), decoding, limit or max(len(plan), 1))
    if not isinstance(sampler, Scheme | Policy | Kernel):
        raise ValueError(f"sampler must be a plan, a scheme, a policy or a kernel, got {type(sampler).__name__}")
    rows = start(denoiser, prompt, batch, length, generator, row_keys)
    limit = limit or max(len(rows.keys), 1)
    if isinstance(sampler, Scheme):
        plan = sampler.plan(*rows.tokens.shape, hidden=~rows.given, row_keys=rows.keys)
        return run_plan(denoiser, plan, rows.tokens, decoding, limit)
    if isinstance(sampler, Policy):
        return run_policy(denoiser, sampler, rows, decoding, limit)
    return run_kernel(denoiser, sampler, rows, decoding, limit)
