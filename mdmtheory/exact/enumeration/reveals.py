"""Samplers that reveal tokens and keep them, plans and policies: their laws by enumeration.

Legend: a table on states with holes at H has L axes, V long where a position is revealed and 1 long where it is in H or
given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.denoisers import Denoiser, traits_of
from mdmtheory.denoisers.ask import Answer, ask_holes
from mdmtheory.exact.enumeration.affordable import MOST_KEPT, ROWS_PER_CALL, check_affordable
from mdmtheory.exact.enumeration.enumerated_law import sequences
from mdmtheory.samplers.draws.decoding import PLAIN, Decoding
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.schemes import Positions, Scheme

SAFE = -690.0
"""Natural log of the least product that is taken to be safe from underflow."""


def reveals_law(steps: Reveals) -> tuple[Float[Tensor, " S"], Float[Tensor, " S"] | None]:
    """(V^L,) law of complete sequences; and its logs, where products may have left the range of floats."""
    probs = _linear_law(steps)
    if probs is not None:
        return probs, None
    logs = _logarithmic_law(steps)
    return logs.exp(), logs


def _linear_law(steps: Reveals) -> Float[Tensor, " S"] | None:
    """The law, None where a product may have underflowed."""
    states = {steps.everything: torch.ones((1,) * steps.length, dtype=torch.float64)}
    for round_index in range(steps.num_rounds):
        following: dict[Positions, Tensor] = {}
        for hidden, mass in states.items():
            least = math.log(float(mass.where(mass > 0, 1.0).min()))
            for chosen, joined, rarest in steps.moves(round_index, hidden, mass):
                left = tuple(i for i in hidden if i not in chosen)
                following[left] = following[left] + joined if left in following else joined
                if least + rarest < SAFE:
                    return None
        states = following
    steps.check_done(states)
    return steps.table(states[()])


def _logarithmic_law(steps: Reveals) -> Float[Tensor, " S"]:
    """The log-law, in which nothing underflows: −inf is impossible, and nothing else is."""
    states = {steps.everything: torch.zeros((1,) * steps.length, dtype=torch.float64)}
    for round_index in range(steps.num_rounds):
        following: dict[Positions, Tensor] = {}
        for hidden, mass in states.items():
            for chosen, joined in steps.log_moves(round_index, hidden, mass):
                left = tuple(i for i in hidden if i not in chosen)
                following[left] = torch.logaddexp(following[left], joined) if left in following else joined
        states = following
    steps.check_done(states)
    return steps.table(states[()], empty=-math.inf)


class Reveals:
    """What a sampler may do next in each state, and what the denoiser says there."""

    def __init__(
        self,
        denoiser: Denoiser,
        length: int,
        sampler: Scheme | Policy,
        *,
        prompt: Sequence[int] | None = None,
        decoding: Decoding = PLAIN,
    ) -> None:
        self.denoiser, self.length, self.decoding = denoiser, check_count("length", length), decoding
        given = [denoiser.mask_id] * self.length if prompt is None else prompt
        self.prompt = torch.tensor(given, dtype=torch.int64)
        self.everything = tuple(i for i, token in enumerate(given) if token == denoiser.mask_id)
        check_affordable(denoiser.vocab_size, len(self.everything))
        if prompt is not None and isinstance(sampler, Scheme):
            sampler = sampler.around(self.everything, self.length)
        self.sampler = sampler
        # The oracles ignore the time: what they said in an earlier round they would say again.
        self.time_free = not traits_of(denoiser).reads_time
        if isinstance(sampler, Scheme) and sampler.draws_times and not self.time_free:
            raise ValueError(f"{sampler!r} draws its times from a continuum, and this denoiser may read them")
        # A policy reveals something in every round.
        holes = len(self.everything)
        self.num_rounds = self.sampler.num_rounds(holes) if isinstance(self.sampler, Scheme) and holes else holes
        self._round = 0
        self.least_log_law = 0.0  # of the tokens that were asked for so far
        self._answers: dict[Positions, Answer] = {}
        self._joint: dict[tuple[Positions, Positions], Tensor] = {}

    def table(self, final: Tensor, *, empty: float = 0.0) -> Float[Tensor, " S"]:
        """Law of complete sequences, from that of the positions to generate; `empty` where it says nothing."""
        size = self.denoiser.vocab_size
        whole = torch.full((size,) * self.length, empty, dtype=torch.float64)
        place = tuple(
            slice(None) if i in self.everything else slice(int(token), int(token) + 1)
            for i, token in enumerate(self.prompt)
        )
        whole[place] = final
        return whole.reshape(-1)

    def reveals(self, round_index: int, hidden: Positions, alive: Tensor) -> Iterator[tuple[Positions, float | Tensor]]:
        """The sets of positions that may be revealed, each with its probability in every state alive."""
        if isinstance(self.sampler, Scheme):
            yield from self.sampler.choices(round_index, hidden, len(self.everything))
            return
        if not hidden:
            yield (), 1.0
            return
        if self.sampler.ranks_drawn:
            raise ValueError(f"{self.sampler!r} hangs on draws that leave no trace: it has no path law")
        said, tokens, living = self._answer(round_index, hidden).as_said, self._tokens(hidden), alive.reshape(-1)
        for chosen, takes in _patterns(self.sampler, tokens[living], said[living], None):
            share = torch.zeros(len(tokens), dtype=torch.float64)
            share[living] = takes
            yield chosen, share.view(self._shape(hidden))

    def moves(self, round_index: int, hidden: Positions, mass: Tensor) -> Iterator[tuple[Positions, Tensor, float]]:
        """The sets that may be revealed, each with the probability of every state that is left behind.

        Args:
            round_index: 0, 1, …
            hidden: The holes of the states.
            mass: Probability of each of them.

        Yields:
            A set, the probabilities, and a bound from below on the log of what any of `mass` was multiplied with.
        """
        if self._ranks_drawn and hidden:
            joint = (mass * self.joint_law(round_index, hidden, hidden)).reshape(-1)
            for chosen, takes in self._draws(round_index, hidden, alive=joint > 0):
                yield chosen, self._without(hidden, chosen, joint * takes), len(hidden) * self.least_log_law
            return
        for chosen, chance in self.reveals(round_index, hidden, alive=mass > 0):
            joined = mass * chance
            if chosen:
                joined = joined * self.joint_law(round_index, hidden, chosen)
            rarest = 0.0 if isinstance(chance, Tensor) else math.log(chance)
            yield chosen, joined, rarest + len(chosen) * self.least_log_law

    def log_moves(self, round_index: int, hidden: Positions, log_mass: Tensor) -> Iterator[tuple[Positions, Tensor]]:
        """The same in logarithms, of which none underflows."""
        if self._ranks_drawn and hidden:
            joint = self._log_joint(round_index, hidden, hidden, log_mass).reshape(-1)
            for chosen, takes in self._draws(round_index, hidden, alive=joint.isfinite()):
                yield chosen, self._without(hidden, chosen, joint + takes.log(), logarithmic=True)
            return
        for chosen, chance in self.reveals(round_index, hidden, alive=log_mass.isfinite()):
            joined = log_mass + torch.as_tensor(chance, dtype=torch.float64).log()
            yield chosen, self._log_joint(round_index, hidden, chosen, joined)

    @property
    def _ranks_drawn(self) -> bool:
        return isinstance(self.sampler, Policy) and self.sampler.ranks_drawn

    def _draws(self, round_index: int, hidden: Positions, alive: Tensor) -> Iterator[tuple[Positions, Tensor]]:
        """Where tokens are drawn at all holes first: each set that may be kept, with its probability given the draws.

        Args:
            round_index: 0, 1, …
            hidden: The holes.
            alive: Which complete sequences, revealed tokens and draws, may come about, (V^L,).
        """
        assert isinstance(self.sampler, Policy)
        (drawn_now,) = alive.nonzero(as_tuple=True)
        drawn = self._tokens(())[drawn_now]
        before = drawn.clone()
        before[:, list(hidden)] = self.denoiser.mask_id
        places = self.denoiser.vocab_size ** torch.arange(len(self.everything) - len(hidden) - 1, -1, -1)
        revealed = [i for i in self.everything if i not in hidden]
        said = self._answer(round_index, hidden).as_said[(before[:, revealed] * places).sum(1)]
        for chosen, takes in _patterns(self.sampler, before, said, drawn):
            share = torch.zeros(len(alive), dtype=torch.float64)
            share[drawn_now] = takes
            yield chosen, share

    def _without(self, hidden: Positions, chosen: Positions, moved: Tensor, *, logarithmic: bool = False) -> Tensor:
        """Sum over the draws that are thrown away: those at holes that were not chosen."""
        moved = moved.view(self._shape(()))
        lost = tuple(i for i in hidden if i not in chosen)
        if not lost:
            return moved
        return moved.logsumexp(lost, keepdim=True) if logarithmic else moved.sum(lost, keepdim=True)

    def _log_joint(self, round_index: int, hidden: Positions, chosen: Positions, joined: Tensor) -> Tensor:
        """Log-mass, and the log-laws of the chosen positions added."""
        for position in chosen:
            joined = joined + self.log_law(round_index, hidden, position, drawn=True)
        return joined

    def log_law(self, round_index: int, hidden: Positions, position: int, *, drawn: bool = False) -> Tensor:
        """Log-law of a hidden position in every state, with V entries along the axis of the position.

        What the denoiser says; with `drawn`, what a token is drawn from.
        """
        said = self._answer(round_index, hidden).log_probs[:, position]
        if drawn:
            said = self.decoding(said)
        shape = self._shape(hidden)
        return said.view(*shape, -1).transpose(position, -1).squeeze(-1)

    def joint_law(self, round_index: int, hidden: Positions, chosen: Positions) -> Tensor:
        """Product of the laws of hidden positions in every state, with V entries along the axis of each."""
        if (hidden, chosen) in self._joint:
            return self._joint[hidden, chosen]
        last = self.log_law(round_index, hidden, chosen[-1], drawn=True).exp()
        product = self.joint_law(round_index, hidden, chosen[:-1]) * last if len(chosen) > 1 else last
        if self.time_free and (2 * self.denoiser.vocab_size + 1) ** self.length <= MOST_KEPT:
            self._joint[hidden, chosen] = product
        return product

    def check_done(self, states: dict[Positions, Tensor]) -> None:
        """Refuse a scheme that stops too early."""
        if set(states) != {()}:
            raise ValueError(f"{self.sampler!r} leaves positions hidden after its {self.num_rounds} rounds")

    def _shape(self, hidden: Positions) -> list[int]:
        """V along revealed positions, 1 along hidden and given ones."""
        return [self.denoiser.vocab_size if i in self.everything and i not in hidden else 1 for i in range(self.length)]

    def _tokens(self, hidden: Positions) -> Int[Tensor, "S L"]:
        """All states with these holes, in lexicographic order."""
        revealed = [i for i in self.everything if i not in hidden]
        tokens = self.prompt.repeat(self.denoiser.vocab_size ** len(revealed), 1)
        tokens[:, revealed] = sequences(self.denoiser.vocab_size, len(revealed))
        return tokens

    @torch.no_grad()
    def _answer(self, round_index: int, hidden: Positions) -> Answer:
        """What the denoiser says in all states with these holes."""
        if round_index != self._round and not self.time_free:
            self._answers.clear()
        self._round = round_index
        if hidden not in self._answers:
            parts = []
            time = len(hidden) / len(self.everything)
            if isinstance(self.sampler, Scheme):
                time = self.sampler.time(round_index, hidden, len(self.everything))
            for tokens in self._tokens(hidden).to(self.denoiser.device).split(ROWS_PER_CALL):
                times = torch.full((len(tokens),), time, dtype=torch.float64, device=tokens.device)
                parts.append(ask_holes(self.denoiser, tokens, times))
            said = torch.cat([part.log_probs.cpu() for part in parts])
            self._answers[hidden] = Answer(said, parts[0].precision)
            drawn = self.decoding(said)
            self.least_log_law = min(self.least_log_law, float(drawn.masked_fill(drawn.isneginf(), 0.0).min()))
        return self._answers[hidden]


def _patterns(
    policy: Policy, tokens: Int[Tensor, "S L"], said: Float[Tensor, "S L V"], drawn: Int[Tensor, "S L"] | None
) -> Iterator[tuple[Positions, Float[Tensor, " S"]]]:
    """Each set that a policy may pick somewhere, with its probability in every state."""
    takes: dict[Positions, Tensor] = {}
    for chosen, chance in policy.choices(tokens, said, drawn):
        patterns, which = chosen.unique(dim=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            key = tuple(int(i) for i in pattern.nonzero()[:, 0])
            share = torch.where(which == k, chance, 0.0)
            takes[key] = takes[key] + share if key in takes else share
    yield from ((key, share) for key, share in takes.items() if bool(share.any()))
