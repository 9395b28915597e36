"""The probabilities of a language as a table of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from languages.automata.contexts import context_tokens
from languages.drawing.labels import Symbols
from languages.hidden_markov import HMMLanguage
from languages.language import Language
from languages.ngram import NGramLanguage

if TYPE_CHECKING:
    import pandas as pd


def to_frame(language: Language) -> pd.DataFrame:
    """The positive probabilities of a language, one a row, with symbols where it has a vocabulary.

    Args:
        language: An n-gram gives the columns history (how many tokens the context has: below n − 1 at the start of a
            sequence), context (its tokens, oldest first; "∅" for none), token and probability. A hidden Markov model
            gives table ("initial", "transition" or "emission"), state ("start" in the first), to (a state, or a token)
            and probability; `frame[frame.table == "emission"].pivot(index="state", columns="to")` is the matrix.

    Raises:
        ValueError: A language that is neither.
    """
    import pandas as pd

    symbols = Symbols(language.vocab_size, getattr(language, "vocabulary", None))
    tokens = np.array(symbols.names, dtype=object)
    if isinstance(language, NGramLanguage):
        edges = language.automaton
        contexts = np.array([symbols.string(context) for context in context_tokens(edges).tolist()], dtype=object)
        source = edges.edge_source.cpu().numpy()
        return pd.DataFrame(
            {
                "history": edges.depth.cpu().numpy()[source],
                "context": contexts[source],
                "token": tokens[edges.edge_token.cpu().numpy()],
                "probability": edges.edge_prob.cpu().numpy(),
            }
        )
    if not isinstance(language, HMMLanguage):
        raise ValueError(f"language must be an n-gram or a hidden Markov model to be tabulated; {language!r} has none")
    states = np.array([str(state) for state in range(language.num_states)], dtype=object)
    start = np.array(["start"], dtype=object)
    parts = []
    for name, rows, columns in (
        ("initial", start, states),
        ("transition", states, states),
        ("emission", states, tokens),
    ):
        table = np.atleast_2d(getattr(language, name).cpu().numpy())
        row, column = table.nonzero()
        values = {"table": name, "state": rows[row], "to": columns[column], "probability": table[row, column]}
        parts.append(pd.DataFrame(values))
    return pd.concat(parts, ignore_index=True)
