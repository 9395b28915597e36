"""What a token tells about its position, against the marginals of enumerated laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.brute_force import sequences
from reference.small_languages import random_language

from languages import language_from
from languages.information import position_information


@pytest.mark.parametrize("seed", range(12))
def test_against_enumeration(seed: int) -> None:
    length, vocab_size = 4, 3
    language = random_language(seed, length, vocab_size)
    words = sequences(language.vocab_size, length)
    probs = language.log_prob(torch.as_tensor(words)).exp().numpy()
    marginals = np.array([[probs[words[:, i] == v].sum() for v in range(language.vocab_size)] for i in range(length)])
    mean = marginals.mean(0)
    terms = np.where(
        marginals > 0, marginals * np.log(np.where(marginals > 0, marginals, 1) / np.maximum(mean, 1e-300)), 0
    )
    np.testing.assert_allclose(position_information(language, length), terms.sum(1), atol=1e-13)


@pytest.mark.parametrize(
    ("name", "mean", "largest"),
    [
        ("hmm", 0.0235, 1.102),
        ("walk:values=64,start=0", 0.816, 1.769),
        ("arithmetic", 1.233, 2.079),
        ("2-gram:stop=0.1", 0.191, 1.858),
    ],
)
def test_of_named_languages(name: str, mean: float, largest: float) -> None:
    """Independently computed figures: the least error of a network that cannot tell masked positions apart."""
    information = position_information(language_from(name), 64)
    assert float(information.mean()) == pytest.approx(mean, abs=6e-4)
    assert float(information.max()) == pytest.approx(largest, abs=6e-4)


def test_a_stationary_start_tells_nothing() -> None:
    assert position_information(language_from("2-gram:vocab=4,prune=0"), 32).max() < 1e-14
