"""hmmlearn as a second oracle, hidden positions included.

A hidden position is one more symbol that every state emits with the same probability c: posteriors do not change, and
log p of the revealed tokens is score − (holes) log c − (revealed) log(1 − c).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hmmlearn.hmm import CategoricalHMM

from languages import HMMLanguage, random_hmm

HOLE = 0.3


def hmmlearn_model(language: HMMLanguage) -> CategoricalHMM:
    emission = language.emission.numpy()
    model = CategoricalHMM(n_components=language.num_states, init_params="", params="")
    model.n_features = language.vocab_size + 1
    model.startprob_, model.transmat_ = language.initial.numpy(), language.transition.numpy()
    model.emissionprob_ = np.hstack([(1 - HOLE) * emission, np.full((len(emission), 1), HOLE)])
    return model


@pytest.mark.parametrize(("length", "shown"), [(1, 0.5), (7, 0.5), (300, 0.1), (300, 0.9), (2000, 0.5)])
@pytest.mark.parametrize(
    "language",
    [random_hmm(5, 4, seed=2), random_hmm(8, 8, seed=1, concentration=0.1, prune_below=0.05)],
    ids=["dense", "pruned"],
)
def test_marginals_and_posteriors(language, length, shown):
    generator = torch.Generator().manual_seed(length)
    complete = language.sample(3, length, generator=generator)
    tokens = torch.where(torch.rand(3, length, generator=generator) < shown, complete, language.mask_id)
    model = hmmlearn_model(language)
    log_probs, dead = language.conditionals(tokens)
    assert not dead.any()
    for row, got, log_marginal in zip(tokens, log_probs.exp(), language.log_marginal(tokens), strict=True):
        holes = row == language.mask_id
        with np.errstate(divide="ignore"):  # hmmlearn takes the logarithm of its zeros
            score, states = model.score_samples(row[:, None].numpy())
        score -= int(holes.sum()) * math.log(HOLE) + int((~holes).sum()) * math.log(1 - HOLE)
        assert float(log_marginal) == pytest.approx(score, rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(got[holes].numpy(), (states @ language.emission.numpy())[holes.numpy()], atol=1e-9)
