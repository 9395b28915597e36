"""Languages in and out: files bit for bit, tables of pandas."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from languages import (
    HMMLanguage,
    NGramLanguage,
    TextLanguage,
    arithmetic_chains,
    block_language,
    copy_pairs,
    deterministic_cycle,
    ending_within,
    language_from,
    load,
    mds_code,
    ngram_from_text,
    parity_blocks,
    random_hmm,
    random_ngram,
    random_walk,
    repeated_symbol,
    save,
    slow_topics,
    to_frame,
    with_end,
)
from languages.interchange import files, states

LANGUAGES = {
    "1-gram": random_ngram(1, 4, seed=0),
    "pruned 3-gram": random_ngram(3, 4, seed=1, prune_below=0.2),
    "pruned hmm": random_hmm(5, 3, seed=2, prune_below=0.2),
    "char text": ngram_from_text("abracadabra, avada kedavra\n", 3, prune_below=0.3),
    "word text": ngram_from_text("the cat sat on the mat. the end.", 2, level="word"),
    "ngram with end": with_end(random_ngram(2, 3, seed=0, prune_below=0.2), stop=0.2),
    "text with end": with_end(ngram_from_text("one two. two three.", 2), stop={".": 1.0}),
    "hmm with end": with_end(random_hmm(3, 3, seed=0), stop=0.2),
    "arithmetic": arithmetic_chains(operands=2, largest=3),
    "fitting": ending_within(with_end(random_hmm(3, 3, seed=0, prune_below=0.1), stop=0.2), 12),
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def assert_same(there, language):
    assert type(there) is type(language)
    assert (there.name, there.vocab_size, repr(there)) == (language.name, language.vocab_size, repr(language))
    tokens = language.sample(20, 9, generator=seeded(0))
    holes = torch.where(torch.rand(tokens.shape, generator=seeded(1)) < 0.5, tokens, language.mask_id)
    # The very same digits: nothing may be rescaled or rounded on the way.
    assert torch.equal(there.log_prob(tokens), language.log_prob(tokens))
    assert torch.equal(there.posterior(holes), language.posterior(holes))
    assert torch.equal(there.sample(5, 9, generator=seeded(2)), language.sample(5, 9, generator=seeded(2)))
    assert (there.parent is None) == (language.parent is None)
    if language.parent is not None:
        assert_same(there.parent, language.parent)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_round_trip(language, tmp_path):
    save(language, tmp_path / "a.safetensors")
    assert_same(load(tmp_path / "a.safetensors"), language)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


@st.composite
def languages(draw):
    """n-grams and hidden Markov models with hard zeros, pruned twice at times."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vocab_size, states, order = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))

    def rows(*shape):
        table = np.where(rng.random(shape) < 0.3, 0.0, rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]))
        table[..., 0] += table.sum(-1) == 0
        return table / table.sum(-1, keepdims=True)

    if draw(st.booleans()):
        language = HMMLanguage(rows(states), rows(states, states), rows(states, vocab_size), name="x")
    else:
        initial = rows(vocab_size ** (order - 1)).reshape((vocab_size,) * (order - 1))
        language = NGramLanguage(rows(*(vocab_size,) * order), initial, name="é\n")
    return language.pruned(draw(st.sampled_from([0.0, 0.1]))).pruned(draw(st.sampled_from([0.0, 0.3])))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(languages())
def test_round_trip_of_any_language(tmp_path_factory, language):
    path = tmp_path_factory.mktemp("files") / "language"
    save(language, path)
    assert_same(load(path), language)


@pytest.mark.parametrize("build", [copy_pairs, repeated_symbol, deterministic_cycle, random_walk])
def test_closed_forms_come_back(build, tmp_path):
    language = build(4)
    save(language, tmp_path / "a")
    there = load(tmp_path / "a").closed_forms
    assert (type(there), there.known) == (type(language.closed_forms), language.closed_forms.known)
    assert there.entropy(8) == language.closed_forms.entropy(8)


@pytest.mark.parametrize(
    "language",
    [
        block_language(np.full((2, 2), 0.25)),
        slow_topics(3, switch=0.1),
        parity_blocks(3),
        mds_code(5, 3, 2),
    ],
    ids=repr,
)
def test_closed_forms_with_tables_come_back(language, tmp_path):
    save(language, tmp_path / "a")
    there = load(tmp_path / "a")
    assert type(there.closed_forms) is type(language.closed_forms)
    assert there.closed_forms.entropy(6) == language.closed_forms.entropy(6)
    assert_same(there, language)


class Coin(NGramLanguage):
    """A class of somebody else's."""


def test_a_class_of_your_own_joins(tmp_path, monkeypatch):
    language = Coin.from_grams(random_ngram(1, 2, seed=0).automaton.grams, name="coin")
    with pytest.raises(ValueError, match=r"a Coin cannot be saved unless languages\.interchange\.register knows it"):
        save(language, tmp_path / "a")
    monkeypatch.setattr(states, "KINDS", files.KINDS)
    monkeypatch.setitem(states.KINDS, "coin", states.Kind(Coin, states.take_grams, states.build_grams))
    save(language, tmp_path / "a")
    assert_same(load(tmp_path / "a"), language)


