"""Languages against hmmlearn, and shortcuts against the general recursion, each in the same run.

Run with `python -m pytest tests/benchmarks/test_languages.py -s`; the last test prints ratios of the medians. Nothing
here asserts a time.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hmmlearn.hmm import CategoricalHMM

from languages import HMMLanguage, random_hmm, random_ngram

STATES, VOCAB_SIZE, LENGTH = 16, 8, 512
SECONDS_PER_TOKEN: dict[str, float] = {}


def measure(benchmark, name, function, tokens, rounds=5):
    """Time `function` after one warm-up call; remember the median per token."""
    result = benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
    SECONDS_PER_TOKEN[name] = benchmark.stats.stats.median / tokens
    return result


@pytest.fixture(scope="module")
def hmm() -> HMMLanguage:
    return random_hmm(STATES, VOCAB_SIZE, seed=0)


@pytest.fixture(scope="module")
def peer(hmm) -> CategoricalHMM:
    """The same model there, with one more symbol that marks a hole (every state emits it with probability ½)."""
    model = CategoricalHMM(n_components=STATES, init_params="", params="", implementation="scaling")
    model.n_features = VOCAB_SIZE + 1
    model.startprob_, model.transmat_ = hmm.initial.numpy(), hmm.transition.numpy()
    model.emissionprob_ = np.hstack([hmm.emission.numpy() / 2, np.full((STATES, 1), 0.5)])
    return model


def half_hidden(language, batch):
    generator = torch.Generator().manual_seed(0)
    tokens = language.sample(batch, LENGTH, generator=generator)
    return torch.where(torch.rand(batch, LENGTH, generator=generator) < 0.5, tokens, language.mask_id)


def test_sampling(benchmark, hmm):
    generator = torch.Generator().manual_seed(0)
    measure(benchmark, "sample", lambda: hmm.sample(4096, LENGTH, generator=generator), 4096 * LENGTH, rounds=3)


def test_sampling_hmmlearn(benchmark, peer):
    measure(benchmark, "sample, hmmlearn", lambda: peer.sample(4 * LENGTH, random_state=0), 4 * LENGTH, rounds=3)


def test_posteriors(benchmark, hmm):
    tokens = half_hidden(hmm, 128)
    measure(benchmark, "posterior", lambda: hmm.posterior(tokens), tokens.numel(), rounds=3)


def test_posteriors_hmmlearn(benchmark, hmm, peer):
    tokens = half_hidden(hmm, 16)
    flat, lengths = tokens.reshape(-1, 1).numpy(), [LENGTH] * len(tokens)
    states = measure(
        benchmark, "posterior, hmmlearn", lambda: peer.score_samples(flat, lengths)[1], tokens.numel(), rounds=3
    )
    holes = (tokens == hmm.mask_id).numpy()
    ours = hmm.posterior(tokens).exp().numpy()
    np.testing.assert_allclose((states @ hmm.emission.numpy()).reshape(ours.shape)[holes], ours[holes], atol=1e-9)


def test_log_prob_of_hmm(benchmark, hmm):
    tokens = hmm.sample(512, LENGTH, generator=torch.Generator().manual_seed(0))
    measure(benchmark, "log_prob, HMM", lambda: hmm.log_prob(tokens), tokens.numel(), rounds=3)


@pytest.mark.parametrize("order", [2, 4])
def test_log_prob_of_ngram(benchmark, order):
    language = random_ngram(order, VOCAB_SIZE, seed=0, prune_below=0.05)
    tokens = language.sample(1024, LENGTH, generator=torch.Generator().manual_seed(0))
    measure(benchmark, f"log_prob, {order}-gram", lambda: language.log_prob(tokens), tokens.numel())


def test_nearest_neighbours(benchmark):
    language = random_ngram(2, VOCAB_SIZE, seed=0, prune_below=0.05)
    tokens = half_hidden(language, 128)
    measure(benchmark, "2-gram, nearest neighbours", lambda: language.posterior(tokens), tokens.numel())


def test_forward_backward(benchmark):
    """The same chain as an HMM whose states are the tokens: the general recursion over whole rows."""
    chain = random_ngram(2, VOCAB_SIZE, seed=0, prune_below=0.05)
    general = HMMLanguage(*chain.first_order(), np.eye(VOCAB_SIZE))
    tokens = half_hidden(chain, 128)
    log_probs = measure(benchmark, "2-gram, forward–backward", lambda: general.posterior(tokens), tokens.numel())
    torch.testing.assert_close(log_probs, chain.posterior(tokens), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["4-gram", "HMM"])
def test_few_positions_of_few_rows(benchmark, kind, hmm):
    """What a sampler asks for, a thousand times over: the next position or two of 16 rows."""
    language = hmm if kind == "HMM" else random_ngram(4, VOCAB_SIZE, seed=0, prune_below=0.05)
    tokens = half_hidden(language, 16)
    chosen = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(1)) < 4 / LENGTH
    at = chosen & (tokens == language.mask_id)
    measure(benchmark, f"few positions, {kind}", lambda: language.conditionals(tokens, at=at), int(at.sum()))


def test_ratios(capsys):
    if len(SECONDS_PER_TOKEN) < 11:
        pytest.skip("runs after the timings above")
    with capsys.disabled():
        print(f"\n{torch.get_num_threads()} threads, L={LENGTH}, V={VOCAB_SIZE}, {STATES} hidden states; medians")
        for name, seconds in SECONDS_PER_TOKEN.items():
            print(f"  {name:28s} {1e-3 / seconds:12,.1f} thousand tokens/s")
        for name, base in [
            ("sample", "sample, hmmlearn"),
            ("posterior", "posterior, hmmlearn"),
            ("2-gram, nearest neighbours", "2-gram, forward–backward"),
        ]:
            print(f"  {name} is {SECONDS_PER_TOKEN[base] / SECONDS_PER_TOKEN[name]:,.1f} times as fast as {base}")
