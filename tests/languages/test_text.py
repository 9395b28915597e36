"""Languages counted from text."""

from __future__ import annotations

import collections
import pathlib
import re
import string
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import TextLanguage, ngram_from_text, tokenising

TEXT = "the cat sat on the mat; the dog sat on the log.\nthat is that"


def circular_counts(symbols, order):
    """{n-gram: count} of a text read as a circle, the naive way."""
    circle = [*symbols, *symbols, *symbols]
    return collections.Counter(tuple(circle[i : i + order]) for i in range(len(symbols)))


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_counts(order, level):
    language = ngram_from_text(TEXT, order, level=level)
    symbols = list(TEXT) if level == "char" else re.findall(r"[a-z]+|[.;]", TEXT)
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


def test_what_a_string_means_does_not_depend_on_the_folder(tmp_path, monkeypatch):
    """Paths are told from texts by how they look; where a text happens to name a file it is refused."""
    monkeypatch.chdir(tmp_path)
    paths = ["README.md", "a story.txt", "data/corpus"]
    texts = ["abracadabra", "the cat sat", "a/b c", "see README.md\n"]
    for path in paths:
        with pytest.raises(ValueError, match="cannot read the text file"):
            ngram_from_text(path, 1)
    for text in texts:
        assert ngram_from_text(text, 1).name == "text:inline,order=1"
    (tmp_path / "data").mkdir()
    for path in paths:
        (tmp_path / path).write_text("zz")
        assert ngram_from_text(path, 1).vocabulary == ["z"]
    for text in texts[:2]:
        (tmp_path / text).write_text("zz")
        with pytest.raises(ValueError, match=r"may be a text, and there is a file of that name; pathlib\.Path"):
            ngram_from_text(text, 1)
        assert ngram_from_text(pathlib.Path(text), 1).vocabulary == ["z"]
        assert ngram_from_text(text + "\n", 1).name == "text:inline,order=1"


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
        ((TEXT, 2), {"vocabulary_size": 0}, "vocabulary_size"),
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


def test_orders_whose_codes_fit_in_no_word():
    """100¹² and 3000⁵ strings: contexts are known by rank, not by a number in base V."""
    language = ngram_from_text(string.printable, 12)
    assert language.contains(language.encode(string.printable + string.printable[:30])).all()
    generator = np.random.default_rng(0)
    words = generator.choice(3000, 8000, p=(weights := 1 / np.arange(1, 3001)) / weights.sum())
    text = " ".join(f"w{word}" for word in words)
    language = ngram_from_text(text, 5, level="word", prune_below=0.6)
    assert language.vocab_size**language.order > 2**53
    start = language.encode(" ".join(text.split()[:50]))
    grams = collections.Counter(tuple(row) for row in np.lib.stride_tricks.sliding_window_view(words, 5).tolist())
    contexts = collections.Counter(gram[:-1] for gram in grams.elements())
    last = language.parent.log_prob(start[:, :5]) - language.parent.log_prob(start[:, :4])
    assert float(last.exp()) == pytest.approx(grams[tuple(words[:5])] / contexts[tuple(words[:4])], rel=1e-9)
    holes = start.clone()
    holes[0, 20] = language.mask_id
    at = holes == language.mask_id
    law = language.parent.conditionals(holes, at=at).log_probs
    assert law.shape == (1, language.vocab_size)
    assert float(law.exp().sum()) == pytest.approx(1)
    assert language.sample(3, 40, generator=torch.Generator().manual_seed(0)).shape == (3, 40)


def test_a_small_vocabulary_has_an_unknown_symbol():
    language = ngram_from_text("a b a c a b d", 2, level="word", vocabulary_size=3)
    assert language.vocabulary == ["<unk>", "a", "b"]
    assert language.decode(language.encode("a zebra b")) == ["a <unk> b"]
    with pytest.raises(ValueError, match="zebra"):
        ngram_from_text("a b", 2, level="word").encode("zebra")


