from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch
from scipy import stats

import mdmtheory.denoisers
from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from mdmtheory import networks
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle, Traits, UniformOracle, traits_of
from mdmtheory.samplers import plans, sample

LANGUAGES = {
    "2-gram": random_ngram(2, 3, seed=1, prune_below=0.1),
    "3-gram": random_ngram(3, 3, seed=2, prune_below=0.1),
    "hmm": random_hmm(3, 3, seed=3, concentration=0.3, prune_below=0.1),
}
EVERY_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())


def holes(language, batch, length, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = language.sample(batch, length, generator=generator)
    return tokens.masked_fill(torch.rand(batch, length, generator=generator) < 0.6, language.mask_id)


@EVERY_LANGUAGE
def test_the_oracle_is_the_posterior(language):
    oracle, tokens = Oracle(language), holes(language, 20, 7, 0)
    everything = oracle(tokens, torch.rand(20))
    assert everything.dtype == torch.float64
    assert torch.equal(everything, language.posterior(tokens))
    at = torch.rand(20, 7, generator=torch.Generator().manual_seed(1)) < 0.5
    assert torch.allclose(oracle(tokens, None, at).exp(), everything[at].exp(), atol=1e-12, rtol=0)


def test_exact_denoisers_keep_the_protocol():
    language = LANGUAGES["2-gram"]
    for denoiser in (Oracle(language), PerturbedOracle(language, 0.1, kind="tilt")):
        assert isinstance(denoiser, Denoiser)
        assert denoiser.vocab_size == denoiser.mask_id == 3
        assert denoiser.device == language.device
        assert "gram" in repr(denoiser)


def test_the_tally_counts_hidden_positions_and_dead_contexts():
    # 0 → 1 → 2 → 0: between 0 and 0 two steps apart nothing fits; after 0 there is 1.
    language = NGramLanguage(torch.roll(torch.eye(3, dtype=torch.float64), 1, dims=1))
    oracle = Oracle(language)
    assert (oracle.queries, oracle.dead_queries, oracle.dead_fraction) == (0, 0, 0.0)
    tokens = torch.tensor([[0, 3, 0, 3], [0, 3, 2, 3]])
    oracle(tokens)
    assert (oracle.queries, oracle.dead_queries) == (4, 1)  # the segment after the second 0 is alive
    assert oracle.dead_fraction == 0.25
    at = torch.tensor([[True, True, False, False], [False, False, False, False]])
    oracle(tokens, at=at)
    assert (oracle.queries, oracle.dead_queries) == (5, 2)  # the revealed position is no query
    oracle.reset()
    assert (oracle.queries, oracle.dead_queries, oracle.dead_fraction) == (0, 0, 0.0)


def test_the_tally_leaves_revealed_positions_out_even_if_the_language_calls_them_dead():
    class Hopeless(NGramLanguage):
        def conditionals(self, tokens, at=None):
            dead = torch.ones_like(tokens, dtype=torch.bool)
            return torch.full((*tokens.shape, 2), -0.6931), dead

    oracle = Oracle(Hopeless([0.5, 0.5]))
    oracle(torch.tensor([[0, 2, 1, 2, 2]]))
    assert (oracle.queries, oracle.dead_queries, oracle.dead_fraction) == (3, 3, 1.0)


def test_a_sampler_of_one_token_a_round_never_meets_a_dead_context_and_a_faster_one_does():
    language = copy_pairs(4)
    oracle = Oracle(language)
    samples = sample(oracle, plans.random_order(200, 8, generator=torch.Generator().manual_seed(0)))
    assert bool(language.contains(samples.tokens).all())
    assert oracle.queries == 1600
    assert oracle.dead_queries == 0
    chain = random_ngram(2, 4, seed=5, prune_below=0.25)
    oracle = Oracle(chain)
    sample(oracle, plans.bernoulli([0.5, 0.3, 0.2], 200, 12, generator=torch.Generator().manual_seed(0)))
    assert oracle.queries == 2400
    assert oracle.dead_queries > 0


@EVERY_LANGUAGE
@pytest.mark.parametrize("make", ["random_order", "first_hitting", "bisection"])
def test_the_oracle_samples_the_language(language, make):
    if make == "bisection" and not isinstance(language, NGramLanguage):
        pytest.skip("bisection is exact on n-grams only")
    length, rows = 5, 40_000
    generator = torch.Generator().manual_seed(6)
    if make == "bisection":
        plan = plans.bisection(language.order - 1, rows, length, generator=generator)
        assert plan.num_rounds < length
    else:
        plan = getattr(plans, make)(rows, length, generator=generator)
    tokens = sample(Oracle(language), plan, max_batch=20_000).tokens
    words = torch.tensor(list(itertools.product(range(3), repeat=length)))
    law = language.log_prob(words).exp()
    counts = (tokens * 3 ** torch.arange(length - 1, -1, -1)).sum(1).bincount(minlength=3**length)
    assert int(counts[~language.contains(words)].sum()) == 0
    large = law * rows >= 5
    observed = [*counts[large].tolist(), int(counts[~large].sum())]
    expected = [*(law[large] * rows).tolist(), float(law[~large].sum()) * rows + 1e-12]
    assert stats.chisquare(observed, expected, sum_check=False).pvalue > 1e-5  # false alarm 1e−5


def test_the_network_denoiser_is_loaded_when_asked_for():
    code = "import sys, mdmtheory.denoisers, mdmtheory.samplers; print([m for m in sys.modules if 'network' in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "mdmtheory.networks" not in loaded
    assert "NetworkDenoiser" in mdmtheory.denoisers.__all__
    assert mdmtheory.denoisers.NetworkDenoiser is networks.MaskedNetwork
    assert mdmtheory.denoisers.NoisyNetworkDenoiser is networks.UniformNetwork
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = mdmtheory.denoisers.Nonsense


def test_a_denoiser_says_what_samplers_must_know_of_it():
    language = LANGUAGES["2-gram"]
    masked = Traits(noise="absorbing", reads_time=False, called="oracle")
    assert traits_of(Oracle(language)) == masked
    assert traits_of(PerturbedOracle(language, 0.1)) == masked._replace(called="oracle with leak of 0.1")
    for leave_one_out in (False, True):
        said = traits_of(UniformOracle(language, leave_one_out=leave_one_out))
        assert said == Traits(noise="uniform", takes_given=True, leave_one_out=leave_one_out)

    class Silent:
        vocab_size = mask_id = 3
        device = torch.device("cpu")

        def __call__(self, tokens, time=None, at=None):
            return Oracle(language)(tokens, time, at)

    assert traits_of(Silent()) == Traits(noise=None, reads_time=True, takes_given=False, leave_one_out=False)
    assert sample(Silent(), plans.random_order(5, 4)).tokens.shape == (5, 4)
