"""Languages counted from text."""

from __future__ import annotations

import collections
import string

import numpy as np
import pytest
import torch

from languages import TextLanguage, ngram_from_text

TEXT = "the cat sat on the mat; the dog sat on the log.\nthat is that"


def circular_counts(symbols, order):
    """{n-gram: count} of a text read as a circle, the naive way."""
    circle = [*symbols, *symbols, *symbols]
    return collections.Counter(tuple(circle[i : i + order]) for i in range(len(symbols)))


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_counts(order, level):
    language = ngram_from_text(TEXT, order, level=level)
    symbols = list(TEXT) if level == "char" else TEXT.split()
    assert language.vocabulary == sorted(set(symbols))
    grams, contexts = circular_counts(symbols, order), circular_counts(symbols, order - 1)
    if order == 1:
        contexts = {(): len(symbols)}
    ids = {symbol: token for token, symbol in enumerate(language.vocabulary)}
    rows = torch.tensor([[ids[symbol] for symbol in gram] for gram in grams])
    # Of order n and length n, log q = log count(first n − 1)/total + log count(gram)/count(first n − 1).
    np.testing.assert_allclose(
        language.log_prob(rows).exp().numpy(), np.array(list(grams.values())) / len(symbols), rtol=1e-12
    )
    context = language.log_prob(rows[:, : order - 1]).exp().numpy() if order > 1 else np.ones(len(rows))
    np.testing.assert_allclose(context, [contexts[gram[:-1]] / len(symbols) for gram in grams] if order > 1 else 1)
    assert language.automaton.num_edges >= len(grams)
    marginals = language.marginals(7)
    torch.testing.assert_close(marginals, marginals[:1].expand(7, -1), rtol=0, atol=1e-12)


def test_the_text_itself_is_in_the_support():
    for order in (1, 2, 4, 8):
        language = ngram_from_text(TEXT, order)
        assert language.contains(language.encode(TEXT)).all()


def test_text_shorter_than_the_order():
    language = ngram_from_text("ab", 5)
    assert language.decode(language.sample(20, 6))[0] in ("ababab", "bababa")


@pytest.mark.parametrize(("level", "text"), [("char", TEXT + "\0 ÄΩ漢😀\t"), ("word", TEXT)])
def test_encode_and_decode_round_trip(level, text):
    language = ngram_from_text(text, 2, level=level)
    tokens = language.encode(text)
    assert language.decode(tokens) == [text if level == "char" else " ".join(text.split())]
    tokens[0, 1] = language.mask_id
    assert language.decode(tokens, mask="?")[0].count("?") == 1
    with pytest.raises(ValueError, match="'§'"):
        language.encode("the §" if level == "word" else "§")
    pruned = language.pruned(0.3)
    assert isinstance(pruned, TextLanguage)
    assert (pruned.vocabulary, pruned.level, pruned.parent) == (language.vocabulary, level, language)
    assert pruned.decode(pruned.encode(text)) == language.decode(language.encode(text))


def test_files(tmp_path):
    file = tmp_path / "story.txt"
    file.write_text(TEXT, encoding="utf-8")
    from_path, from_string, inline = ngram_from_text(file, 2), ngram_from_text(str(file), 2), ngram_from_text(TEXT, 2)
    rows = inline.sample(50, 12)
    for language in (from_path, from_string):
        assert language.name == "text:story.txt,order=2"
        torch.testing.assert_close(language.log_prob(rows), inline.log_prob(rows))
    assert inline.name == "text:inline,order=2"
    assert ngram_from_text("hello", 1).vocabulary == list("ehlo")


def test_files_that_cannot_be_read(tmp_path):
    binary, empty, blank = tmp_path / "a.bin", tmp_path / "empty.txt", tmp_path / "blank.txt"
    binary.write_bytes(bytes(range(256)))
    empty.write_text("")
    blank.write_text(" \n\t ")
    for path, message in [
        (binary, "a.bin"),
        (tmp_path, "cannot read the text file"),
        (tmp_path / "missing", "missing"),
        (str(tmp_path / "missing"), "missing"),
        ("missing.txt", "missing.txt"),
        (empty, "empty.txt.*nothing to count"),
    ]:
        with pytest.raises(ValueError, match=message):
            ngram_from_text(path, 2)
    with pytest.raises(ValueError, match=r"blank\.txt.*nothing to count"):
        ngram_from_text(blank, 2, level="word")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((TEXT, 0), {}, "order"),
        ((TEXT, 1.5), {}, "order"),
        ((TEXT, 2), {"level": "byte"}, "level"),
        ((TEXT, 2), {"prune_below": 1.5}, "prune_below"),
        (("", 2), {}, "empty"),
        ((None, 2), {}, "path_or_text"),
        ((b"bytes", 2), {}, "path_or_text"),
        ((7, 2), {}, "path_or_text"),
        ((string.printable, 12), {}, "order=12 over 100 symbols does not fit"),
    ],
)
def test_bad_arguments(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        ngram_from_text(*arguments, **options)


def test_order_4_over_100_symbols_stays_sparse():
    """The dense tensor has 10⁸ entries; neither building nor inference may hold anything like it."""
    generator = np.random.default_rng(0)
    weights = 1 / np.arange(1, 101) ** 2.0
    text = "".join(generator.choice(list(string.printable), 30_000, p=weights / weights.sum()))
    language = ngram_from_text(text, 4)
    assert language.vocab_size > 90
    assert language.automaton.num_edges < 60_000
    tokens = language.encode(text)[:, :400]
    holes = tokens.clone()
    holes[0, torch.randperm(400, generator=torch.Generator().manual_seed(0))[:200]] = language.mask_id
    log_probs, dead = language.conditionals(holes)
    assert not dead.any()
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(1, 400, dtype=torch.float64))
    # The chain rule over one filling order: log q(revealed) + Σ log q(next | so far) = log q(all).
    total = language.log_marginal(holes)
    for i in (holes[0] == language.mask_id).nonzero()[:12, 0].tolist():
        total = total + language.posterior(holes)[:, i, tokens[0, i]]
        holes[0, i] = tokens[0, i]
    torch.testing.assert_close(total, language.log_marginal(holes), rtol=1e-10, atol=1e-8)
