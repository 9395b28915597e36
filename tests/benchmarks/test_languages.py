"""Languages against their baselines, each pair timed in turns in the same run.

Run with `python -m pytest tests/benchmarks/test_languages.py -s`; the last test prints one table: what, target,
measured ratio, met or missed. Nothing here asserts a time. The baselines are hmmlearn (`implementation="scaling"`,
holes as one more symbol that every state emits alike), NumPy's uniforms, and our own general recursions.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hmmlearn.hmm import CategoricalHMM

from languages import HMMLanguage, NGramLanguage, random_hmm, random_ngram

VOCAB_SIZE, LENGTH = 8, 512
TURNS = 7


class Row(NamedTuple):
    """One line of the table: how many times as fast as the baseline, or million tokens a second without one."""

    what: str
    target: str
    measured: str
    met: bool
    speed: str


ROWS: list[Row] = []


@pytest.fixture(autouse=True)
def both_cores():
    """Tests run on one thread, benchmarks on all."""
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    yield
    torch.set_num_threads(before)


def seconds_per_token(ours, our_tokens, baseline=None, baseline_tokens=1, turns=TURNS):
    """Median seconds a token of both, timed in turns after one call of each to warm up."""
    times = ([], [])
    for turn in range(turns + 1):
        for function, tokens, record in ((ours, our_tokens, times[0]), (baseline, baseline_tokens, times[1])):
            if function is not None:
                begin = time.perf_counter()
                function()
                if turn:
                    record.append((time.perf_counter() - begin) / tokens)
    return statistics.median(times[0]), statistics.median(times[1]) if baseline else None


def compare(what, factor, ours, our_tokens, baseline, baseline_tokens, turns=TURNS):
    """Note whether ours is at least `factor` times as fast as the baseline."""
    mine, theirs = seconds_per_token(ours, our_tokens, baseline, baseline_tokens, turns)
    ratio = theirs / mine
    speed = f"{1e-6 / mine:.3g} against {1e-6 / theirs:.3g} M tokens/s"
    ROWS.append(Row(what, f">= {factor:.3g}x", f"{ratio:.3g}x", ratio >= factor, speed))


def peer(hmm: HMMLanguage) -> CategoricalHMM:
    """The same model there, with one more symbol that marks a hole (every state emits it with probability ½)."""
    model = CategoricalHMM(n_components=hmm.num_states, init_params="", params="", implementation="scaling")
    model.n_features = VOCAB_SIZE + 1
    model.startprob_, model.transmat_ = hmm.initial.numpy(), hmm.transition.numpy()
    model.emissionprob_ = np.hstack([hmm.emission.numpy() / 2, np.full((hmm.num_states, 1), 0.5)])
    return model


def half_hidden(language, batch):
    generator = torch.Generator().manual_seed(0)
    tokens = language.sample(batch, LENGTH, generator=generator)
    return torch.where(torch.rand(batch, LENGTH, generator=generator) < 0.5, tokens, language.mask_id)


def test_sampling():
    hmm, generator, random = random_hmm(16, VOCAB_SIZE, seed=0), torch.Generator(), np.random.default_rng(0)
    batch, there = 4096, peer(random_hmm(16, VOCAB_SIZE, seed=0))

    def ours():
        return hmm.sample(batch, LENGTH, generator=generator)

    compare(
        "sampling, HMM of 16 states, against hmmlearn",
        250,
        ours,
        batch * LENGTH,
        lambda: there.sample(4 * LENGTH, random_state=0),
        4 * LENGTH,
    )
    compare(
        "sampling, HMM of 16 states, against two NumPy float32 uniforms a token",
        1 / 3,
        ours,
        batch * LENGTH,
        lambda: random.random((2, batch, LENGTH), dtype=np.float32),
        batch * LENGTH,
    )


@pytest.mark.parametrize("order", [2, 4])
def test_sampling_of_ngrams(order):
    language, random = random_ngram(order, VOCAB_SIZE, seed=0, prune_below=0.05), np.random.default_rng(0)
    compare(
        f"sampling, {order}-gram, against two NumPy float32 uniforms a token",
        1 / 3,
        lambda: language.sample(4096, LENGTH),
        4096 * LENGTH,
        lambda: random.random((2, 4096, LENGTH), dtype=np.float32),
        4096 * LENGTH,
    )


@pytest.mark.parametrize(
    ("states", "batch", "factor", "there"), [(16, 256, 4, 32), (64, 256, 10, 8), (512, 64, 80, 1), (16, 64, 1, 32)]
)
def test_posteriors(states, batch, factor, there):
    hmm = random_hmm(states, VOCAB_SIZE, seed=0)
    tokens, model = half_hidden(hmm, batch), peer(hmm)
    few = tokens[:there]
    flat, lengths = few.reshape(-1, 1).numpy(), [LENGTH] * there
    compare(
        f"posteriors in float32, {states} states, batch {batch}, against hmmlearn",
        factor,
        lambda: hmm.posterior(tokens, dtype=torch.float32),
        tokens.numel(),
        lambda: model.score_samples(flat, lengths),
        few.numel(),
        turns=3 if states == 512 else TURNS,
    )
    exact = hmm.posterior(few).exp()
    error = float((hmm.posterior(few, dtype=torch.float32).exp() - exact).abs().max())
    ROWS.append(Row("  its largest error of a probability", "<= 1e-05", f"{error:.1e}", error <= 1e-5, ""))
    theirs = model.score_samples(flat, lengths)[1] @ hmm.emission.numpy()
    holes = (few == hmm.mask_id).numpy()
    np.testing.assert_allclose(theirs.reshape(exact.shape)[holes], exact.numpy()[holes], atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_nearest_neighbours(dtype):
    """The same chain as an HMM whose states are the tokens: the general recursion over whole rows."""
    chain = random_ngram(2, VOCAB_SIZE, seed=0, prune_below=0.05)
    general = HMMLanguage(*chain.first_order(), np.eye(VOCAB_SIZE))
    tokens = half_hidden(chain, 256)
    compare(
        f"posteriors, 2-gram by nearest neighbours, against forward–backward, {dtype}",
        2,
        lambda: chain.posterior(tokens, dtype=dtype),
        tokens.numel(),
        lambda: general.posterior(tokens, dtype=dtype),
        tokens.numel(),
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_structured_4_gram(dtype, monkeypatch):
    """The same law as an HMM whose states are the last three tokens; a stationary start extends into the past."""
    language = random_ngram(4, VOCAB_SIZE, seed=0)
    dense = as_dense_hmm(language)
    tokens = half_hidden(language, 64)
    few = tokens[:16]
    np.testing.assert_allclose(dense.posterior(few).exp(), language.posterior(few).exp(), atol=1e-9)
    # Without this the HMM would find out that its transition is sparse.
    monkeypatch.setattr(dispatch, "MOST_EDGES", 0)
    compare(
        f"posteriors, 4-gram with structure, against 512 dense states, {dtype}",
        2,
        lambda: language.posterior(tokens, dtype=dtype),
        tokens.numel(),
        lambda: dense.posterior(tokens, dtype=dtype),
        tokens.numel(),
        turns=3,
    )


def as_dense_hmm(language: NGramLanguage) -> HMMLanguage:
    """A stationary 4-gram as an HMM on all 512 contexts."""
    grams, states = language.automaton.grams, VOCAB_SIZE**3
    source, token = np.divmod(grams.edge_codes, VOCAB_SIZE)
    transition, initial = np.zeros((states, states)), np.zeros(states)
    transition[source, source % VOCAB_SIZE**2 * VOCAB_SIZE + token] = grams.edge_probs
    initial[grams.initial_contexts] = grams.initial_probs
    return HMMLanguage(initial, transition, np.eye(VOCAB_SIZE)[np.arange(states) % VOCAB_SIZE])


def test_log_prob_of_hmm():
    hmm = random_hmm(16, VOCAB_SIZE, seed=0)
    tokens, model = hmm.sample(512, LENGTH, generator=torch.Generator().manual_seed(0)), peer(hmm)
    few = tokens[:64].reshape(-1, 1).numpy()
    compare(
        "log-probability, HMM of 16 states, against hmmlearn's score",
        2,
        lambda: hmm.log_prob(tokens),
        tokens.numel(),
        lambda: model.score(few, [LENGTH] * 64),
        len(few),
    )


@pytest.mark.parametrize("order", [2, 4])
def test_log_prob_of_ngram(order):
    language = random_ngram(order, VOCAB_SIZE, seed=0, prune_below=0.05)
    tokens = language.sample(4096, LENGTH, generator=torch.Generator().manual_seed(0))
    mine, _ = seconds_per_token(lambda: language.log_prob(tokens), tokens.numel())
    speed = 1e-6 / mine
    ROWS.append(
        Row(f"log-probability, observed {order}-gram", ">= 50 M tokens/s", f"{speed:.3g} M tokens/s", speed >= 50, "")
    )


@pytest.mark.parametrize("kind", ["4-gram", "HMM"])
def test_few_positions_of_few_rows(kind):
    """What a sampler asks for, a thousand times over: the next position or two of 16 rows."""
    hmm, gram = random_hmm(16, VOCAB_SIZE, seed=0), random_ngram(4, VOCAB_SIZE, seed=0, prune_below=0.05)
    language = hmm if kind == "HMM" else gram
    tokens = half_hidden(language, 16)
    chosen = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(1)) < 4 / LENGTH
    at = chosen & (tokens == language.mask_id)
    mine, _ = seconds_per_token(lambda: language.conditionals(tokens, at=at), 1)
    count = f"{int(at.sum())} positions"
    ROWS.append(Row(f"few positions of 16 rows, {kind}", "none", f"{1e3 * mine:.3g} ms a call", True, count))


@pytest.mark.gpu
@pytest.mark.parametrize("states", [16, 64, 512])
def test_posteriors_on_a_gpu(states):
    """Tokens a second, and the traffic of the recursion over the bandwidth of a plain copy."""
    hmm = random_hmm(states, VOCAB_SIZE, seed=0).to("cuda")
    tokens = half_hidden(hmm.to("cpu"), 1024).cuda()

    def finished(function):
        function()
        torch.cuda.synchronize()

    mine, _ = seconds_per_token(
        lambda: finished(lambda: hmm.posterior(tokens, dtype=torch.float32)), tokens.numel(), turns=3
    )
    # Past and future each read and write one float32 vector a position, and the products are read once more.
    traffic = 5 * 4 * states / mine
    array = torch.empty(1 << 28, device="cuda")
    copy, _ = seconds_per_token(lambda: finished(array.clone), 2 * 4 * array.numel(), turns=3)
    measured = f"{1e-6 / mine:.3g} M tokens/s"
    ROWS.append(Row(f"GPU posteriors, {states} states", "none", measured, True, f"{traffic * copy:.1%} of a copy"))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["4-gram", "HMM"])
def test_sampling_on_a_gpu(kind):
    language = random_hmm(16, VOCAB_SIZE, seed=0) if kind == "HMM" else random_ngram(4, VOCAB_SIZE, seed=0)
    moved, batch = language.to("cuda"), 1 << 16

    def ours():
        moved.sample(batch, LENGTH)
        torch.cuda.synchronize()

    mine, _ = seconds_per_token(ours, batch * LENGTH, turns=3)
    array = torch.empty(1 << 28, device="cuda")

    def copied():
        array.clone()
        torch.cuda.synchronize()

    copy, _ = seconds_per_token(copied, 2 * 4 * array.numel(), turns=3)
    ROWS.append(
        Row(f"GPU sampling, {kind}", "none", f"{1e-6 / mine:.3g} M tokens/s", True, f"{8 / mine * copy:.1%} of a copy")
    )


def test_table(capsys):
    if not ROWS:
        pytest.skip("runs after the timings above")
    with capsys.disabled():
        print(f"\n{torch.get_num_threads()} threads, L={LENGTH}, V={VOCAB_SIZE}; medians, baselines timed in turns")
        for row in [Row("what", "target", "measured", True, "speed"), *ROWS]:
            verdict = "" if row.what == "what" or row.target == "none" else "met" if row.met else "MISSED"
            print(f"  {row.what:78s} {row.target:>16s} {row.measured:>17s}  {verdict:6s}  {row.speed}")
