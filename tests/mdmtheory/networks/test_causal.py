"""The law of a causal network."""

from __future__ import annotations

import itertools

import pytest
import torch

from mdmtheory.networks import CausalLanguageModel, TransformerConfig, fresh_network


@pytest.fixture
def model() -> CausalLanguageModel:
    network = fresh_network(TransformerConfig(vocab_size=3, hidden_size=16, num_heads=2, causal=True))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator)
    return CausalLanguageModel(network)


def test_probabilities_of_all_sequences_sum_to_one(model: CausalLanguageModel) -> None:
    everything = torch.tensor(list(itertools.product(range(3), repeat=5)))
    log_probs = model.log_prob(everything, max_batch=100)
    assert log_probs.dtype == torch.float64
    assert float(log_probs.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert float(log_probs.std()) > 0.5


def test_a_sequence_is_the_product_of_its_conditionals(model: CausalLanguageModel) -> None:
    tokens = torch.tensor([[2, 0, 1, 1], [0, 0, 2, 1]])
    total = sum(model.next_log_probs(tokens[:, :i]).gather(1, tokens[:, i : i + 1])[:, 0] for i in range(4))
    torch.testing.assert_close(model.log_prob(tokens), total.double(), atol=1e-5, rtol=0)


def test_decoding_step_by_step_gives_the_same_conditionals(model: CausalLanguageModel) -> None:
    tokens = torch.tensor([[2, 0, 1, 1, 2], [0, 0, 2, 1, 1]])
    decoder = model.decoder(2, 6)
    for start, stop in [(0, 0), (0, 1), (1, 4), (4, 5)]:
        step = decoder.advance(tokens[:, start:stop])
        torch.testing.assert_close(step, model.next_log_probs(tokens[:, :stop]), atol=1e-5, rtol=0)


def test_bad_input_is_named(model: CausalLanguageModel) -> None:
    with pytest.raises(ValueError, match="hole"):
        model.log_prob(torch.tensor([[0, 3]]))
    with pytest.raises(ValueError, match="causal"):
        CausalLanguageModel(fresh_network(TransformerConfig(vocab_size=3)))
    assert model.log_prob(torch.empty(0, 4, dtype=torch.int64)).shape == (0,)
