"""Languages from a line of text, and what the default ones promise."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from languages import (
    HMMLanguage,
    LanguageSpec,
    NGramLanguage,
    TextLanguage,
    arithmetic_chains,
    deterministic_cycle,
    language_digest,
    language_from,
    mds_code,
    parity_blocks,
    random_hmm,
    random_ngram,
    random_walk,
    repeated_symbol,
    slow_topics,
    with_end,
)
from languages.kinds import KINDS
from languages.specification import COMMON, GRAMMAR
from languages.variable_length import VariableLength

DEFAULTS = ["2-gram", "3-gram", "4-gram", "hmm", "copy-pairs", "parity", "repeat", "cycle", "walk", "topics", "mds"]
DEFAULTS += ["arithmetic", "2-gram:stop=0.01", "hmm:stop=0.01", "arithmetic:stop=0.1"]


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
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, language.vocab_size, (200, 5), generator=generator)
    if language.vocab_size == other.vocab_size:
        rows = torch.cat([rows, *(either.sample(50, 9, generator=generator)[:, :5] for either in (language, other))])
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
    assert same(language_from("parity:block=3"), parity_blocks(3))
    assert same(language_from("repeat:symbols=3"), repeated_symbol(3))
    assert same(language_from("cycle:symbols=3"), deterministic_cycle(3))
    assert same(
        language_from("walk:values=6,up=0.7,down=0.3,start=2"), random_walk(6, increments={1: 0.7, -1: 0.3}, start=2)
    )
    lazy = random_walk(6, increments={1: 0.25, -1: 0.25, 0: 0.5})
    assert same(language_from("walk:values=6,up=0.25,down=0.25"), lazy)
    assert same(
        language_from("topics:topics=3,switch=0.2,words=2,overlap=0.5,moves=any"),
        slow_topics(3, switch=0.2, words=2, overlap=0.5),
    )
    assert same(language_from("mds:field=3,length=4,dimension=3"), mds_code(3, 4, 3))
    assert same(language_from("arithmetic:operands=2,largest=3"), arithmetic_chains(2, 3))
    assert isinstance(language_from(" hmm "), HMMLanguage)
    assert isinstance(language_from("5-gram:vocab=2"), NGramLanguage)


def test_every_language_knows_its_name():
    for specification in DEFAULTS:
        assert language_from(specification).name == specification


def test_decimals_that_sum_to_one_leave_nothing():
    """1 − 0.7 − 0.3 is 5.6e-17 in floating point; to stay is a hard zero all the same."""
    assert not language_from("walk:values=6,up=0.3,down=0.7").contains(torch.tensor([[2, 2]])).item()


def test_ends():
    language = language_from("3-gram:vocab=3,stop=0.25")
    assert isinstance(language, VariableLength)
    assert same(language, with_end(random_ngram(3, 3, seed=1, prune_below=0.05), stop=0.25))
    assert language.mean_length() == pytest.approx(4)
    assert isinstance(language_from("copy-pairs:symbols=2,stop=0.5"), VariableLength)
    assert language_from("arithmetic:operands=2,stop=0.5").mean_length() == pytest.approx(12)
    assert same(language_from("hmm:stop=0"), language_from("hmm"))


def test_grammar():
    """What is listed is what there is."""
    for line in GRAMMAR.splitlines()[:-1]:
        specification = line.split("    ")[0].replace("[:", ":").replace("]", "").replace("N-gram", "2-gram")
        if not specification.startswith("text"):
            assert same(language_from(specification), language_from(specification.partition(":")[0]))


def test_text(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("one two one three")
    language = language_from(f"text:{file},order=3,level=word,prune=0.6")
    assert isinstance(language, TextLanguage)
    assert language.vocabulary == ["one", "three", "two"]
    assert language.order == 3
    assert language_from(f"text:{file}").order == 2


def some_values(default):
    """Values of the type of a default, as a person may write them."""
    if isinstance(default, float):
        return st.floats(0, 1, allow_subnormal=False) | st.sampled_from([0.05, 1 / 3, 1e-300, 1.0])
    return st.integers(0, 10**6) if isinstance(default, int) else st.sampled_from(["uniform", "0", "next", "word"])


@st.composite
def specifications(draw):
    """A line of text, with options in any order and defaults spelt out or not."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    options = {**KINDS[kind].options, **COMMON}
    named = draw(st.permutations(sorted(options)))[: draw(st.integers(0, len(options)))]
    said = [f"{name}={draw(some_values(options[name]) | st.just(options[name]))}" for name in named]
    name = f"{draw(st.integers(0, 12))}-gram" if kind == "N-gram" else kind
    return f"{name}:{','.join(['a file.txt', *said] if kind == 'text' else said)}"


