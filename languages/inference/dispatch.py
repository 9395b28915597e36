"""What a language asks of its hidden chain, and which method answers best.

| chain                        | where                 | method                                                  |
|------------------------------|-----------------------|---------------------------------------------------------|
| independent tokens           | everywhere            | one law (`languages.ngram`)                             |
| first order, tables fit      | conditionals          | nearest revealed neighbours (`first_order`)             |
| n-gram, all tokens revealed  | likelihood, CPU       | a look-up a token (`complete_rows`)                     |
| n-gram, few contexts alive   | likelihood, CPU       | following them (`frontier.likelihood`)                  |
| n-gram, few contexts alive   | CPU, a segment        | following them (`frontier.conditionals`)                |
| n-gram, many contexts alive  | CPU, a segment        | side by side over edges (`forward_backward.compiled`)   |
| HMM, up to `MOST_EDGES`      | CPU                   | side by side (`forward_backward.compiled`)              |
| HMM, more; any on a GPU      | everywhere            | products of torch (`forward_backward.batched`)          |
| weights near underflow       | a segment in float32  | the same in float64                                     |
|                              | a segment in float64  | logarithms (`forward_backward.batched`)                 |
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.inference.forward_backward import batched
from languages.inference.forward_backward.compiled import CompiledForwardBackward
from languages.inference.frontier.conditionals import frontier_log_laws
from languages.inference.frontier.likelihood import followed_log_likelihood, frontier_log_likelihood
from languages.inference.positions import rows_with_any
from languages.inference.segments import Segments, subset, whole_rows
from languages.inference.state_chain import ContextChain, StateChain

MOST_EDGES = 1 << 18
"""Transitions of an HMM (512 states if all are possible) beyond which torch's products beat loops over them."""
FOLLOWING = 6.0
"""Nanoseconds to follow one edge from a live context, there and back."""

LogLaw = Callable[[StateChain, Tensor, Tensor, Tensor], Tensor]


