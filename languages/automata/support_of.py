"""The support of each kind of language: of an n-gram on its contexts, of a hidden Markov model on sets of states."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from languages.automata.contexts import ContextAutomaton, context_tokens
from languages.automata.edges import EdgeList
from languages.automata.extremes import extreme_in_contexts, extreme_of_hidden
from languages.automata.subsets import SubsetConstruction
from languages.automata.support import SupportAutomaton
from languages.automata.support_graph import GraphLabels
from languages.checks import check_count
from languages.drawing.labels import Symbols

SUBSET_LIMIT = 20_000
"""How many sets of hidden states the support of a hidden Markov model may have before it is refused."""


def support_of_contexts(automaton: ContextAutomaton, vocabulary: Sequence[str] | None = None) -> SupportAutomaton:
    """The support of an n-gram: its contexts and edges are the automaton."""
    arrays = automaton.edge_source, automaton.edge_token, automaton.edge_target
    source, token, target = (array.cpu().numpy() for array in arrays)
    symbols = Symbols(automaton.vocab_size, vocabulary)
    histories = functools.cache(lambda: context_tokens(automaton))
    return SupportAutomaton(
        EdgeList(source, token, target, automaton.num_contexts),
        automaton.vocab_size,
        device=automaton.device,
        extreme=lambda length, most, _: extreme_in_contexts(automaton, length, most=most),
        labels=GraphLabels(
            state_name=lambda state: symbols.string(histories()[state]),
            symbols=symbols,
            probabilities=automaton.edge_prob.cpu().numpy(),
            prelude=int((automaton.depth < automaton.order - 1).sum()),
            tell_tokens=automaton.order > 1,
        ),
    )


def support_of_hidden_states(
    initial: Float[Tensor, " S"],
    transition: Float[Tensor, "S S"],
    emission: Float[Tensor, "S V"],
    *,
    limit: int = SUBSET_LIMIT,
) -> SupportAutomaton:
    """The support of a hidden Markov model, determinised as it is met, up to `limit` sets of states."""
    limit = check_count("limit", limit)
    start, moves, emits = ((table > 0).cpu().numpy() for table in (initial, transition, emission))
    subsets = SubsetConstruction(start, moves, emits, limit)
    return SupportAutomaton(
        subsets,
        emission.shape[1],
        device=emission.device,
        extreme=lambda length, most, prefixes: extreme_of_hidden(
            initial, transition, emission, length, most=most, prefix_limit=prefixes
        ),
        labels=GraphLabels(
            state_name=lambda state: "{" + ",".join(map(str, subsets.members(state))) + "}",
            symbols=Symbols(emission.shape[1]),
        ),
    )
