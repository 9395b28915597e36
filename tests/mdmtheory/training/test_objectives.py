"""Every loss and both kinds of noise train: settings, resumption, and what is learned."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from reference.training_runs import LANGUAGE, SHORT, interrupted, same_weights
from torch import Tensor

from mdmtheory.denoisers import Denoiser, Oracle, UniformOracle
from mdmtheory.diffusion import AnyOrder, Autoregressive, DenoisingScoreEntropy, DiscreteTime, Subs, Uniform
from mdmtheory.diffusion.losses import Network
from mdmtheory.diffusion.parametrisations import log_score
from mdmtheory.networks import MaskedNetwork, UniformNetwork, fresh_network
from mdmtheory.networks.weights import read_tensors, write_tensors
from mdmtheory.training import AR, D3PM, MDLM, MDM, SEDD, TrainingConfig, train
from mdmtheory.training.checkpoints import FILE_NAME
from mdmtheory.training.evaluate import sequence_losses
from mdmtheory.training.objectives import Diffusion

EVERY: dict[str, Diffusion] = {
    "subs": MDLM(schedule="cosine"),
    "subs of N steps": MDLM(steps=8),
    "d3pm absorbing": D3PM(8),
    "d3pm uniform": D3PM(8, noise="uniform"),
    "sedd absorbing": SEDD(parametrisation="scaled-score"),
    "sedd absorbing with time": SEDD(parametrisation="score"),
    "posterior by score entropy": SEDD(),
    "sedd uniform": SEDD(noise="uniform", parametrisation="score", schedule="geometric", time="log-odds"),
    "uniform posterior by score entropy": SEDD(noise="uniform"),
    "leave-one-out by score entropy": SEDD(noise="uniform", parametrisation="leave-one-out", schedule="geometric"),
}


@pytest.mark.parametrize(
    ("build", "culprit"),
    [
        (lambda: SEDD(noise="gaussian"), "noise must be one of absorbing, uniform"),
        (lambda: SEDD(parametrisation="noise"), "parametrisation must be one of posterior, leave-one-out, score, sca"),
        (lambda: D3PM(8, parametrisation="score"), "parametrisation must be one of posterior, leave-one-out; got"),
        (lambda: SEDD(time="step"), "time must be one of fraction, total-noise, log-odds"),
        (lambda: SEDD(sampling="even"), "sampling must be one of stratified, systematic, independent"),
        (lambda: D3PM(0), "steps must be at least 1, got 0"),
        (lambda: D3PM(None), "steps must be a whole number"),
        (lambda: MDLM(steps=0), "steps must be at least 1, got 0"),
        (lambda: MDLM(schedule="quadratic"), "schedule must be one of linear"),
        (lambda: MDM(skew=0.5), "skew must be at least 1 and finite, got 0.5"),
        (lambda: TrainingConfig(steps=5, objective="mdm"), "objective must be one of the kind Objective, got 'mdm'"),
    ],
)
def test_bad_settings_are_named(build: Callable[[], object], culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: AR(time="fraction"),
        lambda: AR(noise="uniform"),
        lambda: MDM(noise="uniform"),
        lambda: MDM(schedule="cosine"),
        lambda: MDM(parametrisation="score"),
        lambda: MDLM(noise="uniform"),
        lambda: SEDD(steps=4),
        lambda: D3PM(),
    ],
)
def test_what_does_not_go_together_cannot_be_written(build: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        build()


def test_networks_are_told_the_time_where_their_answer_depends_on_it() -> None:
    told = {name: objective.told_time for name, objective in EVERY.items() if objective.told_time is not None}
    uniform = ("d3pm uniform", "uniform posterior by score entropy", "leave-one-out by score entropy")
    assert told == {
        **dict.fromkeys(uniform, "fraction"),
        "sedd absorbing with time": "fraction",
        "sedd uniform": "log-odds",
    }
    network = SHORT.changed(objective=EVERY["sedd uniform"]).transformer(4)
    assert (network.time_conditioned, network.time_input) == (True, "log-odds")
    assert not SHORT.transformer(4).time_conditioned
    assert SHORT.changed(objective=MDM(time="total-noise")).transformer(4).time_input == "total-noise"


def test_objectives_are_their_losses() -> None:
    subs, d3pm, sedd = (EVERY[name].loss(4) for name in ("subs of N steps", "d3pm uniform", "sedd uniform"))
    assert isinstance(subs, Subs)
    assert subs.num_steps == 8
    assert isinstance(d3pm, DiscreteTime)
    assert (d3pm.process, d3pm.num_steps) == (Uniform(4), 8)
    assert isinstance(sedd, DenoisingScoreEntropy)
    assert sedd.schedule == MDLM(schedule="geometric").loss(4).schedule
    masked = MDM(sampling="systematic").loss(4)
    assert isinstance(masked, AnyOrder)
    assert (masked.masking, masked.skew, masked.sampling) == ("count", 2.0, "systematic")
    evaluated = masked.for_evaluation()
    assert (evaluated.masking, evaluated.skew, evaluated.sampling) == ("count", 1.0, "stratified")
    shares = MDM(skew=None).loss(4)
    assert (shares.masking, shares.skew) == ("bernoulli", 1.0)  # the skew is that of the number of masks
    assert isinstance(AR().loss(4), Autoregressive)


@pytest.mark.parametrize("objective", [MDM(), MDM(skew=None), *EVERY.values()], ids=["mdm", "shares", *EVERY])
def test_times_are_spread_as_the_objective_says(objective: Diffusion) -> None:
    """Systematic ones are a grid with one shift: on the circle all their gaps are 1/B, or one step apart from it."""
    assert objective.loss(4).sampling == "stratified"
    loss = dataclasses.replace(objective, sampling="systematic").loss(4)
    assert loss.sampling == "systematic"
    times = loss.times(64, 1024, generator=torch.Generator().manual_seed(0)).sort().values[32:]
    if isinstance(objective, MDM) and objective.skew is not None:
        times = (times - 0.5 / 1024).sqrt()  # k = ⌈L u²⌉; the lower half is left out, for there k is too coarse
    coarse = 1 / objective.steps if isinstance(objective, D3PM | MDLM) and objective.steps else 1e-2
    assert float((times.diff() - 1 / 64).abs().max()) <= coarse


@pytest.mark.parametrize("name", list(EVERY))
def test_an_untrained_network_has_the_loss_of_a_uniform_guess(name: str) -> None:
    """A network whose output is zero guesses uniformly, and what its loss must then be is known."""
    objective = dataclasses.replace(EVERY[name], sampling="systematic")
    tokens = LANGUAGE.sample(4000, 12, generator=torch.Generator().manual_seed(0))

    def zero(noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
        return torch.zeros(int(at.sum()), 4)

    losses = objective.losses(zero, tokens, 4, torch.Generator().manual_seed(1))
    assert losses.shape == (4000,)
    if name in (
        "sedd absorbing with time",
        "sedd uniform",
        "uniform posterior by score entropy",
        "d3pm uniform",
        "leave-one-out by score entropy",
    ):
        assert torch.isfinite(losses).all()  # these say something else than the uniform law when they say zero
    else:
        expected = torch.log(torch.tensor(4.0))
        spread = float(losses.std()) / 4000**0.5
        assert spread < 0.15
        assert abs(float(losses.mean()) - expected) < 5 * spread + 1e-6  # false alarm 6e-7 each; the seed is fixed


@pytest.mark.parametrize("name", ["subs", "d3pm absorbing", "sedd absorbing", "sedd uniform"])
def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(name: str, tmp_path: Path) -> None:
    config = SHORT.changed(objective=EVERY[name])
    whole = train(LANGUAGE, 8, config)
    saving = config.changed(checkpoint_dir=str(tmp_path), checkpoint_every=5)
    interrupted(saving, at=10, length=8)
    resumed = train(LANGUAGE, 8, saving)
    assert same_weights(resumed, whole)
    assert resumed.held_out == whole.held_out
    with pytest.raises(ValueError, match="another run: its "):
        train(LANGUAGE, 8, SHORT.changed(checkpoint_dir=str(tmp_path)))


def test_a_checkpoint_from_before_these_settings_is_still_good(tmp_path: Path) -> None:
    config = SHORT.changed(checkpoint_dir=str(tmp_path))
    done = train(LANGUAGE, 8, config)
    tensors, header = read_tensors(tmp_path / FILE_NAME)
    for name in ("process", "loss", "parametrisation", "schedule", "loss_steps", "time_input"):
        assert name in header["run"]
        del header["run"][name]
    write_tensors(tmp_path / FILE_NAME, tensors, json.loads(json.dumps(header)))
    again = train(LANGUAGE, 8, config, progress=lambda record: pytest.fail("a finished run trains no more"))
    assert again.held_out == done.held_out
    with pytest.raises(ValueError, match="another run: its loss is 'any-order', this run's is 'subs'"):
        train(LANGUAGE, 8, config.changed(objective=MDLM()))


def paired_excess(objective: Diffusion, network: Network, oracle: Denoiser) -> float:
    """What a network's bound is above that of the truth, nats per token: the same times and noise for both."""
    loss, generator = objective.loss(4), torch.Generator().manual_seed(3)
    tokens = LANGUAGE.sample(2000, 12, generator=generator)
    time = loss.times(*tokens.shape, generator=generator)
    noisy = loss.noise(tokens, time, generator=generator)
    level, at = 1 - loss.alpha(time), loss.positions(noisy)

    def truth(noisy: Tensor, level: Tensor, at: Tensor) -> Tensor:
        law = oracle(noisy, level, at).double()
        alpha = (1 - level)[at.nonzero()[:, 0]]
        return law if loss.output == "log-posterior" else log_score(law, noisy[at], alpha, loss.process, "posterior")

    with torch.no_grad():
        models = (loss.reading(network, objective.parametrisation), truth)
        mine, exact = (loss.value(model(noisy, level, at), tokens, noisy, time).double().mean() for model in models)
    return float(mine - exact)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["d3pm uniform", "sedd absorbing", "sedd uniform", "leave-one-out by score entropy"])
