"""Languages from a line of text: "2-gram", "hmm:states=8,prune=0.05,seed=1", "text:FILE,order=3", "parity:block=4"."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from languages.checks import check_fraction
from languages.interchange import language_digest
from languages.kinds import KINDS
from languages.language import Language
from languages.suggestions import unknown
from languages.variable_length import with_end

COMMON = {"stop": 0.0}
"""Options of every language: the probability of an end after each token, 0 for sequences without end."""
FEW_GRAMS = ("1-gram", "2-gram", "3-gram", "4-gram")
"""N-grams that somebody may have meant."""
OPTIONS = {
    "vocab_size": "vocab",
    "prune_below": "prune",
    "num_states": "states",
    "num_symbols": "symbols",
    "num_values": "values",
    "num_topics": "topics",
}
"""Options by the arguments that they set, where these are called otherwise."""


def _grammar() -> str:
    lines = []
    for name, kind in KINDS.items():
        options = ",".join(f"{key}={value}" for key, value in kind.options.items())
        lines.append((f"text:FILE[,{options}]" if name == "text" else f"{name}[:{options}]", kind.meaning))
    width = max(len(left) for left, _ in lines)
    lines.append(("…,stop=0.1", "any of them with an end after each token (each sum) with that probability"))
    return "\n".join(f"{left:{width}}    {right}" for left, right in lines)


GRAMMAR = _grammar()


@dataclasses.dataclass(frozen=True)
class LanguageSpec:
    """What a line of text says of a language; nothing is built before `build`.

    Two are equal if they say the same, however they say it: 2-gram is 2-gram:vocab=8. `str` is the shortest line that
    says it, and `parse` reads that back.

    Attributes:
        kind: The word before the options, such as 2-gram or hmm.
        values: Every option with its value, defaults included.
        file: The file that a text language is counted from; empty for others.
        text: The line as it was given: the name of the language that is built.
    """

    kind: str
    values: tuple[tuple[str, Any], ...]
    file: str = ""
    text: str = dataclasses.field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a specification.

        Args:
            text: NAME or NAME:key=value,…, as listed in `GRAMMAR`.

        Raises:
            ValueError: An unknown name, an unknown key, or a value of another type.
        """
        if not isinstance(text, str):
            raise ValueError(f"a language specification is a string, got {text!r}")
        name, _, rest = text.strip().partition(":")
        if _kind_of(name) not in KINDS or name == "N-gram":
            raise ValueError(f"unknown language {text!r}: {unknown(name, [*FEW_GRAMS, *list(KINDS)[1:]])}\n{GRAMMAR}")
        file = ""
        if name == "text":
            file, _, rest = rest.partition(",")
            if not file:
                raise ValueError(f"{text!r} names no file; write text:FILE[,order=2,prune=0,level=char]")
        values = _read(text, rest, {**KINDS[_kind_of(name)].options, **COMMON})
        check_fraction("stop", values["stop"])
        return cls(name, tuple(values.items()), file, text)

    @property
    def options(self) -> dict[str, Any]:
        """Every option by name."""
        return dict(self.values)

    @property
    def states(self) -> int | None:
        """Hidden states, or contexts of an n-gram; None where only the built language knows them."""
        counts = KINDS[_kind_of(self.kind)].states
        return None if counts is None else counts(self._arguments())

    @property
    def content(self) -> str:
        """Digest of the file that it names, for a name does not say what is in it; empty for other languages.

        Raises:
            ValueError: The file cannot be read.
        """
        if not self.file:
            return ""
        try:
            return hashlib.sha256(Path(self.file).read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise ValueError(f"cannot read the text file {self.file!r}: {error}") from error

    def having(self, **changes: Any) -> Self:
        """The same with other values of some options."""
        return type(self).parse(str(dataclasses.replace(self, values=tuple({**self.options, **changes}.items()))))

    def build(self) -> Language:
        """The language.

        Raises:
            ValueError: A value that does not fit.
        """
        arguments = self._arguments()
        stop = arguments.pop("stop")
        name = self.text or str(self)
        try:
            language = KINDS[_kind_of(self.kind)].build(name, **arguments)
            # Sums stop when they are complete.
            ends = {";": stop} if self.kind == "arithmetic" else stop
            return with_end(language, stop=ends, name=name) if stop else language
        except ValueError as error:
            raise ValueError(f"{name!r}: {_in_its_words(str(error))}") from error

    def digest(self) -> str:
        """Digest of the tables that it says: two that say other words may build the same language.

        Raises:
            ValueError: A value that does not fit.
        """
        return language_digest(self.build())

    def __str__(self) -> str:
        defaults = {**KINDS[_kind_of(self.kind)].options, **COMMON}
        said = [f"{key}={_shortest(value)}" for key, value in self.values if value != defaults[key]]
        options = ",".join([self.file, *said] if self.file else said)
        return f"{self.kind}:{options}" if options else self.kind

    def _arguments(self) -> dict[str, Any]:
        """What builds it: the options, and what stands before them."""
        order = {"order": int(self.kind.removesuffix("-gram"))} if _kind_of(self.kind) == "N-gram" else {}
        return {**order, **self.options, **({"file": self.file} if self.file else {})}


def language_from(specification: str) -> Language:
    """Build a language from its specification string.

    Args:
        specification: NAME or NAME:key=value,…, as listed in `GRAMMAR`.

    Raises:
        ValueError: An unknown name, an unknown key, or a value that does not fit.
    """
    return LanguageSpec.parse(specification).build()


def as_language(language: Language | str, *, name: str = "language") -> Language:
    """A language as it is, or from its specification.

    Args:
        language: A language, or a specification such as "2-gram".
        name: What the caller calls it.

    Raises:
        ValueError: Neither, or a specification that is none.
    """
    if isinstance(language, str):
        return language_from(language)
    if not isinstance(language, Language) and not hasattr(language, "conditionals"):  # what acts like one will do
        raise ValueError(
            f"{name} must be a Language, or a specification such as '2-gram' or 'hmm:states=8', got {language!r}"
        )
    return language


def _kind_of(name: str) -> str:
    return "N-gram" if re.fullmatch(r"\d+-gram", name) else name


def _read(text: str, rest: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, overridden by the `key=value` pairs of `rest` read as the defaults' types."""
    options = dict(defaults)
    given = set()
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if key not in defaults:
            raise ValueError(f"{text!r}: {pair!r} is not one of the options: {unknown(key, defaults)} (key=value)")
        if not equals:
            raise ValueError(f"{text!r}: {pair!r} has no value; write {key}={defaults[key]}")
        if key in given:
            raise ValueError(f"{text!r}: {key} is given twice")
        given.add(key)
        try:
            options[key] = type(defaults[key])(value)
        except ValueError:
            kind = type(defaults[key]).__name__
            raise ValueError(f"{text!r}: {key} must be of type {kind}, got {value!r}") from None
    return options


def _in_its_words(message: str) -> str:
    """An error about arguments of ours, with the options that were written for them."""
    return re.sub("|".join(rf"\b{name}\b" for name in OPTIONS), lambda found: OPTIONS[found[0]], message)


def _shortest(value: Any) -> str:
    """A value as a person would write it."""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
