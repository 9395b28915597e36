"""Arguments: numbers of any kind are stored as what was checked, natural slips are named, nothing is too little."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from reference.families import all_kernels, all_policies, all_schemes

from languages import random_ngram
from mdmtheory.denoisers import Oracle
from mdmtheory.diffusion import Absorbing
from mdmtheory.diffusion.schedules import Cosine, Geometric, Linear, Polynomial
from mdmtheory.exact import enumeration
from mdmtheory.samplers import Decoding, Plan, categorical, plans, row_keys, sample
from mdmtheory.samplers.kernels import Ancestral, RenoisingCorrector
from mdmtheory.samplers.policies import Confidence, policy_log_prob
from mdmtheory.samplers.run.compatibility import exact_denoiser
from mdmtheory.samplers.schemes import Bernoulli, Blocks

V, L = 3, 4
CHAIN = random_ngram(2, V, seed=0)
SAMPLERS = [*all_schemes(L), *all_policies(), *all_kernels(V)]
CONFIGS = [
    *SAMPLERS,
    Decoding(temperature=0.5, top_k=2, top_p=0.5),
    *(Linear(1e-3), Cosine(), Polynomial(2.0), Geometric(1e-4, 20.0)),
    RenoisingCorrector(Absorbing(V), 2, 0.5, correctors=2, start=0.9, end=0.1),
]


def on_torch(number):
    return torch.tensor(number, dtype=torch.float64 if isinstance(number, float) else torch.int64)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
@pytest.mark.parametrize("kind", [np.float64, float, on_torch], ids=lambda kind: kind.__name__)
def test_what_was_checked_is_stored(config, kind):
    """Whole numbers may come as 2.0, all from NumPy or torch: the config is the same, and holds int and float."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config) if field.init}
    numbers = {name: value for name, value in fields.items() if type(value) in (int, float)}
    made = type(config)(**{**fields, **{name: kind(value) for name, value in numbers.items()}})
    assert made == config
    assert repr(made) == repr(config)
    for name, value in numbers.items():
        assert type(getattr(made, name)) is type(value)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_words_are_no_numbers(config):
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config) if field.init}
    for name, value in fields.items():
        if type(value) in (int, float):
            with pytest.raises(ValueError, match=f"{name} must "):
                type(config)(**{**fields, name: "two"})


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_no_rows_at_all(sampler):
    denoiser = exact_denoiser(CHAIN, sampler)
    for given in ({"batch": 0, "length": L}, {"prompt": torch.empty(0, L, dtype=torch.int64)}):
        samples = sample(denoiser, sampler, **given)
        assert samples.tokens.shape == (0, L)
        assert samples.network_calls.shape == (0,)


def test_lists_and_arrays_will_do():
    oracle, keys = Oracle(CHAIN), torch.tensor([1, -2])
    expected = sample(oracle, Confidence(2), prompt=torch.tensor([[V, 1, V, V]] * 2), row_keys=keys).tokens
    for prompt in ([V, 1, V, V], np.array([[V, 1, V, V]] * 2)):
        for same in (keys.tolist(), keys.numpy()):
            found = sample(oracle, Confidence(2), prompt=prompt, row_keys=same, batch=2.0).tokens
            assert torch.equal(found, expected)
    hidden = [True, False, True, True]
    plan = plans.random_order(2.0, 4.0, hidden=hidden, row_keys=keys.tolist())
    assert torch.equal(plan.rounds, plans.random_order(2, 4, hidden=torch.tensor(hidden), row_keys=keys).rounds)
    assert categorical([0.7], probs=[[0.5, 0.5]]).tolist() == [1]


def test_samples_are_tokens():
    """Where an array of tokens is asked for, samples will do."""
    samples = sample(Oracle(CHAIN), Confidence(1), batch=5, length=L)
    assert torch.equal(policy_log_prob(Oracle(CHAIN), Confidence(1), samples), CHAIN.log_prob(samples.tokens))
    assert torch.equal(CHAIN.log_prob(samples), CHAIN.log_prob(samples.tokens))
    assert np.array_equal(np.asarray(samples, dtype=float), samples.tokens.numpy())


