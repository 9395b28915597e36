"""One verb for all samplers: samples against enumerated laws, infilling, decoding, randomness by row, costs."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import pytest
import torch
from reference.families import all_kernels, all_policies, all_schemes

from languages import NGramLanguage, random_hmm, random_ngram
from mdmtheory.denoisers import NetworkDenoiser, Oracle, PerturbedOracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.exact import enumeration
from mdmtheory.networks import Transformer, TransformerConfig
from mdmtheory.samplers import Decoding, plans, row_keys, sample
from mdmtheory.samplers.kernels import Ancestral, Kernel, ReMDMCap, ReMDMConfidence
from mdmtheory.samplers.policies import Confidence, EntropyBudget, LowConfidenceRemasking, Margin
from mdmtheory.samplers.run.compatibility import exact_denoiser
from mdmtheory.samplers.schemes import Bernoulli, Bisection, Blocks, FixedSizes, RandomOrder

V, L = 3, 4
MASKS, NOISE = Absorbing(V), Uniform(V)
CHAIN = random_ngram(2, V, seed=0, prune_below=0.2)
HIDDEN = random_hmm(3, V, seed=2, prune_below=0.1)
PROMPT = torch.tensor([V, 1, V, V])
SCHEMES = all_schemes(L)
POLICIES = [*all_policies(), *(kind(2, ties="random") for kind in (Confidence, LowConfidenceRemasking))]
KERNELS = [
    *all_kernels(V),
    Ancestral(MASKS, 2, end=0.2, finish="argmax"),
    Ancestral(NOISE, 2, start=0.8, end=0.2, finish="argmax"),
]
SAMPLERS = [*SCHEMES, *POLICIES, *KERNELS]
SEED = 5


def denoiser_of(sampler, language=CHAIN):
    return exact_denoiser(language, sampler)


def draw(sampler, batch, language=CHAIN, **options):
    generator = torch.Generator().manual_seed(SEED)
    length = None if "prompt" in options else L
    return sample(denoiser_of(sampler, language), sampler, batch=batch, length=length, generator=generator, **options)


# Statistical cases below: 3 · 33 chi-square tests at 1e-6 each, a false alarm once in 10,000 changes of the seed.
LEVEL = 1e-6


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_samples_have_the_enumerated_law(sampler, brute):
    law = enumeration.law(denoiser_of(sampler), L, sampler).probs
    assert float(law.sum()) == pytest.approx(1, abs=1e-12)
    assert brute.chi_square(brute.word_counts(draw(sampler, 3000).tokens, V), law) > LEVEL


@pytest.mark.parametrize("sampler", [*all_schemes(L - 1), *POLICIES, *KERNELS], ids=repr)
def test_infilling_has_the_enumerated_law(sampler, brute):
    """Given tokens never change; and the law of the rest is what the enumeration says."""
    law = enumeration.law(denoiser_of(sampler, HIDDEN), L, sampler, prompt=PROMPT).probs
    tokens = draw(sampler, 1500, HIDDEN, prompt=PROMPT).tokens
    assert bool((tokens[:, 1] == 1).all())
    assert brute.chi_square(brute.word_counts(tokens, V), law) > LEVEL


DECODED = Decoding(temperature=0.7, top_k=2)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_decoding_has_the_enumerated_law(sampler, brute):
    law = enumeration.law(denoiser_of(sampler), L, sampler, decoding=DECODED)
    assert brute.chi_square(brute.word_counts(draw(sampler, 1500, decoding=DECODED).tokens, V), law.probs) > LEVEL


@pytest.mark.parametrize(
    "sampler",
    [RandomOrder(), Blocks(1), Bisection(1), Confidence(1), Margin(1), EntropyBudget(0.0), FixedSizes([1, 1, 1])],
    ids=repr,
)
@pytest.mark.parametrize("prompt", [[V, 1, V, V], [0, V, V, V], [V, V, 2, V]], ids=str)
def test_one_token_a_step_infills_exactly(sampler, prompt):
    """With the oracle the law is the language given the prompt, to rounding."""
    language = CHAIN
    law = enumeration.law(Oracle(language), L, sampler, prompt=torch.tensor(prompt))
    words = enumeration.sequences(V, L)
    fits = ((words == torch.tensor(prompt)) | (torch.tensor(prompt) == V)).all(1)
    exact = language.log_prob(words).exp() * fits
    torch.testing.assert_close(law.probs, exact / exact.sum(), rtol=0, atol=1e-12)
    assert law.kl(language).value < 1e-12


@pytest.mark.parametrize("sampler", [Bisection(1), Confidence(1), Ancestral(MASKS, 3), Ancestral(NOISE, 3)], ids=repr)
def test_nothing_to_generate(sampler):
    word = CHAIN.sample(1, L, generator=torch.Generator().manual_seed(0))[0]
    samples = draw(sampler, 3, prompt=word)
    assert bool((samples.tokens == word).all())
    assert bool((samples.network_calls == 0).all())
    law = enumeration.law(denoiser_of(sampler), L, sampler, prompt=word)
    assert float(law.probs.max()) == 1


@pytest.mark.parametrize("sampler", [*POLICIES, *KERNELS, Bernoulli.uniform(3)], ids=repr)
def test_a_batch_is_its_rows(sampler):
    """Any split, any order, any limit: the same rows; and rows may have holes at different places."""
    prompt = torch.full((12, L), V)
    prompt[3:6, 0], prompt[6:9, 2], prompt[9:, [1, 3]] = 1, 0, 2
    prompt = torch.where(CHAIN.log_marginal(prompt).isneginf()[:, None], V, prompt)
    keys = row_keys(12, torch.Generator().manual_seed(1))
    denoiser = denoiser_of(sampler)
    whole = sample(denoiser, sampler, prompt=prompt, row_keys=keys)
    limited = sample(denoiser, sampler, prompt=prompt, row_keys=keys, max_batch=5)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    mixed = sample(denoiser, sampler, prompt=prompt[order], row_keys=keys[order])
    for other, rows in ((limited, slice(None)), (mixed, order)):
        assert torch.equal(other.tokens, whole.tokens[rows])
        assert torch.equal(other.network_calls, whole.network_calls[rows])
    assert torch.equal(whole.tokens[prompt != V], prompt[prompt != V])


def test_a_scheme_draws_its_plan():
    keys = row_keys(6, torch.Generator().manual_seed(0))
    plan = plans.bernoulli([0.5, 0.5], 6, L, row_keys=keys)
    one, other = (
        sample(Oracle(CHAIN), plan),
        sample(Oracle(CHAIN), Bernoulli([0.5, 0.5]), batch=6, length=L, row_keys=keys),
    )
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.network_calls, other.network_calls)


class Counting(Oracle):
    """Notes which rows are sent, and which times."""

    def __init__(self, language):
        super().__init__(language)
        self.rows, self.times = 0, set()

    def __call__(self, tokens, time=None, at=None):
        assert bool((tokens == V).any(1).all()), "a complete row is asked about"
        self.rows += len(tokens)
        self.times |= set(time.tolist())
        return super().__call__(tokens, time, at)


@pytest.mark.parametrize("sampler", [*POLICIES, *(k for k in KERNELS if k.absorbing)], ids=repr)
def test_rows_are_paid_for_once_a_call(sampler):
    denoiser = Counting(CHAIN)
    samples = sample(denoiser, sampler, batch=40, length=L, generator=torch.Generator().manual_seed(3))
    assert denoiser.rows == int(samples.network_calls.sum())
    if isinstance(sampler, Kernel):
        assert denoiser.times <= set((1 - sampler.alpha(sampler.times)).tolist())
        assert int(samples.network_calls.max()) <= len(sampler.times) - 1
    else:
        assert denoiser.times <= {k / L for k in range(1, L + 1)}


def test_the_time_is_that_of_the_positions_to_generate():
    denoiser = Counting(CHAIN)
    sample(denoiser, Confidence(1), prompt=PROMPT, batch=2)
    assert denoiser.times == {1.0, 2 / 3, 1 / 3}


def test_expected_calls_of_ancestral_sampling():
    """Σ_k (1 − (1 − w_k)^L); four standard deviations: a false alarm once in 16,000 changes of the seed."""
    calls = draw(Ancestral(MASKS, 6), 4000).network_calls.double()
    assert float(calls.mean()) == pytest.approx(6 * (1 - (5 / 6) ** L), abs=4 * float(calls.std()) / math.sqrt(4000))


def test_perturbed_denoisers_and_networks(brute):
    """Learned laws too: a network in float32, its samples against its own enumerated law (level 1e-6 each)."""
    torch.manual_seed(0)
    network = NetworkDenoiser(Transformer(TransformerConfig(vocab_size=V, hidden_size=16, num_layers=1, num_heads=2)))
    for denoiser in (PerturbedOracle(CHAIN, 0.2), network):
        for sampler in (Confidence(2), ReMDMCap(MASKS, 3, 0.3)):
            law = enumeration.law(denoiser, L, sampler).probs
            tokens = sample(denoiser, sampler, batch=2000, length=L, generator=torch.Generator().manual_seed(1)).tokens
            assert brute.chi_square(brute.word_counts(tokens, V), law) > LEVEL


def test_given_tokens_are_known_to_be_clean():
    """Under uniform noise the oracle is told which tokens are given; who is not told takes them as noisy."""
    exact = enumeration.law(UniformOracle(CHAIN), L, Ancestral(NOISE, 32), prompt=PROMPT)

    class Untold(UniformOracle):
        takes_given = False

    untold = enumeration.law(Untold(CHAIN), L, Ancestral(NOISE, 32), prompt=PROMPT)
    assert exact.kl(CHAIN).value < 0.01
    assert untold.kl(CHAIN).value > 5 * exact.kl(CHAIN).value
    assert float(untold.probs[enumeration.sequences(V, L)[:, 1] != 1].sum()) == 0


class Recording(Kernel):
    """Remasking by confidence that notes what it is told; with `tells` the executor knows where it leads beforehand."""

    properties = ReMDMConfidence.properties
    remembers = True
    tells = True
    seen: ClassVar[list] = []

    def step_probs(self, step, log_probs):
        self.seen.append((step.tokens.clone(), step.confidence.clone()))
        return ReMDMConfidence(self.process, self.steps).step_probs(step, log_probs)

    def leave_probs(self, step):
        self.seen.append((step.tokens.clone(), step.confidence.clone()))
        return ReMDMConfidence(self.process, self.steps).leave_probs(step) if self.tells else None


@pytest.mark.parametrize("how", ["told before", "told after", "enumerated"])
@pytest.mark.parametrize("decoding", [Decoding(), Decoding(temperature=0.5), Decoding(top_k=2)], ids=repr)
def test_kernels_remember_how_sure_each_token_was(how, decoding):
    """In an independent language every token has one probability, that of its draw; given tokens are beyond doubt."""
    Recording.tells, Recording.seen = how == "told before", []
    law = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    denoiser, prompt = Oracle(NGramLanguage(law)), torch.tensor([V, 1, V, V, V])
    law = decoding(law.log()).exp()
    if how == "enumerated":
        enumeration.law(denoiser, 5, Recording(MASKS, 3), prompt=prompt, decoding=decoding)
    else:
        keys = row_keys(50, torch.Generator().manual_seed(0))
        sample(denoiser, Recording(MASKS, 8), prompt=prompt, batch=50, row_keys=keys, decoding=decoding)
    counted = 0
    for tokens, confidence in Recording.seen:
        assert bool((confidence[:, 1] == math.inf).all())
        told = confidence[:, [0, 2, 3, 4]][tokens[:, [0, 2, 3, 4]] != V]
        torch.testing.assert_close(told, law[tokens[:, [0, 2, 3, 4]][tokens[:, [0, 2, 3, 4]] != V]])
        counted += len(told)
    assert counted > 300


def test_policies_rank_by_what_the_denoiser_says():
    """Greedy draws do not change which positions come first: with a temperature of 0 the path is the same."""
    law = enumeration.law(Oracle(CHAIN), L, Confidence(1), decoding=Decoding(temperature=0)).probs
    assert float(law.max()) == 1
    state = torch.full((1, L), V)
    for _ in range(L):
        said = CHAIN.posterior(state)[0]
        surest = said.amax(-1).masked_fill(state[0] != V, -math.inf)
        position = int((surest > surest.max() - 1e-9).nonzero()[0])
        state[0, position] = said[position].argmax()
    assert torch.equal(enumeration.sequences(V, L)[law.argmax()], state[0])


@pytest.mark.gpu
@pytest.mark.parametrize("sampler", [*POLICIES, *KERNELS], ids=repr)
def test_samples_are_the_same_on_a_gpu(sampler):
    keys = row_keys(8, torch.Generator().manual_seed(0))
    here = sample(denoiser_of(sampler), sampler, batch=8, length=L, row_keys=keys).tokens
    there = sample(denoiser_of(sampler, CHAIN.to("cuda")), sampler, batch=8, length=L, row_keys=keys.cuda()).tokens
    assert torch.equal(here, there.cpu())


IMPOSSIBLE = torch.tensor([[V, V, V, V], [*(CHAIN.first_order()[1] == 0).nonzero()[0].tolist(), V, V]])


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"sampler": Confidence(1)}, "batch and length"),
        ({"sampler": Confidence(1), "batch": 2}, "batch and length"),
        ({"sampler": Confidence(1), "batch": 2, "length": 0}, "length"),
        ({"sampler": Confidence(1), "batch": 3, "prompt": IMPOSSIBLE}, r"prompt must have shape \(L,\) or \(3, L\)"),
        ({"sampler": Confidence(1), "length": 5, "prompt": PROMPT}, "prompt must have shape"),
        ({"sampler": Confidence(1), "prompt": torch.tensor([0, 9])}, "prompt has id 9"),
        ({"sampler": Confidence(1), "prompt": torch.tensor(0)}, "prompt must have shape"),
        *(
            ({"sampler": sampler, "prompt": IMPOSSIBLE}, "prompt: the given tokens of row 1 have probability zero")
            for sampler in (Confidence(1), Bernoulli([1.0]), Ancestral(MASKS, 2), Ancestral(NOISE, 2))
        ),
        ({"sampler": plans.bernoulli([1.0], 2, L), "batch": 2}, "batch is the plan's to say"),
        ({"sampler": plans.bernoulli([1.0], 2, L), "row_keys": row_keys(2)}, "row_keys is the plan's"),
        ({"sampler": "confidence", "batch": 2, "length": 2}, "sampler must be a plan"),
        ({"sampler": Confidence(1), "batch": 2, "length": 2, "decoding": 0.7}, "decoding must be a Decoding"),
        ({"sampler": Confidence(1), "batch": 2, "length": 2, "max_batch": 0}, "max_batch"),
        ({"sampler": Ancestral(Absorbing(4), 2), "batch": 2, "length": 2}, "writes 3 tokens"),
        ({"sampler": Confidence(1), "batch": 2, "length": 2, "row_keys": torch.zeros(3)}, "row_keys"),
    ],
)
def test_bad_input(options, culprit):
    options = dict(options)
    sampler = options.pop("sampler")
    with pytest.raises(ValueError, match=culprit):
        sample(denoiser_of(sampler), sampler, **options)


def test_bad_prompts_of_the_enumeration():
    with pytest.raises(ValueError, match="have probability zero"):
        enumeration.law(Oracle(CHAIN), L, Confidence(1), prompt=IMPOSSIBLE[1])
    with pytest.raises(ValueError, match=r"prompt must have shape \(4,\)"):
        enumeration.law(Oracle(CHAIN), L, Confidence(1), prompt=IMPOSSIBLE)
    with pytest.raises(ValueError, match="sizes sum to 4"):
        enumeration.law(Oracle(CHAIN), L, FixedSizes([2, 2]), prompt=PROMPT)
    assert dataclasses.asdict(DECODED) == {"temperature": 0.7, "top_k": 2, "top_p": 1.0}
