"""Training on the exact law of what is hidden, and on rows between boundary tokens."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
import torch

from languages import Language, language_from
from languages.information import position_information
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.estimates import estimate_learning_error
from mdmtheory.networks import MaskedNetwork
from mdmtheory.training import AR, D3PM, MDLM, MDM, SEDD, TrainingConfig, TrainingResult, train
from mdmtheory.training.identity import flat_settings

OBJECTIVES = [AR(), MDM(), MDLM(), D3PM(8, noise="uniform"), SEDD(), SEDD(noise="uniform", schedule="geometric")]
SHORT = TrainingConfig(steps=150, batch_size=16, held_out=0).changed(size="nano", accelerator="cpu", learning_rate=1e-2)


def run(language: Language, length: int, **settings: object) -> TrainingResult:
    return train(language, length, SHORT.changed(**settings), progress=False)


def error(result: TrainingResult, language: Language, length: int, steps: int) -> float:
    assert isinstance(result.model, MaskedNetwork)
    generator = torch.Generator().manual_seed(1)
    return estimate_learning_error(
        result.model, language, length, uniform_reveal(steps), generator=generator
    ).mean.value


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_gradients_have_the_same_mean_and_less_spread(objective: object) -> None:
    """One step from the same weights on 64 batches: the mean gradients differ by less than 6 standard errors in every
    coordinate of the head (false alarm: 1e-6), and the squared spread of the exact ones is smaller."""
    from mdmtheory.networks import fresh_network

    language = language_from("2-gram:vocab=3,prune=0.2")
    exact = dataclasses.replace(objective, targets="exact")
    network = fresh_network(SHORT.changed(objective=objective).transformer(3), seed=1)
    gradients = {"samples": [], "exact": []}
    for seed in range(64):
        tokens = language.sample(8, 6, generator=torch.Generator().manual_seed(seed))
        for one in (objective, exact):
            generator = torch.Generator().manual_seed(1000 + seed)
            loss = one.losses(network, tokens, 3, generator, one.truth(language)).mean()
            (gradient,) = torch.autograd.grad(loss, [network.head.bias])
            gradients[one.targets].append(gradient.double())
    samples, laws = (torch.stack(gradients[kind]) for kind in ("samples", "exact"))
    difference = samples - laws
    assert ((difference.mean(0).abs()) < 6 * difference.std(0) / 8 + 1e-6).all()
    assert laws.var(0).sum() < samples.var(0).sum()


def test_a_network_learns_sooner() -> None:
    language = language_from("2-gram:vocab=4,prune=0.1")
    errors = [error(run(language, 8, objective=MDM(targets=kind)), language, 8, 8) for kind in ("samples", "exact")]
    assert errors[1] < 0.7 * errors[0]


def test_positions_are_told_apart_by_boundary_tokens_alone() -> None:
    """What a network without them owes at an all-masked row is known exactly, and training does not get below it."""
    language = language_from("2-gram:vocab=3,stop=0.2")
    floor = float(position_information(language, 6).mean())
    assert floor > 0.1
    bounded = error(run(language, 6, objective=MDM(targets="exact")), language, 6, 1)
    with pytest.warns(UserWarning, match=f"leaves an error of {floor:.3g} nats a token"):
        unbounded = error(run(language, 6, objective=MDM(targets="exact"), boundary_tokens=False), language, 6, 1)
    assert bounded < 0.2 * floor
    assert floor - 1e-6 < unbounded < 1.3 * floor


def test_what_is_said_of_masks_is_not_said_of_uniform_noise() -> None:
    """No row of it is masked, and random tokens tell their positions a little."""
    language = language_from("2-gram:vocab=3,stop=0.2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(language, 6, objective=SEDD(noise="uniform"), boundary_tokens=False, steps=1)
        run(language, 6, objective=AR(), boundary_tokens=False, steps=1)


def test_checkpoints_of_old_runs_are_still_those_of_their_runs() -> None:
    """Neither setting was there when the first checkpoints were written."""
    old = flat_settings(SHORT.changed(boundary_tokens=False))
    assert not {"targets", "boundary_tokens"} & old.keys()
    assert flat_settings(SHORT)["boundary_tokens"] is True
    assert "boundary_tokens" not in flat_settings(SHORT.changed(objective=AR()))  # it has a start symbol either way
    assert flat_settings(SHORT.changed(objective=MDM(targets="exact")))["targets"] == "exact"


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="targets must be one of samples, exact"):
        MDM(targets="truth")
    with pytest.raises(ValueError, match="targets must be one of samples, exact"):
        AR(targets="truth")
