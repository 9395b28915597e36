"""Laws of the next token, against enumeration and against the chain rule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.brute_force import sequences
from reference.small_languages import random_language

from languages import HMMLanguage, copy_pairs, language_from, next_token_log_probs, random_hmm, random_ngram
from languages.variable_length import ending_within


@pytest.mark.parametrize("seed", range(20))
def test_against_enumeration(seed: int) -> None:
    language = random_language(seed, 4, 3)
    words = torch.as_tensor(sequences(language.vocab_size, 4))
    probs = language.log_prob(words).exp().numpy().reshape((language.vocab_size,) * 4)
    laws = next_token_log_probs(language, words).exp().numpy()
    for word, law in zip(words.tolist(), laws, strict=True):
        for i in range(4):
            joint = probs[tuple(word[:i])].reshape(language.vocab_size, -1).sum(1)
            if joint.sum() > 0:
                np.testing.assert_allclose(law[i], joint / joint.sum(), atol=1e-12)
            else:
                assert law[i].sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["2-gram", "3-gram", "hmm", "arithmetic", "walk:values=8", "2-gram:stop=0.1"])
def test_a_row_adds_up_to_its_log_probability(name: str) -> None:
    language = language_from(name)
    tokens = language.sample(50, 32, generator=torch.Generator().manual_seed(0))
    laws = next_token_log_probs(language, tokens)
    torch.testing.assert_close(laws.gather(-1, tokens[..., None]).sum((1, 2)), language.log_prob(tokens))
    torch.testing.assert_close(laws.logsumexp(-1), torch.zeros(50, 32, dtype=torch.float64), atol=1e-12, rtol=0)


def test_after_impossible_tokens_the_parent_answers_else_all_are_alike() -> None:
    tokens = torch.tensor([[0, 1, 0, 0]])  # the mate of the first copy pair differs
    torch.testing.assert_close(
        next_token_log_probs(copy_pairs(3), tokens)[0, 2], torch.full((3,), 1 / 3).double().log()
    )
    row, column = (chain := random_ngram(2, 3, seed=1, prune_below=0.3)).first_order()[1].eq(0).nonzero()[0].tolist()
    law = next_token_log_probs(chain, torch.tensor([[row, column, column]]))[0, 2]
    torch.testing.assert_close(law, chain.first_order()[1][column].log())  # its own context is possible
    pruned = random_hmm(3, 3, seed=4, prune_below=0.3)
    words = torch.as_tensor(sequences(3, 3))
    dead = pruned.log_prob(words[:, :2]).isneginf()
    assert 0 < int(dead.sum()) < 27
    after = next_token_log_probs(pruned, words[dead])[:, 2]
    torch.testing.assert_close(after, next_token_log_probs(pruned.parent, words[dead])[:, 2])


def test_small_weights_are_not_taken_for_zeros() -> None:
    """State 1 becomes certain only after its weight has fallen below what floating point can hold."""
    tiny = 1e-200
    language = HMMLanguage([1 - tiny, tiny], [[1, 0], [0, 1]], [[1 - tiny, tiny / 2, tiny / 2], [tiny, 0, 1 - tiny]])
    tokens = torch.tensor([[0, 0, 2, 1]])
    laws = next_token_log_probs(language, tokens)
    # Both states are left: weights 1 · tiny/2 against tiny · tiny² · 1.
    assert float(laws[0, 3, 1]) == pytest.approx(np.log(tiny / 2))
    certain = HMMLanguage([1 - tiny, tiny], [[1, 0], [0, 1]], [[1, 0, 0], [tiny, 0, 1 - tiny]])
    laws = next_token_log_probs(certain, torch.tensor([[0, 0, 2, 2]]))
    assert float(laws[0, 3, 2]) == pytest.approx(0.0)
    assert float(laws[0, 3, 0]) == pytest.approx(np.log(tiny))


def test_a_weight_that_was_lost_may_win_in_the_end() -> None:
    """After 0, 0 the second state has 1e−400 of the first, which no float holds; after 2, 2 it has 1e+200 of it."""
    language = HMMLanguage([0.5, 0.5], [[1, 0], [0, 1]], [[1, 0, 1e-300], [1e-200, 0, 1]])
    laws = next_token_log_probs(language, torch.tensor([[0, 0, 2, 2, 2]]))
    assert float(laws[0, 4, 2]) == pytest.approx(0.0, abs=1e-12)
    assert float(laws[0, 4, 0]) == pytest.approx(np.log(2e-200))  # either state, each with 1e−200


@pytest.mark.parametrize("name", ["3-gram", "hmm"])
def test_empty_batches_and_a_language_that_knows_only_its_posteriors(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = language_from(name)
    assert next_token_log_probs(language, torch.zeros(0, 5, dtype=torch.int64)).shape == (0, 5, language.vocab_size)
    tokens = language.sample(7, 12, generator=torch.Generator().manual_seed(3))
    from languages import next_token

    monkeypatch.setattr(next_token, "PREFIX_TOKENS", 300)  # two rows at a time
    torch.testing.assert_close(next_token._after_prefixes(language, tokens), next_token_log_probs(language, tokens))
    finite = ending_within(language_from("2-gram:stop=0.1,vocab=3"), 6)
    rows = finite.sample(5, 6, generator=torch.Generator().manual_seed(3))
    laws = next_token_log_probs(finite, rows)
    torch.testing.assert_close(laws.gather(-1, rows[..., None]).sum((1, 2)), finite.log_prob(rows))
