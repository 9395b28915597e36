"""What tables and drawings call tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍", "": "∅"}
"""Signs for symbols that print as nothing."""


class Symbols:
    """Printable names of tokens, and of strings of them.

    Args:
        vocab_size: V.
        vocabulary: The V symbols of a language that has them; else tokens are their numbers.
    """

    def __init__(self, vocab_size: int, vocabulary: Sequence[str] | None = None) -> None:
        named = [str(token) for token in range(vocab_size)] if vocabulary is None else vocabulary
        self.names = [VISIBLE.get(name, name) for name in named]
        # Symbols of one character are written side by side, words with a space, numbers with a comma.
        short = all(len(name) == 1 for name in self.names)
        self._glue = "" if short else "," if vocabulary is None else " "

    def string(self, tokens: Iterable[int]) -> str:
        """The name of a string of tokens; ∅ for the empty one. Tokens −1 are left out."""
        return self._glue.join(self.names[token] for token in tokens if token >= 0) or VISIBLE[""]

    def set(self, tokens: Iterable[int]) -> str:
        """The names of several tokens, runs of three and more as a range."""
        runs: list[list[int]] = []
        for token in sorted(tokens):
            if runs and token == runs[-1][-1] + 1:
                runs[-1].append(token)
            else:
                runs.append([token])
        parts = []
        for run in runs:
            if len(run) > 2:
                parts.append(f"{self.names[run[0]]}–{self.names[run[-1]]}")
            else:
                parts.extend(self.names[token] for token in run)
        return " ".join(parts)
