"""Hidden Markov models to and from hmmlearn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from languages.checks import check_fraction
from languages.hidden_markov import HMMLanguage
from languages.language import Language
from languages.ngram import NGramLanguage

if TYPE_CHECKING:
    from hmmlearn.hmm import CategoricalHMM

DENSE_LIMIT = 1 << 26
"""Entries that a dense transition of contexts may have (512 MiB)."""


def to_hmm(language: NGramLanguage) -> HMMLanguage:
    """The same law as a hidden Markov model: its states are the contexts, each emits its last token.

    States come in the order of the automaton, the empty context left out: every sequence has entered another by its
    first token. Where the revealed tokens have probability zero, the two fall back differently on their parents: an
    n-gram a segment at a time, a hidden Markov model the whole row.

    Args:
        language: An n-gram of any order; dense tables are quadratic in its contexts.

    Raises:
        ValueError: Too many contexts.
    """
    edges = language.automaton
    states = edges.num_contexts - (language.order > 1)
    if states * max(states, language.vocab_size) > DENSE_LIMIT:
        raise ValueError(
            f"language: {language.name} has {states} contexts, whose dense tables would have "
            f"{states * max(states, language.vocab_size)} entries; at most {DENSE_LIMIT} are built"
        )
    if language.order == 1:
        start = language.first_order()[0]
        tables = torch.ones_like(start[:1]), torch.ones_like(start[:1, None]), start[None]
    else:
        full = torch.zeros(edges.num_contexts, edges.num_contexts, dtype=torch.float64, device=language.device)
        full[edges.edge_source, edges.edge_target] = edges.edge_prob
        emission = torch.nn.functional.one_hot(edges.last_token[1:], language.vocab_size).double()
        tables = full[0, 1:], full[1:, 1:], emission
    parent = None if language.parent is None else to_hmm(language.parent)
    return HMMLanguage(*tables, name=language.name, parent=parent)


def to_hmmlearn(language: Language, *, hole: float = 0.0) -> CategoricalHMM:
    """The language as a `CategoricalHMM` of hmmlearn, ready to score, decode and sample.

    hmmlearn knows no hidden positions. With `hole` = c > 0 every state emits one more symbol, V, with probability c;
    rows whose holes carry it, just as `mask_id` marks them here, have the right posteriors, and their log-probability
    is score − (holes) ln c − (revealed) ln(1 − c).

    Args:
        language: A hidden Markov model, or an n-gram by way of `to_hmm`. Its parent is not kept.
        hole: Probability of the symbol that marks a hidden position, in [0, 1); 0 leaves it out.

    Raises:
        ValueError: Another kind of language, too many contexts, or a probability outside [0, 1).
        ModuleNotFoundError: hmmlearn is not installed.
    """
    hmm = _hmmlearn()
    if check_fraction("hole", hole) == 1:
        raise ValueError("hole must lie in [0, 1): at 1 nothing would be revealed")
    if isinstance(language, NGramLanguage):
        language = to_hmm(language)
    if not isinstance(language, HMMLanguage):
        raise ValueError(f"language must be a hidden Markov model or an n-gram, got {language!r}")
    emission = language.emission
    if hole:
        emission = torch.cat([(1 - hole) * emission, torch.full_like(emission[:, :1], hole)], dim=1)
    # `fit` would go on from these tables; nothing is drawn anew.
    model = hmm.CategoricalHMM(n_components=language.num_states, n_features=emission.shape[1], init_params="")
    model.startprob_ = language.initial.cpu().numpy().copy()
    model.transmat_ = language.transition.cpu().numpy().copy()
    model.emissionprob_ = emission.cpu().numpy().copy()
    return model


def from_hmmlearn(model: CategoricalHMM, *, name: str | None = None) -> HMMLanguage:
    """The language of a fitted `CategoricalHMM` of hmmlearn.

    Args:
        model: The model; it must have its start, transition and emission probabilities.
        name: What tables and legends call the language.

    Raises:
        ValueError: Another model of hmmlearn (no law on token sequences), or one without probabilities.
        ModuleNotFoundError: hmmlearn is not installed.
    """
    hmm = _hmmlearn()
    if not isinstance(model, hmm.CategoricalHMM):
        raise ValueError(
            f"model must be a CategoricalHMM, got {type(model).__name__}: {_reason(hmm, model)}, not one token each"
        )
    missing = [table for table in ("startprob_", "transmat_", "emissionprob_") if not hasattr(model, table)]
    if missing:
        raise ValueError(f"model has no {', '.join(missing)}: fit it, or set them, first")
    return HMMLanguage(*map(_normalised, (model.startprob_, model.transmat_, model.emissionprob_)), name=name)


def _normalised(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table, rows that hmmlearn takes for laws (to 1e-5) divided by their sums; others stay, to be refused."""
    totals = table.sum(-1, keepdims=True)
    return table / np.where(np.isclose(totals, 1), totals, 1.0)


def _reason(hmm: Any, model: object) -> str:
    """Why a model is no language."""
    if isinstance(model, hmm.MultinomialHMM):
        return "its emissions are counts of n_trials draws"
    if isinstance(model, hmm.PoissonHMM):
        return "its emissions are unbounded counts"
    return "its emissions are real vectors"


def _hmmlearn() -> Any:
    try:
        from hmmlearn import hmm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "hmmlearn is needed to exchange models with it: pip install hmmlearn", name=error.name
        ) from error
    return hmm
