"""Samplers that are Bernoulli reveals by another name."""

from __future__ import annotations

import torch

from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.policies.ranked import TopK
from mdmtheory.samplers.schemes import Bernoulli, Blocks, FixedSizes, Scheme


def as_bernoulli(sampler: Scheme | Policy | Kernel, length: int) -> Bernoulli | None:
    """The Bernoulli scheme that writes the same sequences with the exact denoiser, None if there is none.

    What reveals everything at once is `Bernoulli([1])`. A kernel on masks that fills holes with a probability that does
    not depend on the denoiser, and keeps what it wrote, is a Bernoulli scheme too: of the posterior step,
    w_k = α_s − α_t.
    """
    if isinstance(sampler, Bernoulli):
        return sampler
    if isinstance(sampler, Kernel):
        return _of_kernel(sampler)
    at_once = (
        (isinstance(sampler, FixedSizes) and max(sampler.sizes) == length)
        or (isinstance(sampler, Blocks | TopK) and sampler.size >= length)
        or length == 1
    )
    return Bernoulli([1.0]) if at_once else None


def _of_kernel(kernel: Kernel) -> Bernoulli | None:
    if not kernel.absorbing or kernel.remembers or kernel.finish != "draw":
        return None
    before, after = kernel.times[:-1], kernel.times[1:]
    holes = torch.full((len(before), 1), kernel.process.vocab_size)
    rates = kernel.fill_and_erase(kernel.step(holes, before, after))
    if rates is None or bool((torch.as_tensor(rates[1]) > 0).any()) or float(rates[0][-1]) != 1:
        return None  # it revises, or leaves holes
    kept = torch.cat([torch.ones(1, dtype=torch.float64), (1 - rates[0])[:-1].cumprod(0)])
    return Bernoulli(rates[0] * kept)
