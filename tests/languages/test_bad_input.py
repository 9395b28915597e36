"""One clear error that names the culprit, for every public function and argument."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, copy_pairs, random_hmm, random_ngram

NAN, INF = math.nan, math.inf
FAIR = [[0.5, 0.5], [0.5, 0.5]]
LANGUAGES = [
    random_ngram(1, 4, seed=0),
    random_ngram(2, 4, seed=0),
    random_ngram(3, 4, seed=0),
    random_hmm(3, 4, seed=0),
]
every = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)


@pytest.mark.parametrize(
    ("transition", "initial", "message"),
    [
        ([[0.5, 0.6], [0.5, 0.5]], None, r"transition must sum to one.*\(0,\) sums to 1\.1"),
        ([[0.5, 0.5], [0.0, 0.0]], None, r"transition must sum to one.*\(1,\) sums to 0"),
        ([[1.5, -0.5], [0.5, 0.5]], None, r"transition has negative entries, first at \(0, 1\)"),
        ([[NAN, 1.0], [0.5, 0.5]], None, r"transition has NaN or infinite entries, first at \(0, 0\)"),
        ([[INF, 0.0], [0.5, 0.5]], None, "transition has NaN or infinite"),
        ([[0.5, 0.5]], None, r"transition must have shape \(V,\) \* n"),
        (np.full((2, 3, 3), 1 / 3), None, "transition must have shape"),
        ([], None, "transition"),
        (1.0, None, "transition"),
        ("half", None, "transition must be an array of numbers"),
        ([[0.5, 0.5], [1.0]], None, "transition must be an array of numbers"),
        (np.array(FAIR) + 0j, None, "transition must be real"),
        (FAIR, [0.5, 0.6], "initial must sum to one"),
        (FAIR, [1.5, -0.5], "initial has negative"),
        (FAIR, [NAN, 1.0], "initial has NaN"),
        (FAIR, [1 / 3] * 3, "initial must have shape"),
        (FAIR, [FAIR[0]], "initial"),
        ([FAIR, FAIR], FAIR, "initial must sum to one"),
        ([FAIR, FAIR], [0.5, 0.5], "initial"),
    ],
)
def test_ngram_tables(transition, initial, message):
    with pytest.raises(ValueError, match=message):
        NGramLanguage(transition, initial)


@pytest.mark.parametrize(
    ("initial", "transition", "emission", "message"),
    [
        ([0.5, 0.6], FAIR, FAIR, "initial must sum to one"),
        ([[0.5, 0.5]], FAIR, FAIR, r"initial must have shape \(S,\)"),
        ([0.5, 0.5], [[0.5, 0.5]], FAIR, r"transition must have shape \(S, S\) = \(2, 2\)"),
        ([0.5, 0.5], [[0.5, 0.4], [0.5, 0.5]], FAIR, "transition must sum to one"),
        ([0.5, 0.5], [[1.5, -0.5], [0.5, 0.5]], FAIR, "transition has negative"),
        ([0.5, 0.5], FAIR, [[0.5, 0.5]], r"emission must have shape \(S, V\) with S = 2"),
        ([0.5, 0.5], FAIR, [1.0], "emission"),
        ([0.5, 0.5], FAIR, [[NAN, 1], [0, 1]], "emission has NaN"),
        ([0.5, 0.5], FAIR, [[0.9, 0], [0, 1]], "emission must sum to one"),
    ],
)
def test_hmm_tables(initial, transition, emission, message):
    with pytest.raises(ValueError, match=message):
        HMMLanguage(initial, transition, emission)


def test_float32_tables_may_round():
    table = torch.full((3, 3), 1 / 3, dtype=torch.float32)
    for given in (table, table.double()):
        assert float(NGramLanguage(given).log_prob([[0, 1]]).exp()) == pytest.approx(1 / 9, rel=1e-12)


@pytest.mark.parametrize("make", [random_ngram, random_hmm], ids=["ngram", "hmm"])
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 3), {"seed": 0}, "order|num_states"),
        ((2.5, 3), {"seed": 0}, "order|num_states"),
        ((True, 3), {"seed": 0}, "order|num_states"),
        ((torch.tensor(2.5), 3), {"seed": 0}, "order|num_states"),
        (([2, 2], 3), {"seed": 0}, "order|num_states"),
        ((2, 0), {"seed": 0}, "vocab_size"),
        ((2, "3"), {"seed": 0}, "vocab_size"),
        ((2, 3), {"seed": -1}, "seed"),
        ((2, 3), {"seed": None}, "seed"),
        ((2, 3), {"seed": 0, "prune_below": -0.1}, "prune_below"),
        ((2, 3), {"seed": 0, "prune_below": 1.1}, "prune_below=1.1 leaves nothing"),
        ((2, 3), {"seed": 0, "prune_below": NAN}, "prune_below"),
        ((2, 3), {"seed": 0, "concentration": 0.0}, "concentration"),
        ((2, 3), {"seed": 0, "concentration": -1.0}, "concentration"),
        ((2, 3), {"seed": 0, "concentration": NAN}, "concentration"),
        ((2, 3), {"seed": 0, "concentration": "low"}, "concentration"),
    ],
)
def test_random_languages(make, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments, **options)


@pytest.mark.parametrize("count", [0, -2, 1.5, None, "two"])
def test_copy_pairs(count):
    with pytest.raises(ValueError, match="num_symbols"):
        copy_pairs(count)


TOKENS = [
    ([[0, 5]], r"tokens has id 5 at \(0, 1\), outside 0 … 3"),
    ([[0, 1], [-1, 2]], r"tokens has id -1 at \(1, 0\)"),
    ([[0.0, 1.0]], "tokens must hold integers, got torch.float64"),
    ([[True, False]], "tokens must hold integers, got torch.bool"),
    ([0, 1], r"tokens must have shape \(batch, length\)"),
    ([[[0, 1]]], "tokens must have shape"),
    (torch.zeros(2, 0, dtype=torch.int64), "length >= 1"),
    ([[0, 1], [2]], "tokens must be an array of numbers"),
    ("01", "tokens must be an array of numbers"),
    (None, "tokens"),
]


@every
@pytest.mark.parametrize(("tokens", "message"), TOKENS)
@pytest.mark.parametrize(
    "method", ["log_prob", "log_marginal", "contains", "posterior", "conditionals", "leave_one_out"]
)
def test_tokens(language, method, tokens, message):
    with pytest.raises(ValueError, match=message):
        getattr(language, method)(tokens)


@every
@pytest.mark.parametrize("method", ["log_prob", "contains"])
def test_holes_where_complete_sequences_are_needed(language, method):
    with pytest.raises(ValueError, match=r"tokens has a hole \(mask_id 4\) at \(1, 2\)"):
        getattr(language, method)([[0, 1, 2], [3, 2, 4]])


@every
@pytest.mark.parametrize(
    "at",
    [torch.ones(2, 4).bool(), torch.ones(3).bool(), torch.ones(2, 3), [[1, 0, 1], [0, 0, 1]], True],
    ids=["shape", "one axis", "float", "integers", "a flag"],
)
def test_at(language, at):
    with pytest.raises(ValueError, match=r"at must be bool of shape \(2, 3\)"):
        language.conditionals(torch.full((2, 3), 4), at=at)


@every
@pytest.mark.parametrize("length", [0, -1, 2.5, None, "long", [3]])
def test_lengths(language, length):
    for call in (
        lambda: language.sample(2, length),
        lambda: language.marginals(length),
        lambda: language.log_support_size(length),
        lambda: language.support_density(length),
        lambda: language.estimate_entropy(length),
    ):
        with pytest.raises(ValueError, match="length must be"):
            call()
    with pytest.raises(ValueError, match="length must be"):
        language.entropy(length)
    if not isinstance(language, NGramLanguage):
        with pytest.raises(NotImplementedError, match="estimate_entropy"):
            language.entropy(64)


@every
def test_counts(language):
    with pytest.raises(ValueError, match="num_sequences"):
        language.sample(-1, 3)
    with pytest.raises(ValueError, match="num_sequences"):
        language.estimate_entropy(3, num_sequences=1)


def test_first_order_of_a_higher_order():
    with pytest.raises(ValueError, match="has order 3"):
        LANGUAGES[2].first_order()


@every
def test_what_numpy_and_lists_give_is_taken(language):
    """Other integer types, read-only arrays and whole floats are not errors."""
    tokens = np.array([[0, 1, 4]], dtype=np.uint8)
    tokens.flags.writeable = False
    expected = language.log_marginal(torch.tensor([[0, 1, 4]]))
    for given in (tokens, tokens.astype(np.int32), [[0, 1, 4]], torch.tensor([[0, 1, 4]], dtype=torch.int32)):
        assert torch.equal(language.log_marginal(given), expected)
    assert language.sample(np.int64(2), 3.0).shape == (2, 3)