def test_lower_case_and_line_ends(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"Ab\r\naB\n")
    language = ngram_from_text(path, 1)
    assert language.vocabulary == ["\n", "\r", "A", "B", "a", "b"]
    assert ngram_from_text(path, 1, lowercase=True).vocabulary == ["\n", "\r", "a", "b"]


def test_pieces_of_a_long_text_join(tmp_path, monkeypatch):
    """Read in pieces of seven characters, no word is cut."""
    text = "one two three, four five six seven eight nine ten eleven twelve"
    whole = ngram_from_text(text, 2, level="word")
    monkeypatch.setattr(tokenising, "PIECE", 7)
    pieces = ngram_from_text(text, 2, level="word")
    assert pieces.vocabulary == whole.vocabulary
    assert torch.equal(pieces.log_prob(whole.encode(text)), whole.log_prob(whole.encode(text)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=40), st.integers(1, 30))
def test_characters_round_trip_in_pieces_of_any_size(text, piece):
    tokenising.PIECE, whole = piece, tokenising.PIECE
    try:
        language = ngram_from_text(text + "\n", 2)
    finally:
        tokenising.PIECE = whole
    assert language.vocabulary == sorted(set(text + "\n"))
    assert language.decode(language.encode(text)) == [text]
    assert language.contains(language.encode(text + "\n")).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*"ab.,;()[]«»“”'’-_%!?", "it's", "well-known", "<unk>", "<", ">", "3"]), min_size=1))
def test_words_decode_to_text_with_the_same_tokens(symbols):
    tokeniser = tokenising.Tokeniser(tuple(sorted(set(symbols))), "word")
    index = {symbol: token for token, symbol in enumerate(tokeniser.vocabulary)}
    ids = [index[symbol] for symbol in symbols]
    assert tokeniser.encode(tokeniser.decode(ids)).tolist() == ids


@pytest.mark.parametrize(
    "text", ["He said: “It's (really) 5% off, isn't it?”", "Is [this] well-known; or not…!", "Café, naïve résumé."]
)
def test_prose_comes_back_as_it_was(text):
    language = ngram_from_text(text.replace(" ", " \n\t"), 1, level="word")
    assert language.decode(language.encode(text)) == [text]


def test_the_most_frequent_symbols_stay():
    """Ties go to what sorts first, and the unknown symbol is one of the `vocabulary_size`."""
    language = ngram_from_text("d c c b b a a a e", 1, level="word", vocabulary_size=4)
    assert language.vocabulary == ["<unk>", "a", "b", "c"]
    np.testing.assert_allclose(language.marginals(1)[0], np.array([2, 3, 2, 2]) / 9)
    characters = ngram_from_text("aabc", 1, vocabulary_size=2)
    assert characters.vocabulary == ["a", "\N{REPLACEMENT CHARACTER}"]
    assert characters.decode(characters.encode("abz")) == ["a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"]
    assert ngram_from_text("aab", 1, vocabulary_size=3).vocabulary == ["a", "b"]
    with_unknown = ngram_from_text("the <unk> sat", 1, level="word")  # as texts that come with it
    assert with_unknown.encode("the dog sat").tolist() == [[2, 0, 1]]


def test_a_large_vocabulary_allocates_nothing_of_its_square():
    """In a process of its own, for its peak memory: 20 000 words have 3.2 GB of pairs."""
    script = """
import resource, torch
from languages import ngram_from_text
text = " ".join(f"w{i * i % 20_011}" for i in range(20_011)) + " " + " ".join(f"w{i}" for i in range(20_011))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for order in (1, 2, 3):
    language = ngram_from_text(text, order, level="word").pruned(0.4)
    assert language.vocab_size > 20_000
    tokens = language.sample(4, 16)
    assert language.contains(tokens).all() and language.log_prob(tokens).isfinite().all()
    language.entropy(8), language.marginals(8)
    tokens[:, 3::4] = language.mask_id
    language.log_marginal(tokens), language.conditionals(tokens, at=tokens == language.mask_id)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10)
"""
    used = float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    assert used < 400, f"{used} MiB"
