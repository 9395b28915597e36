"""Running a kernel: all positions of a row step together, each from its own law."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.denoisers.ask import ask, ask_holes
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.decoding import GREEDY, Decoding
from mdmtheory.samplers.draws.randomness import Purpose, uniforms
from mdmtheory.samplers.kernels import Kernel, Step
from mdmtheory.samplers.run.start_rows import Start
from mdmtheory.samplers.run.work_queue import walk
from mdmtheory.samplers.samples import Samples


def run_kernel(denoiser: Denoiser, kernel: Kernel, start: Start, decoding: Decoding, limit: int) -> Samples:
    """Draw sequences with a kernel; arguments as in `mdmtheory.samplers.sample`.

    Whether a position changes and what it changes to are separate draws. A step in which no hole is filled costs no
    network call, and a row without holes that no later step revises is done.

    Raises:
        ValueError: A kernel that leaves holes.
    """
    run = _Run(denoiser, kernel, start, decoding)
    walk((~start.given).any(1).nonzero()[:, 0], limit, run.advance)
    if bool((run.tokens >= denoiser.vocab_size).any()):
        raise ValueError(f"{kernel!r} leaves holes: its last step must lead to time 0, where alpha is 1")
    return Samples(run.tokens, run.calls)


def ask_about_all(
    denoiser: Denoiser,
    kernel: Kernel,
    tokens: Int[Tensor, "b L"],
    times: Float[Tensor, " b"],
    given: Bool[Tensor, "b L"],
) -> Float[Tensor, "b L V"]:
    """Log-laws of all positions (float64): of holes under absorbing noise, where tokens are certain, else of each."""
    if kernel.absorbing:
        return ask_holes(denoiser, tokens, times).log_probs
    return ask(denoiser, tokens, times, given=given).log_probs


def greedy_finish(
    kernel: Kernel, decoding: Decoding, log_probs: Float[Tensor, "K V"], last: Bool[Tensor, " K"]
) -> Float[Tensor, "K V"]:
    """The decoded answer; with `finish="argmax"` its most likely token alone where the step is the last."""
    decoded = decoding(log_probs)
    if kernel.finish == "argmax" and bool(last.any()):
        return torch.where(last.reshape(-1, *[1] * (decoded.dim() - 1)), GREEDY(decoded), decoded)
    return decoded


class _Run:
    """Rows under way."""

    def __init__(self, denoiser: Denoiser, kernel: Kernel, start: Start, decoding: Decoding) -> None:
        self.denoiser, self.kernel, self.decoding = denoiser, kernel, decoding
        self.given, self.keys = start.given, start.keys
        self.times = kernel.times.to(start.keys.device)
        self.position = torch.arange(start.tokens.shape[1], device=start.keys.device)
        self.tokens = start.tokens
        if not kernel.absorbing:
            u = uniforms(start.keys[:, None], Purpose.START, 0, self.position)
            noise = categorical(u, probs=kernel.process.base(u.device))
            self.tokens = torch.where(start.given, start.tokens, noise)
        self.steps, self.calls = torch.zeros_like(start.keys), torch.zeros_like(start.keys)
        self.confidence: Float[Tensor, "B L"] | None = None
        if kernel.remembers:
            self.confidence = torch.zeros(self.tokens.shape, dtype=torch.float64, device=self.tokens.device)
            self.confidence.masked_fill_(start.given, torch.inf)

    def advance(self, active: Int[Tensor, " b"]) -> Bool[Tensor, " b"]:
        """Take rows one step further and say which are done."""
        number = self.steps[active]
        confidence = None if self.confidence is None else self.confidence[active]
        step = self.kernel.step(self.tokens[active], self.times[number], self.times[number + 1], confidence)
        leave = self.kernel.leave_probs(step)
        if leave is None:
            self._move_all(active, number, step)
        else:
            self._fill_and_erase(active, number, step, leave)
        self.steps[active] += 1
        done = self.steps[active] == len(self.times) - 1
        if self.kernel.properties.revises or not self.kernel.absorbing:
            return done
        return done | (self.tokens[active] != self.denoiser.mask_id).all(1)

    def _fill_and_erase(
        self, active: Int[Tensor, " b"], number: Int[Tensor, " b"], step: Step, leave: Float[Tensor, "b L"]
    ) -> None:
        """A step under absorbing noise that knows where it leads before it knows to which tokens."""
        here, mask_id = step.tokens, self.denoiser.mask_id
        u = uniforms(self.keys[active, None], Purpose.TRANSITION, number[:, None], self.position)
        moves = (u < leave) & ~self.given[active]
        fill = moves & (here == mask_id)
        asks = fill.any(1)
        after = here.masked_fill(moves & ~fill, mask_id)
        if bool(asks.any()):
            rows, at = active[asks], fill[asks]
            log_probs = ask(self.denoiser, here[asks], 1 - step.alpha_from[asks], at).log_probs
            row, position = at.nonzero(as_tuple=True)
            law = greedy_finish(self.kernel, self.decoding, log_probs, (step.time_to[asks] == 0)[row])
            u = uniforms(self.keys[rows[row]], Purpose.TOKEN, number[asks][row], position)
            drawn = categorical(u, log_probs=law)
            after[fill] = drawn
            self.calls[rows] += 1
            if self.confidence is not None:
                self.confidence[rows[row], position] = law.gather(-1, drawn[:, None])[:, 0].exp()
        self.tokens[active] = after

    def _move_all(self, active: Int[Tensor, " b"], number: Int[Tensor, " b"], step: Step) -> None:
        """A step whose every law hangs on the denoiser's answer."""
        here, given = step.tokens, self.given[active]
        log_probs = ask_about_all(self.denoiser, self.kernel, here, 1 - step.alpha_from, given)
        log_probs = greedy_finish(self.kernel, self.decoding, log_probs, step.time_to == 0)
        probs = self.kernel.step_probs(step, log_probs)
        stay = probs.gather(-1, here[..., None])
        others = probs.scatter(-1, here[..., None], 0.0)
        u = uniforms(self.keys[active, None], Purpose.TRANSITION, number[:, None], self.position)
        leaving = others.sum(-1)
        moves = (u * (leaving + stay[..., 0]) < leaving) & ~given
        row, position = moves.nonzero(as_tuple=True)
        u = uniforms(self.keys[active[row]], Purpose.TOKEN, number[row], position)
        drawn = categorical(u, probs=others[moves])
        if self.confidence is not None:
            written = log_probs[row, position].gather(-1, drawn.clamp(max=self.denoiser.vocab_size - 1)[:, None])
            self.confidence[active[row], position] = written[:, 0].exp()
        self.tokens[active[row], position] = drawn
        self.calls[active] += 1
