"""The console command: what it prints is what the library says, and bad input ends in one line."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from languages import language_from
from mdmtheory import Bernoulli, __version__, error, steps_needed
from mdmtheory.command import main
from mdmtheory.command.main import DESCRIPTION, SUBCOMMANDS


def run(capsys, *arguments):
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_without_a_subcommand_it_teaches(capsys):
    text = run(capsys)
    assert DESCRIPTION in text
    for name in SUBCOMMANDS:
        assert f"mdmtheory {name.replace('_', '-')} " in DESCRIPTION
        assert f"    {name.replace('_', '-')}" in text


@pytest.mark.parametrize("line", re.findall(r"^  mdmtheory (.*?)(?:  |$)", DESCRIPTION, re.MULTILINE))
def test_its_examples_are_accepted(line, monkeypatch):
    """Every line of the help parses; the answers themselves are tested at small sizes."""
    asked = []
    for name in SUBCOMMANDS:
        monkeypatch.setattr(f"mdmtheory.command.{name}.run", asked.append)
    assert main(line.split()) == 0
    assert asked[0].language in line


def test_an_error_is_the_librarys(capsys):
    text = run(capsys, "error", "2-gram:vocab=3", "--length", "5", "--steps", "2", "--metric", "kl")
    assert text == f"kl: {error(language_from('2-gram:vocab=3'), 5, Bernoulli.uniform(2), 'kl')}\n"
    text = run(capsys, "error", "2-gram", "--length", "9", "--steps", "2", "--metric", "ter_increase", "--law", "path")
    assert "path law exact by information curve" in text


def test_steps_needed_are_the_librarys(capsys):
    text = run(capsys, "steps-needed", "2-gram:vocab=3", "--length", "8", "--ter-increase", "0.05")
    assert text == f"{steps_needed(language_from('2-gram:vocab=3'), 8, ter_increase=0.05)}\n"


def test_a_language_is_described(capsys):
    text = run(capsys, "describe", "2-gram:vocab=3,prune=0", "--length", "6")
    assert "it supports every sequence: SER is 0 for any model" in text
    entropy = language_from("2-gram:vocab=3,prune=0").entropy(6)
    assert f"entropy at L = 6: {entropy:.6g} (nats exact); {entropy / 6:.6g} nats a token" in text
    assert "nats monte-carlo" in run(capsys, "describe", "hmm", "--length", "32")


def test_samples_are_marked(capsys):
    language = language_from("2-gram")
    *rows, last = run(capsys, "sample", "2-gram", "--length", "12", "--steps", "3", "--rows", "20").splitlines()
    assert len(rows) == 20
    good = [bool(language.contains([[int(word) for word in row.split()[-12:]]])) for row in rows]
    assert [not row.startswith("x") for row in rows] == good
    assert last == f"{sum(good)} of 20 are in the language"
    assert 0 < sum(good) < 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["error", "9-grams", "--steps", "2"], ["unknown language '9-grams'"]),
        (["error", "2-gram", "--steps", "0"], ["steps", "0"]),
        (["error", "2-gram", "--steps", "2", "--length", "0"], ["length", "0"]),
        (["error", "3-gram", "--steps", "16"], ["no exact ser", "estimate_sequence_error_rate"]),
        (["sample", "2-gram", "--steps", "2", "--rows", "0"], ["rows", "0"]),
        (["steps-needed", "2-gram"], ["--ser", "--ter-increase", "required"]),
        (["audit"], ["audit"]),
    ],
)
def test_bad_arguments(arguments, words, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    last = printed.err.splitlines()[-1]
    assert "error: " in last
    assert all(word in last for word in words), last


def test_as_a_module():
    command = [sys.executable, "-m", "mdmtheory", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"mdmtheory {__version__}\n"
