"""Texts as rows of symbols: characters, or words and punctuation, and back."""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Literal, TextIO

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

Level = Literal["char", "word"]

UNKNOWN: dict[Level, str] = {"char": "\N{REPLACEMENT CHARACTER}", "word": "<unk>"}
"""The symbol that stands for all symbols outside the vocabulary; one code point where symbols are code points."""
WORD = re.compile(r"<unk>|\w+(?:['’-]\w+)*|[^\w\s]")
"""A run of letters, digits and underscores, with single apostrophes and hyphens inside; or one other character."""
CLOSING, OPENING = frozenset(".,;:!?…%)]}»”"), frozenset("([{«“¿¡")
"""Punctuation that `Tokeniser.decode` joins to the symbol before it, or after it."""
PIECE = 1 << 20
"""Characters read at a time."""


@dataclasses.dataclass(frozen=True)
class Tokeniser:
    """Turns texts into token ids and back.

    At level "char" symbols are Unicode code points, line ends included, and texts come back exactly. At level "word"
    they are words and single punctuation marks (`WORD`), and white space is left out; `decode` sets it by the customs
    of English. There `encode(decode(ids))` is ids, always, and `decode(encode(text))` differs from text in white space
    alone.

    Attributes:
        vocabulary: The V symbols by token id, sorted. If it has `UNKNOWN`, that stands for every other symbol.
        level: What a symbol is.
        lowercase: Whether texts are lower-cased first.
    """

    vocabulary: tuple[str, ...]
    level: Level
    lowercase: bool = False

    @property
    def unknown(self) -> str | None:
        """The symbol that stands for those outside the vocabulary, None if there is none."""
        return UNKNOWN[self.level] if UNKNOWN[self.level] in self._index else None

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: token for token, symbol in enumerate(self.vocabulary)}

    def encode(self, text: str) -> Int[np.ndarray, " L"]:
        """Token ids of a text.

        Raises:
            ValueError: A symbol outside a vocabulary that has no unknown symbol.
        """
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {type(text).__name__}")
        text = text.lower() if self.lowercase else text
        symbols = list(text) if self.level == "char" else WORD.findall(text)
        other = self._index.get(UNKNOWN[self.level], -1)
        ids = np.fromiter((self._index.get(symbol, other) for symbol in symbols), dtype=np.int64, count=len(symbols))
        if (ids < 0).any():
            raise ValueError(f"text has the symbol {symbols[int(np.argmin(ids))]!r}, which the vocabulary lacks")
        return ids

    def decode(self, ids: Iterable[int], *, mask: str = "▢") -> str:
        """The text of token ids; the id V of a hole prints as `mask`."""
        symbols = [mask if token == len(self.vocabulary) else self.vocabulary[token] for token in ids]
        if self.level == "char":
            return "".join(symbols)
        parts: list[str] = []
        for before, symbol in zip(["", *symbols], symbols, strict=False):
            parts.append("" if not before or symbol in CLOSING or before in OPENING else " ")
            parts.append(symbol)
        return "".join(parts)


def tokenise(
    stream: TextIO, level: Level, *, lowercase: bool = False, vocabulary_size: int | None = None
) -> tuple[Tokeniser, Int[np.ndarray, " L"]]:
    """Read a text piece by piece, once, and return its tokeniser and its token ids (int32).

    Args:
        stream: The text.
        level: See `Tokeniser`.
        lowercase: See `Tokeniser`.
        vocabulary_size: The most symbols to keep, the unknown one among them: of more, the most frequent stay (of
            equals, those that sort first) and the others become unknown. None keeps all.
    """
    read = _read_characters if level == "char" else _read_words
    symbols, ids = read(piece.lower() if lowercase else piece for piece in _pieces(stream))
    kept = set(symbols)
    if vocabulary_size is not None and len(symbols) > vocabulary_size:
        counts = np.bincount(ids, minlength=len(symbols)).tolist()
        ranking = sorted((-count, symbol) for symbol, count in zip(symbols, counts, strict=True))
        common = [symbol for _, symbol in ranking if symbol != UNKNOWN[level]]
        kept = {UNKNOWN[level], *common[: vocabulary_size - 1]}
    tokeniser = Tokeniser(tuple(sorted(kept)), level, lowercase)
    index = tokeniser._index
    other = index.get(UNKNOWN[level], -1)
    return tokeniser, np.array([index.get(symbol, other) for symbol in symbols], dtype=np.int32)[ids]


def _pieces(stream: TextIO) -> Iterator[str]:
    """The text in pieces that end in white space, so that no word is cut; a run without any is one piece."""
    waiting: list[str] = []
    while piece := stream.read(PIECE):
        end = len(piece)
        if not piece[-1].isspace():
            end -= len(piece.rsplit(maxsplit=1)[-1])
        if end:
            yield "".join([*waiting, piece[:end]])
            waiting.clear()
        waiting.append(piece[end:])
    yield "".join(waiting)


def _read_characters(pieces: Iterable[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct code points, and the index among them of each one in turn."""
    points = [np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype="<u4") for piece in pieces]
    present = np.zeros(0x110000, dtype=bool)
    for piece in points:
        present[piece] = True
    index = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return [chr(point) for point in np.flatnonzero(present)], np.concatenate([index[piece] for piece in points])


def _read_words(pieces: Iterable[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct words, and the index among them of each one in turn."""
    index: collections.defaultdict[str, int] = collections.defaultdict()
    index.default_factory = index.__len__
    ids = []
    for piece in pieces:
        words = WORD.findall(piece)
        ids.append(np.fromiter(map(index.__getitem__, words), dtype=np.int32, count=len(words)))
    return list(index), np.concatenate(ids)
