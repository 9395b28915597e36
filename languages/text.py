"""An n-gram language counted from a real text."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Self, TextIO, get_args

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from languages.automata.grams import SparseGrams
from languages.automata.strings import StringTree
from languages.checks import check_count, check_tokens
from languages.ngram import NGramLanguage
from languages.pruning import check_threshold
from languages.tokenising import Level, Tokeniser, tokenise


class TextLanguage(NGramLanguage):
    """An n-gram language that remembers its vocabulary.

    Attributes:
        tokeniser: Turns texts into token ids and back.
    """

    tokeniser: Tokeniser

    @classmethod
    def count(cls, tokens: Int[np.ndarray, " T"], order: int, tokeniser: Tokeniser, *, name: str) -> Self:
        """Count the n-grams of a text read as a circle, so that the counts' own law is stationary.

        Args:
            tokens: (T,) the text; each of the tokeniser's symbols occurs.
            order: n.
            tokeniser: What made the tokens.
            name: What tables and legends call the language.
        """
        columns = (np.roll(tokens, -shift) for shift in range(order))
        tree, gram = StringTree.from_columns(columns, len(tokeniser.vocabulary))
        counts = np.bincount(gram)
        context_of_gram = tree.levels[-1] // tree.vocab_size
        context_counts = np.bincount(context_of_gram, weights=counts)
        language = cls.from_grams(
            SparseGrams(
                order,
                tree.vocab_size,
                StringTree(tree.vocab_size, tree.levels[:-1]),
                np.arange(len(context_counts)),
                context_counts / len(tokens),
                tree.levels[-1],
                counts / context_counts[context_of_gram],
            ),
            name=name,
        )
        language.tokeniser = tokeniser
        return language

    @property
    def vocabulary(self) -> list[str]:
        """The V symbols by token id, sorted."""
        return list(self.tokeniser.vocabulary)

    @property
    def level(self) -> Level:
        """Whether symbols are characters or words."""
        return self.tokeniser.level

    def encode(self, text: str) -> Int[Tensor, "1 L"]:
        """Token ids of a text, as one row.

        Raises:
            ValueError: A symbol outside a vocabulary that has no unknown symbol.
        """
        return torch.from_numpy(self.tokeniser.encode(text))[None].to(self.device)

    def decode(self, tokens: Int[Tensor, "B L"], *, mask: str = "▢") -> list[str]:
        """The text of each row, as faithful as `Tokeniser` says; holes print as `mask`."""
        rows = check_tokens(tokens, self.vocab_size, holes=True).tolist()
        return [self.tokeniser.decode(row, mask=mask) for row in rows]


def ngram_from_text(
    path_or_text: str | os.PathLike[str],
    order: int,
    *,
    prune_below: float = 0.0,
    level: Level = "char",
    vocabulary_size: int | None = None,
    lowercase: bool = False,
    name: str | None = None,
) -> TextLanguage:
    """Count an n-gram language from a text file (UTF-8) or a text, read as a circle.

    Args:
        path_or_text: A path or the text itself. A `pathlib.Path` is a path. A string of one line is one if it ends in
            .txt, .md, .text, .csv or .rst, or has a slash and no white space: whether or not there is such a file, so
            that a call does not depend on the folder it is made in. Any other string is a text; one that a file is
            named by is refused, for it may be meant either way.
        order: n ≥ 1.
        prune_below: Next-token probabilities below this become hard zeros.
        level: "char" (Unicode code points) or "word" (words and punctuation marks; see `languages.tokenising`).
        vocabulary_size: The most symbols to keep, the most frequent ones; all others become one unknown symbol, which
            counts as one of them. None keeps all.
        lowercase: Whether to lower-case the text first.
        name: What tables and legends call the language.

    Raises:
        ValueError: An unreadable or empty text, a text that names a file, or bad arguments.
    """
    order = check_count("order", order)
    check_threshold(prune_below)
    if level not in get_args(Level):
        raise ValueError(f"level must be one of {get_args(Level)}, got {level!r}")
    if vocabulary_size is not None:
        vocabulary_size = check_count("vocabulary_size", vocabulary_size)
    if not isinstance(path_or_text, str | os.PathLike):
        raise ValueError(f"path_or_text must be a path or a text, got {type(path_or_text).__name__}")
    source = Path(path_or_text) if not isinstance(path_or_text, str) or _is_path(path_or_text) else None
    if source is None and _names_file(str(path_or_text)):
        raise ValueError(
            f"path_or_text: {path_or_text!r} may be a text, and there is a file of that name; pathlib.Path(…) reads "
            "the file, and a text that ends its line is never a path"
        )
    try:
        with _opened(path_or_text, source) as stream:
            tokeniser, tokens = tokenise(stream, level, lowercase=lowercase, vocabulary_size=vocabulary_size)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the text file {str(source)!r}: {error}") from error
    title = "inline" if source is None else source.name
    if not len(tokens):
        raise ValueError(f"text:{title}: the text is empty, there is nothing to count at level={level!r}")
    name = name or f"text:{title},order={order}" + ("" if level == "char" else f",level={level}")
    return TextLanguage.count(tokens, order, tokeniser, name=name).pruned(prune_below)


def _opened(text: str | os.PathLike[str], source: Path | None) -> TextIO:
    """The text or the file as a stream; line ends stay as they are."""
    if source is None:
        return io.StringIO(str(text), newline="")
    return source.open(encoding="utf-8", newline="")


def _is_path(text: str) -> bool:
    """Whether a string is taken for a path, by how it looks alone."""
    if len(text.splitlines()) != 1 or text[-1] in "\r\n" or "\0" in text:
        return False
    spaced = any(character.isspace() for character in text)
    return ("/" in text and not spaced) or Path(text).suffix in {".txt", ".md", ".text", ".csv", ".rst"}


def _names_file(text: str) -> bool:
    """Whether there is a file of this name."""
    try:
        return bool(text) and os.path.exists(text)
    except (OSError, ValueError):  # too long a name, or a character that no name has
        return False