@given(specifications())
def test_a_specification_reads_back_as_it_is_written(text):
    spec = LanguageSpec.parse(text)
    again = LanguageSpec.parse(str(spec))
    assert again == spec
    assert hash(again) == hash(spec)
    assert str(again) == str(spec)
    assert len(str(spec)) <= len(text)
    for name, value in spec.options.items():
        assert spec.having(**{name: value}) == spec


def test_specifications_that_say_the_same_are_equal():
    spec = LanguageSpec.parse("hmm:vocab=8,states=4,prune=0.050")
    assert spec == LanguageSpec.parse(" hmm:states=4 ")
    assert str(spec) == "hmm:states=4"
    assert spec.text == "hmm:vocab=8,states=4,prune=0.050"
    assert spec.build().name == spec.text
    assert same(spec.build(), language_from("hmm:states=4"))
    assert spec.having(states=8).build().name == "hmm"
    assert spec != LanguageSpec.parse("hmm:states=4,prune=0.05000001")
    assert spec.digest() == language_digest(language_from("hmm:states=4"))
    assert spec.digest() != spec.having(seed=2).digest()


@pytest.mark.parametrize("name", ["2-gram:vocab=3", "3-gram:vocab=3", "1-gram", "hmm:states=5", "topics:topics=3"])
def test_a_specification_knows_its_states_unbuilt(name):
    spec = LanguageSpec.parse(name)
    language = spec.build()
    states = language.num_states if isinstance(language, HMMLanguage) else spec.options["vocab"] ** (language.order - 1)
    assert spec.states == states
    assert LanguageSpec.parse("arithmetic").states is None


def test_a_specification_knows_what_is_in_its_file(tmp_path):
    file = tmp_path / "tale.txt"
    file.write_text("to be or not")
    spec = LanguageSpec.parse(f"text:{file}")
    before = spec.content
    file.write_text("to be or nob")
    assert len({before, spec.content, LanguageSpec.parse("hmm").content}) == 3
    file.unlink()
    with pytest.raises(ValueError, match=r"cannot read the text file .*tale"):
        _ = spec.content


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("", "unknown language ''"),
        ("gram", "unknown language 'gram'"),
        ("2-grams", "did you mean 2-gram or"),
        ("himm", "did you mean hmm"),
        ("hmm:seeds=3", "did you mean seed"),
        ("-2-gram", "unknown language"),
        ("2.5-gram", "unknown language"),
        ("0-gram", "order"),
        (
            "2-gram:states=8",
            "'states=8' is not one of the options: 'states' is none of vocab, seed, prune, concentration, stop",
        ),
        ("2-gram:vocab", "'vocab' has no value; write vocab=8"),
        ("2-gram:vocab=3,vocab=4", "vocab is given twice"),
        ("text:a,level=char,order=2,level=char", "level is given twice"),
        ("2-gram:vocab=eight", "vocab must be of type int, got 'eight'"),
        ("2-gram:vocab=0", "vocab must be at least 1"),
        ("2-gram:vocab=2.5", "vocab must be of type int"),
        ("2-gram:seed=-1", "seed"),
        ("2-gram:prune=2", "prune=2.0 leaves nothing"),
        ("2-gram:prune=nan", "prune"),
        ("2-gram:concentration=0", "concentration"),
        ("2-gram:concentration=inf", "concentration"),
        ("hmm:states=0", ": states must"),
        ("copy-pairs:symbols=0", ": symbols must"),
        ("N-gram", "unknown language 'N-gram'"),
        ("parity:block=1", "block must be at least 2"),
        ("parity:symbols=2", "'symbols=2' is not one of the options: 'symbols' is none of block, stop"),
        ("repeat:symbols=0", ": symbols must"),
        ("cycle:symbols=-1", ": symbols must"),
        ("walk:up=0.7,down=0.7", "up and down must sum to at most 1, got 1.4"),
        ("walk:up=-0.1", "up must lie in"),
        ("walk:start=here", "start must be a whole number or uniform, got 'here'"),
        ("walk:values=0", ": values must"),
        ("topics:switch=2", "switch must lie in"),
        ("topics:moves=back", "moves must be one of"),
        ("mds:field=6", "field must be a prime, got 6"),
        ("mds:length=9", "length must be at most field"),
        ("arithmetic:operands=0", "operands"),
        ("arithmetic:largest=nine", "largest must be of type int, got 'nine'"),
        ("2-gram:stop=1.5", "stop must lie in"),
        ("2-gram:stop=never", "stop must be of type float, got 'never'"),
        ("text", "names no file"),
        ("text:,order=2", "names no file"),
        ("text:no/such/file", "no/such/file"),
        ("30-gram", "order=30 over vocab=8"),
        (3, "is a string, got 3"),
    ],
)
def test_bad_specifications(specification, message):
    with pytest.raises(ValueError, match=message):
        language_from(specification)
