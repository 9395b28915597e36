"""Exact averages of losses: sums over clean and noisy sequences, quadrature over time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from reference.noise import NoisyLanguage, one_step
from torch import Tensor

from mdmtheory.diffusion import AnyOrder, DiffusionLoss

Model = Callable[[float], Tensor]
"""α → output for every noisy sequence, (n^L, L, V) float64."""


def time_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (0, 1) that integrate logarithmic ends to about 1e−9 (tanh–sinh rule)."""
    step = 0.06
    u = step * np.arange(-48, 49)  # the last node is 7e−13 short of 1
    times = 1 / (1 + np.exp(-np.pi * np.sinh(u)))
    return times, step * np.pi * np.cosh(u) * times * (1 - times)


def is_counted(loss: DiffusionLoss) -> bool:
    """Whether noise masks a number of positions, rather than each with a probability."""
    return isinstance(loss, AnyOrder) and loss.masking == "count"


def law_of_times(loss: DiffusionLoss, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The times a loss draws and their probabilities."""
    if is_counted(loss):
        share = np.arange(1, length + 1) / length
        return share, share ** (1 / loss.skew) - (share - 1 / length) ** (1 / loss.skew)
    steps = getattr(loss, "num_steps", None)
    if steps is not None:
        return np.arange(1, steps + 1) / steps, np.full(steps, 1 / steps)
    times, weights = time_nodes()
    if isinstance(loss, AnyOrder):
        times = times**loss.skew
    return times, weights


def chance_of_noise(loss: DiffusionLoss, language: NoisyLanguage, time: float) -> np.ndarray:
    """(V^L, n^L) law of x_t given x_0 as the loss draws it."""
    if not is_counted(loss):
        return language.likelihood(float(loss.alpha(torch.tensor(time, dtype=torch.float64))))
    count, mask = round(time * language.length), language.vocab_size
    sets = list(itertools.combinations(range(language.length), count))
    chance = np.zeros((len(language.clean), len(language.noisy)))
    for hidden in sets:
        for row, clean in enumerate(language.clean):
            noisy = [mask if i in hidden else v for i, v in enumerate(clean)]
            chance[row, int(np.ravel_multi_index(noisy, (mask + 1,) * language.length))] = 1 / len(sets)
    return chance


def expected(loss: DiffusionLoss, model: Model, language: NoisyLanguage) -> Tensor:
    """(V^L,) the bound of every clean sequence, nats: E over times and noise of the value."""
    times, weights = law_of_times(loss, language.length)
    clean, noisy = torch.from_numpy(language.clean), torch.from_numpy(language.noisy)
    rows, columns = len(clean), len(noisy)
    total = torch.zeros(rows, dtype=torch.float64)
    for time, weight in zip(times.tolist(), weights.tolist(), strict=True):
        moment = torch.full((rows * columns,), time, dtype=torch.float64)
        output = model(float(loss.alpha(moment[:1])))
        values = language.length * loss.value(
            output.repeat(rows, 1, 1), clean.repeat_interleave(columns, 0), noisy.repeat(rows, 1), moment
        )
        chance = torch.from_numpy(chance_of_noise(loss, language, time))
        total = total + weight * torch.where(chance > 0, chance * values.view(rows, columns), 0).sum(1)
    return total


def average(loss: DiffusionLoss, model: Model, language: NoisyLanguage) -> Tensor:
    """The bound averaged over the language, nats."""
    probs = torch.from_numpy(language.probs)
    bound = expected(loss, model, language)
    return torch.where(probs > 0, probs * bound, 0).sum()


def path_kl_of_steps(language: NoisyLanguage, alphas: list[float]) -> float:
    """Σ_k E KL(q(x_s | x_t) ‖ Π_i q(x_s^i | x_t)), α from 0 up to 1: what independent positions cost N exact steps."""
    total = 0.0
    for before, after in itertools.pairwise(alphas):
        joint = pair_law(language, before, after)
        context = joint.sum(0)
        independent = context[None].repeat(len(joint), 0)
        for i in range(language.length):
            marginal = np.stack([joint[language.noisy[:, i] == y].sum(0) for y in range(language.num_states)])
            marginal = marginal / np.where(context > 0, context, 1)
            independent = independent * marginal[language.noisy[:, i]]
        inside = joint > 0
        total += float((joint[inside] * np.log(joint[inside] / independent[inside])).sum())
    return total


def pair_law(language: NoisyLanguage, before: float, after: float) -> np.ndarray:
    """(n^L, n^L) law of (x_s, x_t), α_t = before ≤ after = α_s."""
    step = one_step(language.kind, language.vocab_size, before / after if after > 0 else 1.0)
    chance = np.ones((len(language.noisy), len(language.noisy)))
    for i in range(language.length):
        chance *= step[np.ix_(language.noisy[:, i], language.noisy[:, i])]
    return language.law(after)[:, None] * chance