def test_text_comes_back_with_its_vocabulary(tmp_path):
    language = LANGUAGES["word text"]
    save(language, tmp_path / "a")
    there = load(tmp_path / "a")
    assert isinstance(there, TextLanguage)
    assert there.decode(there.encode("the mat sat.")) == ["the mat sat."]
    language = LANGUAGES["text with end"]
    save(language, tmp_path / "b")
    assert load(tmp_path / "b").decode(language.sample(3, 9, generator=seeded(0))) == (
        language.decode(language.sample(3, 9, generator=seeded(0)))
    )


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(LANGUAGES["1-gram"], path)
    before = path.read_bytes()

    def fail(tables, path, metadata):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(files, "save_file", fail)
    with pytest.raises(ValueError, match=r"cannot write.*a\.safetensors.*disk full"):
        save(LANGUAGES["pruned hmm"], path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def rewritten(path, *, arrays=None, content=None, **metadata):
    """Change a file behind its back, with a checksum that fits unless one is given."""
    with safe_open(path, framework="np") as file:
        old = file.metadata()
    tables = load_file(path) if arrays is None else arrays
    text = old["content"] if content is None else json.dumps(json.loads(old["content"]) | content)
    checksum = str(files.checksum(tables, text))
    save_file(tables, path, {**old, "content": text, "checksum": checksum, **metadata})


def test_files_that_are_no_language(tmp_path):
    path = tmp_path / "a.safetensors"
    for content in (None, b"", b"not a language at all"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot read a language from .*a\.safetensors"):
            load(path)
    with pytest.raises(ValueError, match="cannot read a language"):
        load(tmp_path)
    save_file({"x": np.zeros(2)}, path, {"format": "pt"})
    with pytest.raises(ValueError, match=r"a\.safetensors.*holds no language"):
        load(path)
    save_file({"x": np.zeros(2)}, path)
    with pytest.raises(ValueError, match="holds no language"):
        load(path)
    for wrong in (None, "", 7):
        with pytest.raises(ValueError, match="path must be the name of a file"):
            load(wrong)


@pytest.mark.parametrize("kind", ["pruned hmm", "pruned 3-gram", "word text"])
def test_every_flipped_byte_is_noticed(kind, tmp_path):
    path = tmp_path / "a.safetensors"
    save(LANGUAGES[kind], path)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(8, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"cannot read a language from .*a\.safetensors"):
            load(path)
    path.write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=r"a\.safetensors"):
        load(path)


@pytest.mark.parametrize(
    ("kind", "changes", "culprit"),
    [
        ("pruned hmm", {"version": "2"}, "version 2.*versions up to 1"),
        ("pruned hmm", {"checksum": "1"}, "damaged: its checksum"),
        ("pruned hmm", {"content": {"kind": "spline"}}, "unknown kind 'spline'"),
        ("pruned hmm", {"content": {"closed_forms": {"forms": "Path", "fields": {}}}}, "forms 'Path' are not"),
        ("pruned hmm", {"arrays": {"initial": np.ones(1)}}, "damaged: it lacks"),
        ("pruned hmm", {"arrays": lambda old: old | {"emission": old["emission"] * 2}}, "emission must sum to one"),
        ("pruned 3-gram", {"arrays": lambda old: old | {"edge_probs": old["edge_probs"] / 2}}, "do not sum to one"),
        ("pruned 3-gram", {"arrays": lambda old: old | {"edge_codes": old["edge_codes"][::-1].copy()}}, "out of order"),
        ("pruned 3-gram", {"arrays": lambda old: old | {"contexts.1": old["contexts.1"] * 9}}, "out of range"),
        ("word text", {"content": lambda old: old}, "9 symbols for"),
    ],
)
def test_files_that_were_changed(kind, changes, culprit, tmp_path):
    path = tmp_path / "a.safetensors"
    save(LANGUAGES[kind], path)
    if callable(changes.get("arrays")):
        changes = changes | {"arrays": changes["arrays"](load_file(path))}
    if kind == "word text":
        facts = {"order": 2, "vocab_size": LANGUAGES[kind].vocab_size}
        facts["tokeniser"] = {"vocabulary": list("abcdefghi"), "level": "word", "lowercase": False}
        changes = {"content": {"facts": facts}}
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=culprit):
        load(path)


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match=r"cannot write.*nowhere"):
        save(LANGUAGES["1-gram"], tmp_path / "nowhere" / "a")
    assert not list(tmp_path.iterdir())


def test_frame_of_an_ngram():
    language = LANGUAGES["char text"]
    frame = to_frame(language)
    assert len(frame) == language.automaton.num_edges
    np.testing.assert_allclose(frame.groupby(["history", "context"]).probability.sum(), 1)
    row = frame[(frame.context == "br") & (frame.history == 2)]
    assert row.token.tolist() == ["a"]
    assert row.probability.tolist() == [1.0]
    assert frame[frame.history == 0].context.unique().tolist() == ["∅"]


def test_frame_of_a_hidden_markov_model():
    language = LANGUAGES["pruned hmm"]
    frame = to_frame(language)
    np.testing.assert_allclose(frame.groupby(["table", "state"]).probability.sum(), 1)
    moves = frame[frame.table == "transition"].set_index(["state", "to"]).probability
    assert len(moves) == int((language.transition > 0).sum())
    for (state, to), probability in moves.items():
        assert probability == float(language.transition[int(state), int(to)])
    with pytest.raises(ValueError, match="has none"):
        to_frame(ending_within(language_from("hmm:stop=0.1"), 5))
