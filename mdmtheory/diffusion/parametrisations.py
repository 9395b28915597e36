"""What a network's output means: a clean law, a concrete score, or a score with the noise level divided out.

    "posterior"      log p(x_0 = v | x_t) up to a constant of the position (SUBS, D3PM)
    "leave-one-out"  log p(x_0 = v | the other positions of x_t) up to a constant. Under absorbing noise the same at
                     masks; under uniform noise it leaves to arithmetic what the position's own token says of it, at
                     every noise level, s(v) = (α p(v) + b)/(α p(x_t) + b) with b = (1 − α)/V
    "score"          log s(v) = log p_t(x with v here) − log p_t(x)
    "scaled-score"   log s(v) + log(e^σ̄ − 1) + log(n − 1), n states: SEDD's `scale_by_sigma`. Under absorbing noise this
                     is log p(x_0 = v | x_t) + log V, so that a network needs no time; and a network whose output starts
                     at zero starts at the uniform law.

Any of them gives the log-posterior and the log-score that losses and samplers take.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes import Absorbing, Level, Process
from mdmtheory.diffusion.processes.levels import aligned, levels

Parametrisation = Literal["posterior", "leave-one-out", "score", "scaled-score"]


def check_parametrisation(parametrisation: str) -> None:
    """Raise a ValueError unless the name is known."""
    if parametrisation not in get_args(Parametrisation):
        raise ValueError(
            f"parametrisation must be one of {', '.join(get_args(Parametrisation))}; got {parametrisation!r}"
        )


def log_score(
    output: Float[Tensor, "*shape V"],
    noisy: Int[Tensor, "*shape"],
    alpha: Level,
    process: Process,
    parametrisation: Parametrisation,
) -> Float[Tensor, "*shape V"]:
    """Log concrete scores of the V tokens at each position; what is said of the noisy token itself means nothing.

    Args:
        output: What the network says.
        noisy: x_t; under absorbing noise masks alone, for revealed tokens have no score.
        alpha: α_t, 0 < α < 1.
        process: The noise.
        parametrisation: What the output means.

    Raises:
        ValueError: An unknown parametrisation.
    """
    check_parametrisation(parametrisation)
    if parametrisation == "score":
        return output
    if parametrisation == "scaled-score" or isinstance(process, Absorbing):
        odds = _log_odds(alpha, noisy).to(output.dtype)
        if parametrisation == "scaled-score":
            return output + odds - math.log(process.num_states - 1)
        return output.log_softmax(-1) + odds
    if parametrisation == "posterior":
        return process.scores(noisy, output.softmax(-1), alpha).log()
    level = aligned(levels("alpha", alpha, noisy), noisy)[..., None]
    chance = (level * output.softmax(-1) + (1 - level) / process.vocab_size).log()
    return (chance - chance.gather(-1, noisy[..., None])).to(output.dtype)


def log_posterior(
    output: Float[Tensor, "*shape V"],
    noisy: Int[Tensor, "*shape"],
    alpha: Level,
    process: Process,
    parametrisation: Parametrisation,
) -> Float[Tensor, "*shape V"]:
    """Normalised log p(x_0 = v | x_t) at each position.

    Args:
        output: What the network says.
        noisy: x_t; under absorbing noise what is said of revealed tokens means nothing.
        alpha: α_t; with scores under uniform noise 0 < α < 1.
        process: The noise.
        parametrisation: What the output means. Scores under uniform noise that belong to no law are projected, see
            `Process.clean_posterior`.

    Raises:
        ValueError: An unknown parametrisation.
    """
    check_parametrisation(parametrisation)
    if parametrisation == "posterior" or isinstance(process, Absorbing):
        return output.log_softmax(-1)  # a factor common to all tokens does not matter
    if parametrisation == "leave-one-out":
        return process.from_leave_one_out(noisy, output.softmax(-1), alpha).log()
    scores = log_score(output, noisy, alpha, process, parametrisation).double().exp()
    return process.clean_posterior(noisy, scores, alpha).log().to(output.dtype)


def _log_odds(alpha: Level, noisy: Tensor) -> Tensor:
    """Log α/(1 − α) = −log(e^σ̄ − 1), with the axes of a law of `noisy`."""
    level = aligned(levels("alpha", alpha, noisy), noisy)[..., None]
    return torch.log(level) - torch.log1p(-level)
