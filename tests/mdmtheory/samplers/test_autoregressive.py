"""Token-by-token sampling: the right law, and the same tokens with the cache, without it, and under any split."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from languages import random_ngram
from mdmtheory.networks import CausalLanguageModel, TransformerConfig, fresh_network
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.autoregressive import NextTokenModel, sample_autoregressive


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Chain:
    """A Markov chain with hard zeros as a next-token model that remembers nothing, and as a denoiser of one hole."""

    vocab_size, mask_id, device = 3, 3, torch.device("cpu")
    transition = torch.tensor(
        [[0.0, 0.9, 0.1], [0.5, 0.0, 0.5], [0.25, 0.25, 0.5], [0.2, 0.8, 0.0]], dtype=torch.float64
    )  # the last row is the law of the first token

    def next_log_probs(self, prefix: Tensor) -> Tensor:
        last = prefix[:, -1] if prefix.shape[1] else torch.full((len(prefix),), 3)
        return self.transition[last].log()

    def decoder(self, batch: int, length: int) -> Chain:
        self.last = torch.full((batch,), 3)
        return self

    def advance(self, tokens: Tensor) -> Tensor:
        if tokens.shape[1]:
            self.last = tokens[:, -1]
        return self.transition[self.last].log()

    def __call__(self, tokens: Tensor, time: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        previous = torch.cat((torch.full((len(tokens), 1), 3), tokens[:, :-1]), dim=1)
        log_probs = self.transition[previous].log()
        return log_probs if at is None else log_probs[at]


@pytest.fixture(scope="module")
def model() -> CausalLanguageModel:
    network = fresh_network(TransformerConfig(vocab_size=5, hidden_size=16, causal=True))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.4 * torch.randn(parameter.shape, generator=generator(3))
    return CausalLanguageModel(network)


def test_the_law_is_the_models() -> None:
    samples = sample_autoregressive(Chain(), 60_000, 3, generator=generator())
    counts = (samples.tokens @ torch.tensor([9, 3, 1])).bincount(minlength=27)
    chain = Chain.transition
    law = torch.stack([
        chain[3, a] * chain[a, b] * chain[b, c] for a, b, c in itertools.product(range(3), repeat=3)
    ])  # fmt: skip
    assert (counts[law == 0] == 0).all()
    expected = 60_000 * law[law > 0]
    chi_square = float(((counts[law > 0] - expected) ** 2 / expected).sum())
    assert len(expected) == 10
    assert chi_square < 33.7  # 9 degrees of freedom: false alarm 1e-4; the seed is fixed


def test_cache_or_not_the_tokens_are_the_same(model: CausalLanguageModel) -> None:
    assert isinstance(model, NextTokenModel)
    cached = sample_autoregressive(model, 32, 20, generator=generator())
    plain = sample_autoregressive(model, 32, 20, generator=generator(), use_cache=False)
    assert torch.equal(cached.tokens, plain.tokens)
    assert cached.tokens.unique().numel() == 5
    assert cached.network_calls.tolist() == [20] * 32


def test_the_result_does_not_depend_on_the_split(model: CausalLanguageModel) -> None:
    whole = sample_autoregressive(model, 10, 12, generator=generator())
    split = sample_autoregressive(model, 10, 12, generator=generator(), max_batch=3)
    assert torch.equal(whole.tokens, split.tokens)
    other = sample_autoregressive(model, 10, 12, generator=generator(1))
    assert not torch.equal(whole.tokens, other.tokens)


def test_it_is_the_left_to_right_plan() -> None:
    prompt = torch.tensor([2, 1])
    hidden = torch.arange(8) >= 2
    plan = plans.left_to_right(50, 8, hidden=hidden, generator=generator())
    start = torch.cat((prompt, torch.full((6,), 3)))
    expected = sample(Chain(), plan, prompt=start)
    drawn = sample_autoregressive(Chain(), 50, 8, prompt=prompt, row_keys=plan.row_keys)
    assert torch.equal(drawn.tokens, expected.tokens)
    assert torch.equal(drawn.network_calls, expected.network_calls)


def test_prompts_are_kept_and_condition(model: CausalLanguageModel) -> None:
    prompt = torch.randint(0, 5, (6, 4), generator=generator())
    cached = sample_autoregressive(model, 6, 9, prompt=prompt, generator=generator())
    plain = sample_autoregressive(model, 6, 9, prompt=prompt, generator=generator(), use_cache=False)
    assert torch.equal(cached.tokens[:, :4], prompt)
    assert torch.equal(cached.tokens, plain.tokens)
    assert cached.network_calls.tolist() == [5] * 6
    full = sample_autoregressive(model, 6, 4, prompt=prompt)
    assert torch.equal(full.tokens, prompt)
    assert full.network_calls.sum() == 0


def test_likely_sequences_are_sampled_at_their_entropy(model: CausalLanguageModel) -> None:
    # E log p(x) under its own samples against exact enumeration of the entropy at length 4.
    everything = torch.tensor(list(itertools.product(range(5), repeat=4)))
    log_probs = model.log_prob(everything)
    entropy = -float((log_probs.exp() * log_probs).sum())
    drawn = model.log_prob(sample_autoregressive(model, 4000, 4, generator=generator()).tokens)
    assert abs(-float(drawn.mean()) - entropy) < 4 * float(drawn.std()) / 4000**0.5  # false alarm 6e-5, seed fixed


def test_bad_input_is_named(model: CausalLanguageModel) -> None:
    with pytest.raises(ValueError, match="length"):
        sample_autoregressive(model, 2, 0)
    with pytest.raises(ValueError, match="batch"):
        sample_autoregressive(model, -1, 4)
    with pytest.raises(ValueError, match="max_batch"):
        sample_autoregressive(model, 2, 4, max_batch=0)
    with pytest.raises(ValueError, match="prompt"):
        sample_autoregressive(model, 2, 4, prompt=torch.zeros(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="prompt"):
        sample_autoregressive(model, 2, 4, prompt=torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match="prompt has"):
        sample_autoregressive(model, 2, 4, prompt=torch.tensor([0, 5]))
    with pytest.raises(ValueError, match="not both"):
        sample_autoregressive(model, 2, 4, generator=generator(), row_keys=torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="model must be a NextTokenModel"):
        sample_autoregressive(random_ngram(2, 3, seed=0), 2, 4)  # type: ignore[arg-type]
    assert sample_autoregressive(model, 0, 4).tokens.shape == (0, 4)
