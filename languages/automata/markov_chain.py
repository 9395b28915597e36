"""The finite Markov chain that moves a language, and all that its theory says of it."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from languages.automata.contexts import ContextAutomaton, context_tokens
from languages.automata.mixing import steps_to_mix
from languages.automata.recurrent_class import RecurrentClass, check_epsilon
from languages.automata.stationary import absorbed_law
from languages.automata.structure import ClassStructure
from languages.checks import check_fraction
from languages.drawing.draw_graph import EdgeLabels, check_drawable, draw_graph
from languages.drawing.labels import Symbols
from languages.drawing.layout import Layout

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

LISTING_LIMIT = 1 << 20
"""Most contexts among which the unreachable ones are listed."""


class MarkovChain(ClassStructure):
    """The finite chain that moves a language, on the states that it can reach.

    For an n-gram a state is a context of n − 1 tokens and time starts after the first n − 1 tokens. For a hidden Markov
    model it is a hidden state. A step emits one token.

    Args:
        transition: (S, S) row-stochastic, sparse.
        initial: (S,) law of the state at time zero; every state can be reached from it.
        states: (S, W) the n − 1 tokens of each context, or the one number of each hidden state.
        base: How many values each of the W numbers may take.
        names: What drawings call the states.
        emits: What hidden states may emit, for drawings.

    Attributes:
        transition: (S, S) row-stochastic, scipy's compressed sparse rows.
        initial: (S,) law of the state at time zero.
        states: (S, W) what each state is.
    """

    def __init__(
        self,
        transition: sparse.csr_matrix,
        initial: Float[np.ndarray, " S"],
        states: Int[np.ndarray, "S W"],
        base: int,
        names: Sequence[str],
        emits: Sequence[str] | None = None,
    ) -> None:
        super().__init__(transition)
        self.transition, self.initial, self.states = transition, initial, states
        self._base, self._names, self._emits = base, names, emits

    @classmethod
    def of_contexts(cls, automaton: ContextAutomaton, vocabulary: Sequence[str] | None = None) -> MarkovChain:
        """The chain on the contexts of n − 1 tokens of an n-gram."""
        symbols = Symbols(automaton.vocab_size, vocabulary)
        histories = context_tokens(automaton)
        depth = automaton.depth.cpu().numpy()
        full = np.flatnonzero(depth == automaton.order - 1)
        edges = (automaton.edge_source, automaton.edge_target, automaton.edge_prob)
        source, target, probability = (edge.cpu().numpy() for edge in edges)
        whole = sparse.csr_matrix((probability, (source, target)), shape=(len(depth),) * 2)
        law = np.zeros(len(depth))
        law[0] = 1.0
        for _ in range(automaton.order - 1):
            law = whole.T @ law
        states = histories[full]
        names = [symbols.string(context) for context in states]
        return cls(whole[full][:, full], law[full], states, automaton.vocab_size, names)

    @classmethod
    def of_hidden_states(
        cls, initial: Float[Tensor, " S"], transition: Float[Tensor, "S S"], emission: Float[Tensor, "S V"]
    ) -> MarkovChain:
        """The chain on the hidden states of a hidden Markov model."""
        start, moves, emits = (table.cpu().numpy() for table in (initial, transition, emission))
        reached = start > 0
        while True:
            further = reached | (moves[reached] > 0).any(0)
            if (further == reached).all():
                break
            reached = further
        kept = np.flatnonzero(reached)
        inside = sparse.csr_matrix(moves[kept][:, kept])
        symbols = Symbols(emits.shape[1])
        tokens = [symbols.set(np.flatnonzero(emits[state])) for state in kept]
        return cls(inside, start[kept], kept[:, None], len(moves), [str(state) for state in kept], tokens)

    # What cannot be reached ---------------------------------------------------------------------------------------

    @property
    def num_unreachable(self) -> int:
        """How many contexts or hidden states no sequence ever meets."""
        return self._base ** self.states.shape[1] - self.num_states

    def unreachable_states(self) -> Int[np.ndarray, "U W"]:
        """The contexts (their n − 1 tokens) or hidden states that no sequence ever meets.

        Raises:
            ValueError: There are more than 2²⁰ contexts to list.
        """
        width = self.states.shape[1]
        if self._base**width > LISTING_LIMIT:
            raise ValueError(
                f"{self.num_unreachable} of {self._base**width} contexts are unreachable, too many to list"
            )
        met = {tuple(state) for state in self.states.tolist()}
        missing = [state for state in itertools.product(range(self._base), repeat=width) if state not in met]
        return np.array(missing, dtype=np.int64).reshape(len(missing), width)

    # Long-run behaviour -------------------------------------------------------------------------------------------

    @functools.cached_property
    def recurrent_classes(self) -> list[RecurrentClass]:
        """The classes that the chain ends in, with their stationary laws and mixing rates."""
        absorbed = absorbed_law(self.transition, self, self.initial)
        return [
            RecurrentClass(
                members, int(period), float(absorbed[members].sum()), self.transition[members][:, members].tocsr()
            )
            for members, period, closed in zip(self.classes, self.periods, self.class_is_recurrent, strict=True)
            if closed
        ]

    def stationary_laws(self) -> Float[np.ndarray, "R S"]:
        """The extreme stationary laws, one for each recurrent class; every stationary law is a mixture of them."""
        laws = np.zeros((len(self.recurrent_classes), self.num_states))
        for law, members in zip(laws, self.recurrent_classes, strict=True):
            law[members.states] = members.stationary_law
        return laws

    @functools.cached_property
    def long_run_law(self) -> Float[np.ndarray, " S"]:
        """Cesàro limit lim 1/T Σ_t initial·Pᵗ: the share of time spent in each state. It always exists."""
        weights = np.array([members.probability for members in self.recurrent_classes])
        return weights @ self.stationary_laws() / weights.sum()

    def starts_stationary(self, tolerance: float = 1e-10) -> bool:
        """Whether one step leaves the initial law where it is, to `tolerance` in total variation."""
        tolerance = check_fraction("tolerance", tolerance)
        return bool(np.abs(self.initial @ self.transition - self.initial).sum() / 2 <= tolerance)

    def mixing_time(self, epsilon: float = 0.25) -> float:
        """Fewest steps after which the law from every state is within `epsilon` of the one stationary law.

        Exact, from powers of the transition matrix; the distance is total variation. Infinite if there are several
        recurrent classes or the one there is is periodic.

        Args:
            epsilon: Total variation in (0, 1).

        Raises:
            ValueError: A chain of more than 1,024 states.
        """
        epsilon = check_epsilon(epsilon)
        if len(self.recurrent_classes) > 1 or not self.is_aperiodic:
            return math.inf
        return steps_to_mix(self.transition, np.eye(self.num_states), self.long_run_law, epsilon)

    def convergence_time(self, epsilon: float = 0.25) -> float:
        """Fewest steps after which the law from the chain's own start is within `epsilon` of its Cesàro limit.

        Args:
            epsilon: Total variation in (0, 1).

        Returns:
            0 for a stationary start; infinity where periodicity keeps the law away.

        Raises:
            ValueError: A chain of more than 1,024 states.
        """
        return steps_to_mix(self.transition, self.initial[None], self.long_run_law, check_epsilon(epsilon))

    # Pictures -----------------------------------------------------------------------------------------------------

    def graph(self) -> networkx.DiGraph:
        """The chain as a networkx graph.

        Nodes are states with `label`, the probabilities `initial` and `long_run`, `start` (whether `initial` is
        positive), `recurrent_class` (its number, −1 if transient), `period` (of its class) and, for a hidden state,
        `emits`. Edges have a `probability`.
        """
        import networkx

        graph = networkx.DiGraph()
        for state, (number, period) in enumerate(zip(*self.colours(), strict=True)):
            data = {"label": self._names[state], "initial": float(self.initial[state])}
            data |= {"long_run": float(self.long_run_law[state]), "start": bool(self.initial[state] > 0)}
            if self._emits is not None:
                data["emits"] = self._emits[state]
            graph.add_node(state, **data, recurrent_class=int(number), period=int(period))
        table = self.transition.tocoo()
        for source, target, probability in zip(table.row, table.col, table.data, strict=True):
            graph.add_edge(int(source), int(target), probability=float(probability))
        return graph

    def draw(
        self,
        ax: Axes | None = None,
        *,
        layout: Layout = "auto",
        edge_labels: EdgeLabels = "auto",
        title: str | None = None,
    ) -> Axes:
        """Draw the chain so that a person can read it; hidden states show the tokens they may emit.

        Args:
            ax: Where to draw; None makes a figure of the size that the drawing needs.
            layout: "star", "circular", "layered", or "auto" for what suits the structure.
            edge_labels: "probabilities", "none", or "auto" for what the drawing has room for.
            title: A title.

        Raises:
            ValueError: More than 40 states, or an unknown layout or kind of labels.
        """
        check_drawable(self.num_states)
        return draw_graph(self.graph(), ax, layout=layout, edge_labels=edge_labels, title=title)

    def __repr__(self) -> str:
        recurrent = self.class_is_recurrent
        periods = sorted(set(self.periods[recurrent].tolist()))
        return (
            f"MarkovChain({self.num_states} states, {int(self.transient.sum())} transient, {int(recurrent.sum())} "
            f"recurrent {'class' if recurrent.sum() == 1 else 'classes'}, period {', '.join(map(str, periods))})"
        )
