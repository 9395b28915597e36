"""The law of each token given those before it: what an autoregressive model learns."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_tokens
from languages.hidden_markov import HMMLanguage
from languages.inference.state_chain import StateChain
from languages.language import Language
from languages.ngram import NGramLanguage

PREFIX_TOKENS = 1 << 20
"""Tokens of the rows that are asked about at once where every prefix is a row of its own."""


def next_token_log_probs(language: Language, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
    """Exact log q(x_i = v | x_1 … x_{i−1}) at every position i, nats; their sum along a row is its log-probability.

    A look-up for each token of an n-gram, one forward pass for a hidden Markov model; any other language is asked about
    every prefix. After tokens that have probability zero together the convention for dead contexts of `conditionals`
    applies: the law under the unpruned parent, else uniform.

    Args:
        language: The language.
        tokens: (B, L) complete sequences.

    Returns:
        (B, L, V) float64; −inf exactly where a token cannot follow.

    Raises:
        ValueError: A hole, or a token out of range.
    """
    tokens = check_tokens(tokens, language.vocab_size, holes=False, device=language.device)
    if isinstance(language, NGramLanguage):
        law, settled = _after_contexts(language, tokens)
    elif isinstance(language, HMMLanguage):
        law, settled = _after_beliefs(language.state_chain, tokens)
    else:
        law = torch.empty(*tokens.shape, language.vocab_size, dtype=torch.float64, device=tokens.device)
        settled = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
    if not bool(settled.all()):
        law[~settled] = _after_prefixes(language, tokens[~settled])
    return law


def _after_contexts(language: NGramLanguage, tokens: Tensor) -> tuple[Float[Tensor, "B L V"], Tensor]:
    """Rows of the table of an n-gram, and which sequences are possible up to their last token but one."""
    automaton = language.automaton
    edges = automaton.edges_of(tokens)
    # The context before token i is where the edge of token i − 1 led; the empty context comes first.
    context = torch.nn.functional.pad(automaton.edge_target[edges[:, :-1]], (1, 0))
    settled = (edges[:, :-1] >= 0).all(1)
    context[~settled] = 0
    first = automaton.offsets[context].flatten()
    count = automaton.offsets[context + 1].flatten() - first
    place = torch.arange(len(count), device=tokens.device).repeat_interleave(count)
    edge = torch.arange(len(place), device=tokens.device) + (first - (count.cumsum(0) - count))[place]
    law = torch.full((tokens.numel(), language.vocab_size), -math.inf, dtype=torch.float64, device=tokens.device)
    law[place, automaton.edge_token[edge]] = automaton.edge_log_prob[edge]
    return law.view(*tokens.shape, language.vocab_size), settled


def _after_beliefs(chain: StateChain, tokens: Tensor) -> tuple[Float[Tensor, "B L V"], Tensor]:
    """One forward pass, and the rows in which nothing came near the end of floating point."""
    least = math.exp(min(chain.log_least(torch.float64), 1.0))
    belief = chain.first(torch.zeros_like(tokens[:, 0]))
    settled = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
    laws = []
    for column in tokens.T:
        law = chain.token_law(belief)
        laws.append(law.log() - law.sum(-1, keepdim=True).log())
        seen = belief * chain.evidence(column)
        total = seen.sum(1, keepdim=True)
        # What is impossible, and what may have lost a small weight, is left to a slower way.
        settled &= (total[:, 0] > 0) & ~((belief > 0) & (belief < least)).any(1)
        belief = chain.predict(seen / torch.where(total > 0, total, 1))
    return torch.stack(laws, 1), settled


def _after_prefixes(language: Language, tokens: Tensor) -> Float[Tensor, "B L V"]:
    """Every prefix as a row whose other positions are hidden."""
    batch, length = tokens.shape
    ahead = torch.ones(length, length, dtype=torch.bool, device=tokens.device).triu()
    following = torch.eye(length, dtype=torch.bool, device=tokens.device)
    pieces = []
    for rows in tokens.split(max(1, PREFIX_TOKENS // length**2)):
        prefixes = rows[:, None].expand(-1, length, -1).masked_fill(ahead, language.mask_id).flatten(0, 1)
        pieces.append(language.conditionals(prefixes, at=following.repeat(len(rows), 1)).log_probs)
    return torch.cat(pieces).view(batch, length, language.vocab_size)