def test_a_small_network_learns(name: str) -> None:
    objective = EVERY[name]
    config = SHORT.changed(
        objective=objective, steps=300, batch_size=32, hidden_size=None, rotary_base=30.0, learning_rate=5e-3,
        local_start=True, held_out=512,
    )  # fmt: skip
    result = train(LANGUAGE, 12, config)
    uniform = objective.noise == "uniform"
    oracle = UniformOracle(LANGUAGE) if uniform else Oracle(LANGUAGE)
    untrained = paired_excess(objective, lambda noisy, time, at: torch.zeros(int(at.sum()), 4), oracle)
    assert untrained > 0.4
    assert 0 < paired_excess(objective, result.network, oracle) < 0.2 * untrained
    assert result.gap is not None
    assert result.gap.high > 0  # nobody beats the entropy

    # As a denoiser it knows the neighbours: nearer to the truth than what the own token and the frequencies say.
    assert isinstance(result.model, UniformNetwork if uniform else MaskedNetwork)
    generator = torch.Generator().manual_seed(4)
    tokens = LANGUAGE.sample(400, 12, generator=generator)
    process = objective.loss(4).process
    noisy = process.add_noise(tokens, 0.6, generator=generator)
    level = torch.full((len(noisy),), 0.4, dtype=torch.float64)
    frequencies = (tokens.flatten().bincount(minlength=4) / tokens.numel()).double().expand(*noisy.shape, 4)
    alone = process.from_leave_one_out(noisy, frequencies, 0.6)
    truth = oracle(noisy, level)

    def distance(law: Tensor) -> float:
        terms = torch.where(truth > -torch.inf, truth.exp() * (truth - law), 0).sum(-1)
        return float(terms[objective.loss(4).positions(noisy)].mean())

    assert distance(result.model(noisy, level).double()) < 0.5 * distance(alone.log())


