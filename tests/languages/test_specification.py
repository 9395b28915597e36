"""Languages from a line of text, and what the default ones promise."""

from __future__ import annotations

import pytest
import torch

from languages import HMMLanguage, NGramLanguage, TextLanguage, language_from, random_hmm, random_ngram

DEFAULTS = ["2-gram", "3-gram", "4-gram", "hmm", "copy-pairs"]


@pytest.mark.parametrize("specification", DEFAULTS)
def test_default_languages_can_be_wrong(specification):
    """Their support is a proper subset, and independent draws from the true marginals are mostly outside."""
    language, length = language_from(specification), 64
    assert language.support_density(length) < 0.9
    # Float32 of multinomial can hit a zero; the inverse CDF in float64 cannot.
    cdf = language.marginals(length).cumsum(1)
    draws = torch.rand(length, 2000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tokens = torch.searchsorted(cdf, draws * cdf[:, -1:], right=True).T
    assert language.contains(tokens).double().mean() < 0.01
    assert language.contains(language.sample(100, length)).all()


def test_default_1_gram_has_hard_zeros():
    language = language_from("1-gram")
    assert language.support_density(64) < 1
    assert not language.contains(torch.arange(8)[:, None]).all()


def same(language, other):
    rows = torch.randint(0, language.vocab_size, (200, 5), generator=torch.Generator().manual_seed(0))
    return type(language) is type(other) and torch.equal(language.log_prob(rows), other.log_prob(rows))


def test_options():
    assert same(
        language_from("3-gram:vocab=5,seed=7,prune=0.1,concentration=0.5"),
        random_ngram(3, 5, seed=7, prune_below=0.1, concentration=0.5),
    )
    assert same(language_from("2-gram:seed=1"), language_from("2-gram"))
    assert not same(language_from("2-gram:seed=2"), language_from("2-gram"))
    assert same(
        language_from("hmm:states=3,vocab=4,seed=2,prune=0,concentration=2"),
        random_hmm(3, 4, seed=2, concentration=2.0),
    )
    assert language_from("copy-pairs:symbols=3").vocab_size == 3
    assert isinstance(language_from(" hmm "), HMMLanguage)
    assert isinstance(language_from("5-gram:vocab=2"), NGramLanguage)


def test_text(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("one two one three")
    language = language_from(f"text:{file},order=3,level=word,prune=0.6")
    assert isinstance(language, TextLanguage)
    assert language.vocabulary == ["one", "three", "two"]
    assert language.order == 3
    assert language_from(f"text:{file}").order == 2


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("", "unknown language ''"),
        ("gram", "unknown language 'gram'"),
        ("-2-gram", "unknown language"),
        ("2.5-gram", "unknown language"),
        ("0-gram", "order"),
        ("2-gram:states=8", "'states=8' is not one of the options vocab, seed, prune, concentration"),
        ("2-gram:vocab", "'vocab' is not one"),
        ("2-gram:vocab=eight", "vocab must be of type int, got 'eight'"),
        ("2-gram:vocab=0", "vocab_size"),
        ("2-gram:vocab=2.5", "vocab must be of type int"),
        ("2-gram:seed=-1", "seed"),
        ("2-gram:prune=2", "prune_below=2.0 leaves nothing"),
        ("2-gram:prune=nan", "prune_below"),
        ("2-gram:concentration=0", "concentration"),
        ("2-gram:concentration=inf", "concentration"),
        ("hmm:states=0", "num_states"),
        ("copy-pairs:symbols=0", "num_symbols"),
        ("text", "names no file"),
        ("text:,order=2", "names no file"),
        ("text:no/such/file", "no/such/file"),
        ("30-gram", "order=30 over vocab_size=8"),
        (3, "is a string, got 3"),
    ],
)
def test_bad_specifications(specification, message):
    with pytest.raises(ValueError, match=message):
        language_from(specification)
