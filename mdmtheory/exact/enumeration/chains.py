"""Kernels: the law of a Markov chain on all n^L states, step by step."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.denoisers import Denoiser, traits_of
from mdmtheory.exact.enumeration.affordable import MOST_WORK, ROWS_PER_CALL, check_kernel_affordable
from mdmtheory.exact.enumeration.enumerated_law import sequences
from mdmtheory.samplers.draws.decoding import Decoding
from mdmtheory.samplers.kernels import Kernel, Step
from mdmtheory.samplers.run.run_kernel import ask_about_all, greedy_finish

CHUNK_ENTRIES = 1 << 22
"""Entries that half a step holds at once."""


def chain_law(denoiser: Denoiser, kernel: Kernel, prompt: Sequence[int], decoding: Decoding) -> Float[Tensor, " S"]:
    """(V^L,) law of the sequences that a kernel writes.

    Args:
        denoiser: What the kernel asks.
        kernel: Any kernel.
        prompt: (L,) given tokens, holes elsewhere.
        decoding: How laws change before tokens are drawn.

    Raises:
        ValueError: Too many states, or a kernel that leaves holes.
    """
    chain = Chain(denoiser, kernel, torch.tensor(prompt, dtype=torch.int64), decoding)
    states, mass = chain.remembered_law() if kernel.remembers else chain.law()
    vocab_size = denoiser.vocab_size
    if bool((mass[(states >= vocab_size).any(1)] > 0).any()):
        raise ValueError(f"{kernel!r} leaves holes: its last step must lead to time 0, where alpha is 1")
    places = vocab_size ** torch.arange(len(prompt) - 1, -1, -1)
    done = mass > 0
    whole = torch.zeros(vocab_size ** len(prompt), dtype=torch.float64)
    return whole.index_add_(0, states[done] @ places, mass[done])


class Chain:
    """The states of a kernel and its steps between them."""

    def __init__(self, denoiser: Denoiser, kernel: Kernel, prompt: Int[Tensor, " L"], decoding: Decoding) -> None:
        self.denoiser, self.kernel, self.prompt, self.decoding = denoiser, kernel, prompt, decoding
        self.free = (prompt == denoiser.mask_id).nonzero()[:, 0]
        self.times = kernel.times
        self.num_states = kernel.process.num_states
        # An oracle of masked sequences ignores the time: what it said in an earlier step it would say again.
        self.time_free = not traits_of(denoiser).reads_time
        self._answers: Float[Tensor, "S L V"] | None = None

    def law(self) -> tuple[Int[Tensor, "S L"], Float[Tensor, " S"]]:
        """All states, and the probability that the chain ends in each."""
        mass = self.kernel.process.base()[self.states[:, self.free]].prod(1)
        for step in range(len(self.times) - 1):
            mass = self.step(mass, step)
        return self.states, mass

    @functools.cached_property
    def states(self) -> Int[Tensor, "S L"]:
        """All states, given tokens in place, the others in lexicographic order."""
        check_kernel_affordable(self.num_states, len(self.free))
        codes = sequences(self.num_states, len(self.free))
        states = self.prompt.repeat(len(codes), 1)
        states[:, self.free] = codes
        return states

    def step(self, mass: Float[Tensor, " S"], step: int) -> Float[Tensor, " S"]:
        """The law on all states after a step of the kernel, from that before it.

        Args:
            mass: Probability of each state.
            step: Which one, from 0.
        """
        alive = mass > 0
        if self.time_free:
            self._answers = self._said(self.states, step) if self._answers is None else self._answers
            log_probs = self._answers[alive]
        else:
            log_probs = self._said(self.states[alive], step)
        probs = self.kernel.step_probs(self._from(self.states[alive], step), self._drawn_from(log_probs, step))
        return _pushed(mass[alive], probs[:, self.free])

    def remembered_law(self) -> tuple[Int[Tensor, "S L"], Float[Tensor, " S"]]:
        """The same for a kernel whose state is tokens and the probability with which each was drawn.

        Only what is reached is followed: a state may occur several times, with other memories.
        """
        states, mass = self.prompt[None].clone(), torch.ones(1, dtype=torch.float64)
        memory = torch.zeros(states.shape, dtype=torch.float64)
        memory[:, self.prompt != self.denoiser.mask_id] = torch.inf
        for step in range(len(self.times) - 1):
            log_probs = self._drawn_from(self._said(states, step), step)
            probs = self.kernel.step_probs(self._from(states, step, memory), log_probs)
            row = torch.arange(len(states))
            before, after, held = states, states.clone(), memory.clone()
            for position in self.free.tolist():
                if len(row) * self.num_states * len(self.prompt) > MOST_WORK:
                    raise ValueError(f"{self.kernel!r} reaches more states than can be enumerated; shorten it")
                branch, token = (probs[row, position] > 0).nonzero().unbind(1)
                mass = mass[branch] * probs[row[branch], position, token]
                row, after, held = row[branch], after[branch], held[branch]
                drawn = log_probs[row, position, token.clamp(max=self.denoiser.vocab_size - 1)].exp()
                fresh = torch.where(token == self.denoiser.mask_id, 0.0, drawn)
                held[:, position] = torch.where(token == before[row, position], held[:, position], fresh)
                after[:, position] = token
            unique, which = torch.cat([after.double(), held], 1).unique(dim=0, return_inverse=True)
            mass = torch.zeros(len(unique), dtype=torch.float64).index_add_(0, which, mass)
            states, memory = unique[:, : len(self.prompt)].long(), unique[:, len(self.prompt) :]
        return states, mass

    def _from(self, states: Int[Tensor, "S L"], step: int, memory: Float[Tensor, "S L"] | None = None) -> Step:
        """A step out of these states, all at once."""
        before, after = self.times[step : step + 2].repeat(len(states), 1).unbind(1)
        return self.kernel.step(states, before, after, memory)

    def _drawn_from(self, log_probs: Float[Tensor, "S L V"], step: int) -> Float[Tensor, "S L V"]:
        last: Bool[Tensor, " S"] = torch.full((len(log_probs),), float(self.times[step + 1]) == 0)
        return greedy_finish(self.kernel, self.decoding, log_probs, last)

    @torch.no_grad()
    def _said(self, states: Int[Tensor, "S L"], step: int) -> Float[Tensor, "S L V"]:
        """What the denoiser says in these states."""
        noise = float(1 - self.kernel.alpha(self.times[step]))
        parts = []
        for tokens in states.to(self.denoiser.device).split(ROWS_PER_CALL):
            times = torch.full((len(tokens),), noise, dtype=torch.float64, device=tokens.device)
            given = (self.prompt != self.denoiser.mask_id).to(tokens.device).expand(tokens.shape)
            parts.append(ask_about_all(self.denoiser, self.kernel, tokens, times, given).cpu())
        return torch.cat(parts)


def _pushed(mass: Float[Tensor, " A"], probs: Float[Tensor, "A H n"]) -> Float[Tensor, " S"]:
    """The law after a step, Σ_x mass(x) Π_i probs(x, i, y_i) for every y: one matrix product of two halves of y."""
    holes, num_states = probs.shape[1:]
    half = holes // 2
    size = max(1, CHUNK_ENTRIES // num_states ** (holes - half))
    total = torch.zeros(num_states**half, num_states ** (holes - half), dtype=torch.float64)
    for part, law in zip(mass.split(size), probs.split(size), strict=True):
        total += (part[:, None] * _joint(law[:, :half])).T @ _joint(law[:, half:])
    return total.reshape(-1)


def _joint(probs: Float[Tensor, "A H n"]) -> Float[Tensor, "A S"]:
    """Π_i probs(x, i, y_i) for every y."""
    joint = torch.ones(len(probs), 1, dtype=torch.float64)
    for position in range(probs.shape[1]):
        joint = (joint[:, :, None] * probs[:, position, None, :]).flatten(1)
    return joint