def test_draws_of_a_sequence_are_averaged() -> None:
    network = fresh_network(SHORT.transformer(4))  # its output is zero
    tokens = LANGUAGE.sample(300, 12, generator=torch.Generator().manual_seed(0))
    objective = EVERY["subs"]

    def losses(draws: int) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        return sequence_losses(network, tokens, objective=objective, draws=draws, generator=generator)

    one, many = losses(1), losses(16)
    assert one.shape == many.shape == (300,)
    assert float(many.std()) < 0.4 * float(one.std())  # a quarter, were the draws independent
    assert abs(float(many.mean()) - math.log(4)) < 5 * float(many.std()) / 300**0.5  # false alarm 6e-7; fixed seed


def test_draws_belong_to_their_sequence() -> None:
    class Favourite(torch.nn.Module):
        """Says token 0 everywhere: the loss of a sequence grows with its other tokens."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(5, 1)
            self.config = SHORT.transformer(4)

        def forward(self, noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
            return torch.tensor([9.0, 0.0, 0.0, 0.0]).expand(int(at.sum()), 4)

    tokens = torch.randint(4, (60, 12), generator=torch.Generator().manual_seed(0))
    objective = EVERY["d3pm absorbing"]
    found = sequence_losses(
        Favourite(), tokens, objective=objective, draws=200, generator=torch.Generator().manual_seed(1)
    )  # type: ignore[arg-type]
    expected = 9.0 * (tokens > 0).double().mean(1)  # every position is revealed once
    assert float(torch.corrcoef(torch.stack((found, expected)))[0, 1]) > 0.8
