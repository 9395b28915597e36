"""An n-gram language counted from a real text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from languages.automata.contexts import SparseGrams
from languages.checks import check_count, check_tokens
from languages.ngram import NGramLanguage
from languages.pruning import check_threshold

Level = Literal["char", "word"]


class TextLanguage(NGramLanguage):
    """An n-gram language that remembers its vocabulary.

    Attributes:
        vocabulary: The V symbols, by token id.
        level: Whether they are characters or words.
    """

    vocabulary: list[str]
    level: Level

    @classmethod
    def count(cls, text: str, order: int, *, level: Level, name: str) -> Self:
        """Count the n-grams of a text read as a circle, so that the counts' own law is stationary."""
        symbols = list(text) if level == "char" else text.split()
        if not symbols:
            raise ValueError(f"{name}: the text is empty, there is nothing to count at level={level!r}")
        vocabulary = sorted(set(symbols))
        index = {symbol: token for token, symbol in enumerate(vocabulary)}
        circle = np.fromiter((index[symbol] for symbol in symbols), dtype=np.int64, count=len(symbols))
        vocab_size = len(vocabulary)
        if vocab_size**order >= 2**62:
            raise ValueError(f"order={order} over {vocab_size} symbols does not fit in 62 bits; use a lower order")
        codes = np.zeros(len(circle), dtype=np.int64)
        for shift in range(order):
            codes = codes * vocab_size + np.roll(circle, -shift)
        grams, counts = np.unique(codes, return_counts=True)
        contexts, context_of_gram = np.unique(grams // vocab_size, return_inverse=True)
        context_counts = np.bincount(context_of_gram, weights=counts)
        language = cls.from_grams(
            SparseGrams(
                order,
                vocab_size,
                contexts,
                context_counts / context_counts.sum(),
                grams,
                counts / context_counts[context_of_gram],
            ),
            name=name,
        )
        language.vocabulary, language.level = vocabulary, level
        return language

    def encode(self, text: str) -> Int[Tensor, "1 L"]:
        """Token ids of a text, as one row.

        Raises:
            ValueError: A symbol that the counted text did not have.
        """
        index = {symbol: token for token, symbol in enumerate(self.vocabulary)}
        symbols = list(text) if self.level == "char" else text.split()
        unknown = [symbol for symbol in symbols if symbol not in index]
        if unknown:
            raise ValueError(f"text has the symbol {unknown[0]!r}, which {self.name} does not know")
        return torch.tensor([[index[symbol] for symbol in symbols]], dtype=torch.int64, device=self.device)

    def decode(self, tokens: Int[Tensor, "B L"], *, mask: str = "▢") -> list[str]:
        """The text of each row; holes print as `mask`."""
        symbols = [*self.vocabulary, mask]
        glue = "" if self.level == "char" else " "
        rows = check_tokens(tokens, self.vocab_size, holes=True).tolist()
        return [glue.join(symbols[token] for token in row) for row in rows]


def ngram_from_text(
    path_or_text: str | os.PathLike[str], order: int, *, prune_below: float = 0.0, level: Level = "char"
) -> TextLanguage:
    """Count an n-gram language from a text file or a text.

    Args:
        path_or_text: A path (any PathLike, or a string that names a file) or the text itself. A string without white
            space that looks like a path and names no file is an error, not a text.
        order: n ≥ 1.
        prune_below: Next-token probabilities below this become hard zeros.
        level: "char" or "word" (split at white space).

    Raises:
        ValueError: An unreadable or empty text, or bad arguments.
    """
    order = check_count("order", order)
    check_threshold(prune_below)
    if level not in get_args(Level):
        raise ValueError(f"level must be one of {get_args(Level)}, got {level!r}")
    name, text = _read(path_or_text)
    language = TextLanguage.count(text, order, level=level, name=f"text:{name},order={order}")
    return language.pruned(prune_below)


def _read(path_or_text: str | os.PathLike[str]) -> tuple[str, str]:
    """Name and contents of a text given as such or as a path."""
    if not isinstance(path_or_text, str | os.PathLike):
        raise ValueError(f"path_or_text must be a path or a text, got {type(path_or_text).__name__}")
    if isinstance(path_or_text, str) and not _names_file(path_or_text):
        return "inline", path_or_text
    path = Path(path_or_text)
    try:
        return path.name, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the text file {str(path)!r}: {error}") from error


def _names_file(text: str) -> bool:
    """Whether a string is meant as a path."""
    if not text or len(text) > 4096 or "\n" in text or "\0" in text:
        return False
    if os.path.exists(text):
        return True
    looks_like_path = "/" in text or os.path.splitext(text)[1] in {".txt", ".md", ".text", ".csv", ".rst"}
    return looks_like_path and not any(character.isspace() for character in text)
