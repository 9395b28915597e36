"""The exact denoiser of a language under uniform noise."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_mask, check_tokens
from languages.hidden_markov import HMMLanguage
from languages.inference.noisy_tokens import noisy_log_law
from languages.inference.state_chain import DenseChain, StateChain
from languages.language import Language
from languages.ngram import NGramLanguage
from languages.specification import language_from
from mdmtheory.denoisers.of_language import LanguageDenoiser
from mdmtheory.denoisers.traits import Noise
from mdmtheory.diffusion.processes import Uniform

MOST_DENSE = 256
"""Contexts of an n-gram up to which dense products beat sparse ones."""


class UniformOracle(LanguageDenoiser):
    """The exact posterior p(x_0^i | x_t) of a language whose tokens are redrawn uniformly with probability 1 − α.

    It is a `Denoiser` that reads noisy tokens and needs the time. Tokens that are known to be free of noise, those of a
    prompt, are named by `given`; they condition all others exactly.

    Attributes:
        language: An n-gram or a hidden Markov model.
        leave_one_out: Answer the law of x_0^i given the noisy tokens at all OTHER positions, which is what the kernel
            `LeaveOneOut` wants, instead of the posterior.
    """

    noise: ClassVar[Noise] = "uniform"
    takes_given: ClassVar[bool] = True  # samplers tell it which tokens are given

    def __init__(self, language: Language | str, *, leave_one_out: bool = False) -> None:
        """Wrap a language, or that of a specification.

        Raises:
            ValueError: A language that is no hidden chain.
        """
        language = language_from(language) if isinstance(language, str) else language
        self._chain = _chain_of(language)
        self._fallback = None if language.parent is None else type(self)(language.parent, leave_one_out=leave_one_out)
        self.language, self.leave_one_out = language, leave_one_out

    @torch.no_grad()
    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
        *,
        given: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Exact log-probabilities of the clean tokens, float64 nats.

        Args:
            tokens: (B, L) noisy tokens; `mask_id` where nothing was seen.
            time: (B,) noise fraction 1 − α: the probability that a token was redrawn.
            at: (B, L) bool, the positions wanted, row-major; None for all.
            given: (B, L) bool, tokens known to be free of noise; None for none.

        Returns:
            (K, V) or (B, L, V). Where what is seen has probability zero (only tokens free of noise can be impossible):
            the law under the unpruned parent, else what the position's own token says.

        Raises:
            ValueError: No time, or arguments of another shape or range.
        """
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        if time is None:
            raise ValueError("time must be given: the posterior depends on the noise fraction of each row")
        fraction = torch.as_tensor(time, dtype=torch.float64, device=self.device)
        if fraction.shape != tokens.shape[:1] or not bool(((fraction >= 0) & (fraction <= 1)).all()):
            raise ValueError(f"time must be ({len(tokens)},) noise fractions in [0, 1], got {time!r}")
        keep = (1 - fraction)[:, None].expand(tokens.shape)
        if given is not None:
            keep = torch.where(check_mask("given", given, tokens), 1.0, keep)
        log_probs = self._answer(tokens, keep)
        return log_probs if at is None else log_probs[check_mask("at", at, tokens)]

    def _answer(self, tokens: Int[Tensor, "B L"], keep: Float[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        law = noisy_log_law(self._chain, tokens, keep, leave_one_out=self.leave_one_out)
        dead = law.amax(-1).isneginf()
        if not bool(dead.any()):
            return law
        if self._fallback is not None:
            rows = dead.any(1)
            other = self._fallback._answer(tokens[rows], keep[rows])
        else:
            rows = torch.ones_like(dead[:, 0])
            other = torch.full_like(law, 1 / self.vocab_size)
            if not self.leave_one_out:
                other = Uniform(self.vocab_size).marginal(tokens.clamp(max=self.vocab_size - 1), keep)
                other = torch.where((tokens == self.mask_id)[..., None], 1 / self.vocab_size, other)
            other = other.log()
        law[rows] = torch.where(dead[rows][..., None], other, law[rows])
        return law

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.language!r}{', leave_one_out=True' if self.leave_one_out else ''})"


def _chain_of(language: Language) -> StateChain:
    """The chain of hidden states behind a language.

    Raises:
        ValueError: There is none.
    """
    if isinstance(language, NGramLanguage) and language.order == 1:  # its one context emits no token of its own
        one = torch.ones(1, dtype=torch.float64, device=language.device)
        return DenseChain(one, one[None], language.marginals(1))
    if not isinstance(language, NGramLanguage | HMMLanguage):
        raise ValueError(f"language must be an n-gram or a hidden Markov model, got {type(language).__name__}")
    chain = language.state_chain
    if isinstance(chain, DenseChain) or chain.num_states > MOST_DENSE:
        return chain
    tables = []
    for entries, columns in ((chain.edges, chain.num_states), (chain.emissions, chain.vocab_size)):
        table = torch.zeros(chain.num_states, columns, dtype=torch.float64, device=language.device)
        tables.append(table.index_put_((entries.row, entries.column), entries.prob))
    start = chain.first(torch.zeros(1, dtype=torch.int64, device=language.device))[0]
    return DenseChain(start, *tables)