class HiddenInference:
    """Likelihoods and conditional laws of one hidden chain.

    Args:
        chain: In float64.
    """

    def __init__(self, chain: StateChain) -> None:
        self.chain = chain
        self._chains: dict[torch.dtype, StateChain] = {torch.float64: chain}
        self._loops: dict[torch.dtype, CompiledForwardBackward] = {}

    def log_likelihood(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """Log-probability (nats) of the revealed tokens of each row; −inf exactly where they are impossible.

        Args:
            tokens: (B, L) with holes.
        """
        if isinstance(self.chain, ContextChain) and tokens.device.type == "cpu":
            return frontier_log_likelihood(self.chain, tokens, self._likelihood_beside)
        if not self._compiled(tokens, torch.float64):  # a GPU, many transitions, or factors beyond the linear algebra
            return batched.log_likelihood(self.chain, tokens)
        return self._likelihood_beside(tokens)

    def _likelihood_beside(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """`log_likelihood` of rows side by side; one by one where a weight is in danger, for that knows its edges."""
        result, doubtful = torch.empty(len(tokens), dtype=torch.float64), torch.ones(len(tokens), dtype=torch.bool)
        if self._compiled(tokens, torch.float64):
            result, doubtful = self._side_by_side(torch.float64).log_likelihood(tokens)
        if isinstance(self.chain, ContextChain) and bool(doubtful.any()):
            result[doubtful], doubtful[doubtful.clone()] = followed_log_likelihood(self.chain, tokens[doubtful])
        if bool(doubtful.any()):
            result[doubtful] = batched.settled_log_likelihood(self.chain, tokens[doubtful])
        return result

    def row_log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        """`log_law` where nothing but whole rows can be worked on alone; takes revealed positions too (leave-one-out).

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) positions.
            dtype: Precision of the recursion and the result.
        """
        return self.log_law(tokens, wanted, whole_rows(tokens).only(rows_with_any(wanted)), None, dtype)

    def log_law(
        self,
        tokens: Int[Tensor, "B L"],
        wanted: Bool[Tensor, "B L"],
        segments: Segments,
        member: Int[Tensor, " K"] | None,
        dtype: torch.dtype,
        *,
        alive: Float[Tensor, " W"] | None = None,
    ) -> Float[Tensor, "K V"]:
        """Log-law of each wanted token given the revealed ones elsewhere, row-major; all −inf where that is impossible.

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) positions.
            segments: They hold all wanted positions.
            member: (K,) the segment of each; None where segments are whole rows.
            dtype: Precision of the recursion and the result.
            alive: (W,) roughly how many contexts are alive, over all positions of the segment, if that is known.
        """
        if not len(segments.row):
            return torch.empty(0, self.chain.vocab_size, dtype=dtype, device=tokens.device)
        chain = self._in_precision(dtype)
        if chain.dtype != dtype:  # its probabilities do not fit in float32
            return self.log_law(tokens, wanted, segments, member, chain.dtype, alive=alive).to(dtype)
        followed = alive is not None and tokens.device.type == "cpu"
        if not followed and not self._compiled(tokens, dtype):
            return _by_width(batched.hidden_log_law, chain, tokens, wanted, segments, member)
        if followed:
            assert member is not None
            assert alive is not None
            law, doubtful = self._context_log_law(tokens, wanted, segments, member, dtype, alive)
        else:  # a hidden Markov model, all of whose states are alive, or leave-one-out
            law, doubtful = self._beside(tokens, wanted, segments, member, dtype)
        if bool(doubtful.any()):
            member = _member(wanted, segments) if member is None else member
            again = doubtful[member]
            question = tokens, subset(wanted, again), segments.only(doubtful), (doubtful.cumsum(0) - 1)[member[again]]
            # float32 tries float64 first, in which few segments are doubtful; in logarithms none is.
            if dtype == torch.float64:
                law[again] = _by_width(batched.settled_log_law, chain, *question)
            else:
                law[again] = self.log_law(*question, torch.float64).to(dtype)
        return law

    def _context_log_law(
        self,
        tokens: Int[Tensor, "B L"],
        wanted: Bool[Tensor, "B L"],
        segments: Segments,
        member: Int[Tensor, " K"],
        dtype: torch.dtype,
        alive: Float[Tensor, " W"],
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " W"]]:
        """Log-laws of an n-gram: crowded segments side by side, the others and the doubtful each for itself."""
        assert isinstance(self.chain, ContextChain)
        following = FOLLOWING * alive * (len(self.chain.edges.prob) / self.chain.num_states)
        law = torch.empty(len(member), self.chain.vocab_size, dtype=dtype)
        crowded, doubtful = torch.zeros(2, len(alive), dtype=torch.bool)
        if self._compiled(tokens, dtype):
            beside = self._side_by_side(dtype)
            empty = max(1.0, beside.lanes / len(alive))
            crowded = following > 2 * beside.step_cost * segments.width * empty
        alone = ~crowded
        if bool(crowded.any()):
            together = crowded[member]
            number = (crowded.cumsum(0) - 1)[member[together]]
            question = tokens, subset(wanted, together), segments.only(crowded), number
            law[together], doubtful[crowded] = self._beside(*question, dtype)
            if dtype == torch.float64:  # following knows which edges a weight may meet, and so doubts less
                alone |= doubtful
        if bool(alone.any()):
            single, work = alone[member], float(following[alone].sum())
            found, doubtful[alone] = frontier_log_laws(
                self.chain, tokens, subset(wanted, single), segments.only(alone), work
            )
            law[single] = found.to(dtype)
        return law, doubtful

    def _beside(
        self,
        tokens: Int[Tensor, "B L"],
        wanted: Bool[Tensor, "B L"],
        segments: Segments,
        member: Int[Tensor, " K"] | None,
        dtype: torch.dtype,
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " W"]]:
        """Log-laws of segments side by side, or one after the other where a block of them takes too much memory."""
        beside = self._side_by_side(dtype)
        if beside.serves(int(segments.width.max())):
            return beside.log_laws(tokens, wanted, segments)
        law = _by_width(batched.hidden_log_law, self._in_precision(dtype), tokens, wanted, segments, member)
        return law, torch.zeros(len(segments.width), dtype=torch.bool)

    def _compiled(self, tokens: Int[Tensor, "B L"], dtype: torch.dtype) -> bool:
        """Whether compiled loops serve."""
        if tokens.device.type != "cpu" or not self.chain.holds(dtype):
            return False
        return isinstance(self.chain, ContextChain) or len(self.chain.edges.prob) <= MOST_EDGES

    def _in_precision(self, dtype: torch.dtype) -> StateChain:
        """The chain in this precision if that can hold it, else in float64."""
        if dtype not in self._chains:
            self._chains[dtype] = self.chain.in_precision(dtype) if self.chain.holds(dtype) else self.chain
        return self._chains[dtype]

    def _side_by_side(self, dtype: torch.dtype) -> CompiledForwardBackward:
        if dtype not in self._loops:
            self._loops[dtype] = CompiledForwardBackward(self._in_precision(dtype))
        return self._loops[dtype]


def _member(wanted: Bool[Tensor, "B L"], segments: Segments) -> Int[Tensor, " K"]:
    """The segment of each wanted position where segments are whole rows."""
    return torch.searchsorted(segments.row, wanted.nonzero()[:, 0].contiguous())


def _by_width(
    method: LogLaw,
    chain: StateChain,
    tokens: Int[Tensor, "B L"],
    wanted: Bool[Tensor, "B L"],
    segments: Segments,
    member: Int[Tensor, " K"] | None,
) -> Float[Tensor, "K V"]:
    """Log-laws of wanted positions, row-major; segments whose widths differ by less than a factor of two share a call.

    Args:
        method: Works on rows of equal length, each from its context on.
        chain: The chain.
        tokens: (B, L) with holes.
        wanted: (B, L) positions.
        segments: They hold all wanted positions.
        member: (K,) the segment of each; None where segments are whole rows.
    """
    length = tokens.shape[1]
    if len(segments.width) == len(tokens) and bool((segments.width == length).all()):
        return method(chain, segments.context, tokens, wanted)
    member = _member(wanted, segments) if member is None else member
    number = torch.full_like(tokens, -1)
    number[wanted] = torch.arange(len(member), device=tokens.device)
    result = torch.empty(len(member), chain.vocab_size, dtype=chain.dtype, device=tokens.device)
    bucket = segments.width.double().log2().floor().long()
    for like in torch.unique(bucket).tolist():
        row, begin, width, context = segments.only(bucket == like)
        offset = torch.arange(int(width.max()), device=tokens.device)
        inside = offset < width[:, None]
        place = (row[:, None], (begin[:, None] + offset).clamp(max=length - 1))
        # Holes on the right change nothing.
        window = torch.where(inside, tokens[place], chain.vocab_size)
        asked = inside & wanted[place]
        result[number[place][asked]] = method(chain, context, window, asked)
    return result