SOME = {"batch": 2, "length": L}


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: sample(CHAIN, Confidence(1), **SOME), r"Oracle\(language\) for the exact one, got 'NGramLanguage'"),
        (lambda: sample("2-gram", Confidence(1), **SOME), "denoiser must be a Denoiser.*got '2-gram'"),
        (lambda: enumeration.law(CHAIN, L, Confidence(1)), "denoiser must be a Denoiser"),
        (lambda: policy_log_prob(CHAIN, Confidence(1), [[0, 1]]), "denoiser must be a Denoiser"),
        (lambda: sample(Oracle(CHAIN), Confidence(1), generator=0, **SOME), "generator must be a torch.Generator"),
        (lambda: plans.blocks(1, 2, L, generator=0), "generator must be a torch.Generator"),
        (lambda: row_keys(2, 0), "generator must be a torch.Generator"),
        (lambda: sample(Oracle(CHAIN), Confidence(1), prompt="abc"), "prompt must be an array of numbers"),
        (lambda: sample(Oracle(CHAIN), Confidence(1), prompt=[]), "prompt must have shape"),
        (lambda: sample(Oracle(CHAIN), Confidence(1), prompt=[[V], [V, V]]), "prompt must be an array"),
        (lambda: plans.blocks(1, 2, L, hidden="all"), "hidden must be an array"),
        (lambda: plans.blocks(1, 2, L, row_keys=[0.5, 1.5]), "row_keys must be int64"),
        (lambda: Decoding(top_k=1.5), "top_k"),
        (lambda: Blocks("2"), "size"),
        # More than any machine has: refused before anything is made.
        (lambda: sample(Oracle(CHAIN), Confidence(1), batch=10**6, length=10**9), "length=1000000000 needs .* GiB"),
        (lambda: sample(Oracle(CHAIN), Ancestral(Absorbing(V), 2), batch=10**6, length=10**9), "take fewer rows"),
        (lambda: Bernoulli.uniform(10**9), "steps=1000000000 takes .* FirstHitting"),
        (lambda: Ancestral(Absorbing(V), 10**9), "steps=1000000000 takes"),
        (lambda: Cosine().reveal_probabilities(10**9), "num_steps=1000000000 takes"),
        (lambda: plans.random_order(10**6, 10**9), "length=1000000000 needs .* GiB"),
    ],
)
def test_slips_are_named(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()


def test_the_noise_of_a_plan_does_not_rise():
    rounds, keys = torch.tensor([[0, 1], [1, 0]]), torch.zeros(2, dtype=torch.int64)
    Plan(rounds, torch.tensor([[1.0, 1.0], [1.0, 0.5]], dtype=torch.float64), keys)
    with pytest.raises(ValueError, match=r"times must not rise from round to round, as at \(1, 0\)"):
        Plan(rounds, torch.tensor([[1.0, 1.0], [0.5, 1.0]], dtype=torch.float64), keys)
    with pytest.raises(ValueError, match="times must not rise"):
        Plan(rounds, torch.tensor([0.5, 1.0], dtype=torch.float64), keys)


@pytest.mark.parametrize("temperature", [5e-324, 1e-309, 1e-300, 1e300])
def test_any_temperature_is_a_law(temperature):
    logs = torch.tensor([[0.3, 0.3, 0.4, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64).log()
    law = Decoding(temperature=temperature)(logs).exp()
    cold = temperature < 1
    assert law[0].tolist() == pytest.approx([0, 0, 1, 0] if cold else [1 / 3, 1 / 3, 1 / 3, 0])
    assert law[1].tolist() == [1, 0, 0, 0]
    assert math.isfinite(float(law.sum()))
