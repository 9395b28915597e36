"""The executor against stepping the whole batch through all rounds, in the same run.

Run with `python -m pytest tests/benchmarks/test_executor.py -s`; the last test prints the ratio of the medians.
"""

from __future__ import annotations

import pytest
import torch

from mdmtheory.samplers import Purpose, categorical, plans, sample, uniforms

BATCH, LENGTH, STEPS, VOCAB_SIZE = 16, 256, 2048, 8
SECONDS: dict[str, float] = {}
TOKENS: dict[str, torch.Tensor] = {}


class SmallTransformer(torch.nn.Module):
    """A stand-in for a small network: width 64, one bidirectional layer to keep the run short."""

    def __init__(self):
        super().__init__()
        self.vocab_size = self.mask_id = VOCAB_SIZE
        self.device = torch.device("cpu")
        self.embedding = torch.nn.Embedding(VOCAB_SIZE + 1, 64)
        self.position = torch.nn.Embedding(LENGTH, 64)
        layer = torch.nn.TransformerEncoderLayer(64, 1, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = torch.nn.Linear(64, VOCAB_SIZE)

    def forward(self, tokens, time=None, at=None):
        x = self.layers(self.embedding(tokens) + self.position.weight[: tokens.shape[1]])
        return self.head(x if at is None else x[at]).log_softmax(-1)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """So small a network gains little from a second thread, and a shared machine's timings lose less."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def denoiser():
    torch.manual_seed(0)
    return SmallTransformer().eval()


@pytest.fixture(scope="module")
def plan():
    reveal = torch.full((STEPS,), 1.0 / STEPS, dtype=torch.float64)
    return plans.bernoulli(reveal, BATCH, LENGTH, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def step_whole_batch(denoiser, plan):
    """Every row through every round, all logits every time: what a sampler without bookkeeping does."""
    tokens = torch.full_like(plan.rounds, denoiser.mask_id)
    positions = torch.arange(LENGTH)
    for step in range(STEPS):
        log_probs = denoiser(tokens, plan.times[step].expand(BATCH))
        drawn = categorical(uniforms(plan.row_keys[:, None], Purpose.TOKEN, step, positions), log_probs=log_probs)
        tokens = torch.where(plan.rounds == step, drawn, tokens)
    return tokens


def test_executor(benchmark, denoiser, plan):
    sample(denoiser, plans.random_order(BATCH, LENGTH)[:1])  # warm-up
    samples = benchmark.pedantic(sample, (denoiser, plan), rounds=3)
    SECONDS["executor"], TOKENS["executor"] = benchmark.stats.stats.median, samples.tokens
    assert torch.equal(samples.network_calls, plan.network_calls)


def test_stepping_the_whole_batch(benchmark, denoiser, plan):
    tokens = benchmark.pedantic(step_whole_batch, (denoiser, plan), rounds=1)
    SECONDS["whole batch"], TOKENS["whole batch"] = benchmark.stats.stats.median, tokens


def test_both_draw_the_same_sample():
    if len(TOKENS) < 2:
        pytest.skip("runs after the two timings above")
    # The same keys give the same sample, up to ties within the rounding of the logits.
    assert float((TOKENS["executor"] == TOKENS["whole batch"]).double().mean()) > 0.99


def test_ratio(capsys):
    if len(SECONDS) < 2:
        pytest.skip("runs after the two timings above")
    ratio = SECONDS["whole batch"] / SECONDS["executor"]
    with capsys.disabled():
        print(
            f"\nL={LENGTH}, N={STEPS}, batch {BATCH}, {torch.get_num_threads()} threads: whole batch "
            f"{SECONDS['whole batch']:.1f} s, executor {SECONDS['executor']:.2f} s, ratio {ratio:.1f} (target 5)"
        )
