"""The information curve of a language that nobody has written down, from a network trained on its sequences.

A denoiser p_θ and held-out sequences are all that is asked for. With the cross-entropy of a hidden token when every
other position is revealed with probability t,

    CE(t) = 1/L Σ_i E[−log p_θ(x_i | x_S)],   ĥ(t) = L (CE(0) − CE(t)).

* As an estimate of the language's curve h it is biased: CE(t) = H(t) + ε(t), ε(t) the mean KL(q ‖ p_θ) of the network's
  conditionals there, so **ĥ(t) = h(t) + L (ε(0) − ε(t))**. A network knows the marginals sooner than what many revealed
  tokens mean, so ĥ is mostly too low, by no more than L·ε(t). Intervals hold the sampling error, not this bias.
* About the network it is exact in the mean: its N-step NELBO is L·CE(0) − Σ_k w_k ĥ(t_{k−1}), and differs from
  KL(q ‖ p_θ path) by the entropy of the language alone. **The best schedule for ĥ is the best for the network**,
  learning error included.

With kind="entropy" the network's own entropy takes the place of the log-loss: less noise, but the bias is now what the
network wrongly believes about its certainty, and no NELBO is estimated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import optimize, stats
from torch import Tensor

from languages import Language
from languages.checks import check_count, check_tokens
from languages.estimate import Estimate
from languages.information import InformationCurve, SampledCurve, SampledInformationCurve
from languages.information.estimates import DEFAULT_NODES
from languages.information.nested_sets import stratified_uniforms
from languages.information.nodes import lobatto
from languages.ranks import random_ranks
from languages.reveals import reveal_probabilities, revealed_before
from mdmtheory.denoisers.ask import ask
from mdmtheory.denoisers.protocol import Denoiser

Kind = Literal["cross-entropy", "entropy"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class NetworkCurve(SampledInformationCurve):
    """Information curve ĥ(t) as a network sees it; see the module for what it is an estimate of.

    `h(t)`, `total_correlation` and `path_kl(reveal)` are those of ĥ.

    Attributes:
        losses: (R, M) cost of a hidden token at each node, nats, a row for each held-out sequence.
        kind: "cross-entropy" or "entropy": what the cost is.
    """

    losses: Float[np.ndarray, "R M"] = dataclasses.field(kw_only=True)
    kind: Kind = dataclasses.field(default="cross-entropy", kw_only=True)

    def loss(self) -> list[Estimate]:
        """Mean cost of a hidden token at each node, nats: CE(t), or the network's own entropy."""
        return [Estimate.from_samples(column, law="learned", unit="nats") for column in self.losses.T]

    def nelbo(self, reveal: Sequence[float] | NDArray[np.float64] | Tensor) -> Estimate:
        """NELBO of the network's N-step sampler, L Σ_k w_k CE(t_{k−1}), nats for the whole sequence.

        It is KL(q ‖ p_θ path) + H(q): what judges schedules where nobody knows the law.

        Args:
            reveal: (N,) reveal probabilities w_k.

        Raises:
            ValueError: A curve of entropies, which are no losses.
        """
        if self.kind != "cross-entropy":
            raise ValueError(f"kind must be 'cross-entropy' for a NELBO, got {self.kind!r}")
        weights = reveal_probabilities(reveal)
        costs = SampledCurve(self.length, self.length * self.losses, self.surplus)
        return costs.linear(revealed_before(weights).numpy(), weights.numpy(), law="path")

    def nearest(self) -> InformationCurve:
        """The information curve nearest to the samples, by weighted least squares: what schedules are made from.

        Every information curve is Σ_j (Z_{j+1} − Z_j) · L·P(Binomial(L−1, t) ≥ j) with increments that are not
        negative; noise and learning error may leave that family, and are projected back.
        """
        if self.length == 1:
            return InformationCurve(torch.zeros(1, dtype=torch.float64))
        reached = self.length * stats.binom.sf(np.arange(self.length - 1), self.length - 1, self.nodes[1:, None])
        spread = self.samples[:, 1:].std(0, ddof=1)
        # A node without noise is to weigh much, but not all.
        precision = 1 / np.maximum(spread, 1e-3 * spread.max() + 1e-12)
        values = self.samples[:, 1:].mean(0)
        increments, _ = optimize.nnls(precision[:, None] * reached, precision * values)
        return InformationCurve(torch.as_tensor(np.concatenate([[0.0], np.cumsum(increments)])))

    def __repr__(self) -> str:
        return f"NetworkCurve(length={self.length}, {self.kind}, total_correlation={self.total_correlation})"


def network_information_curve(
    denoiser: Denoiser,
    tokens: Int[Tensor, "R L"],
    *,
    kind: Kind = "cross-entropy",
    num_nodes: int = DEFAULT_NODES,
    num_draws: int = 1,
    max_batch: int = 256,
    generator: torch.Generator | None = None,
) -> NetworkCurve:
    """Estimate the information curve of a language from a network's losses on held-out sequences; no law is needed.

    At revealed fraction t a sequence shows s ~ Binomial(L − 1, t) positions, and the mean cost of the L − s ≥ 1 others
    has mean CE(t), with no weights: L of them are what L positions cost, each with the rest revealed by t. The sets of
    one sequence grow with t. Cost: R · `num_nodes` · `num_draws` sequences through the denoiser.

    Args:
        denoiser: Any denoiser. With `Oracle` the curve is the exact one, up to sampling.
        tokens: (R, L) independent held-out sequences, R ≥ 2.
        kind: "cross-entropy", the log-loss of the tokens; "entropy", of the network's own laws; see the module.
        num_nodes: Revealed fractions at which the curve is sampled, 4k + 1.
        num_draws: Random orders of revealing for each sequence, which are averaged.
        max_batch: Sequences sent to the denoiser at once.
        generator: Source of the sets, on the denoiser's device.

    Raises:
        ValueError: No complete sequences, fewer than two, or an argument out of range.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")

    def costs(log_probs: Float[Tensor, "K V"], noisy: Tensor, at: Tensor, truth: Tensor) -> Float[Tensor, " K"]:
        if kind == "cross-entropy":
            return -log_probs.gather(1, truth[:, None])[:, 0]
        return -torch.where(log_probs.isneginf(), 0.0, log_probs.exp() * log_probs).sum(1)

    losses, surplus = _sample_costs(denoiser, tokens, costs, num_nodes, num_draws, max_batch, generator)
    length = tokens.shape[1]
    return NetworkCurve(length, length * (losses[:, :1] - losses), surplus, losses=losses, kind=kind)


def learning_error_curve(
    denoiser: Denoiser,
    language: Language,
    tokens: Int[Tensor, "R L"],
    *,
    num_nodes: int = DEFAULT_NODES,
    num_draws: int = 1,
    max_batch: int = 256,
    generator: torch.Generator | None = None,
) -> SampledCurve:
    """ε(t) against the revealed fraction: mean KL(q(x_i | x_S) ‖ p_θ(x_i | x_S)) of a hidden token, nats.

    It is by how much `network_information_curve` errs, ĥ = h + L (ε(0) − ε), and for every schedule what the network
    adds to the path KL, L Σ_k w_k ε(t_{k−1}): `curve.linear(before, L * weights)`.

    Args:
        denoiser: Any denoiser.
        language: The true law q.
        tokens: (R, L) independent sequences of it, R ≥ 2.
        num_nodes: See `network_information_curve`.
        num_draws: See there.
        max_batch: See there.
        generator: Source of the sets, on the denoiser's device.
    """

    def costs(log_probs: Float[Tensor, "K V"], noisy: Tensor, at: Tensor, truth: Tensor) -> Float[Tensor, " K"]:
        exact = language.conditionals(noisy.to(language.device), at=at.to(language.device)).log_probs
        exact = exact.to(log_probs.device)
        return torch.where(exact.isneginf(), 0.0, exact.exp() * (exact - log_probs)).sum(1).clamp(min=0.0)

    losses, surplus = _sample_costs(denoiser, tokens, costs, num_nodes, num_draws, max_batch, generator)
    return SampledCurve(tokens.shape[1], losses, surplus, skewed=True)


@torch.no_grad()
def _sample_costs(
    denoiser: Denoiser,
    tokens: Int[Tensor, "R L"],
    costs: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
    num_nodes: int,
    num_draws: int,
    max_batch: int,
    generator: torch.Generator | None,
) -> tuple[Float[np.ndarray, "R M"], Float[np.ndarray, "R M"] | None]:
    """Mean cost of the hidden tokens of each sequence at each node, and how many more than (L − 1)t were revealed.

    `costs` maps log-probabilities, the sequences with holes, where the holes are, and their tokens to a cost each.
    """
    for name, value in (("num_draws", num_draws), ("max_batch", max_batch)):
        check_count(name, value)
    if check_count("num_nodes", num_nodes, least=5) % 4 != 1:
        raise ValueError(f"num_nodes must be 4k + 1 (5, 9, …, 33, …), got {num_nodes}")
    tokens = check_tokens(tokens, denoiser.vocab_size, holes=False, device=denoiser.device)
    rows, length = tokens.shape
    check_count("number of sequences in tokens", rows, least=2)
    fractions = lobatto(num_nodes, length)[1]
    losses, shown = np.zeros((rows, num_nodes)), np.zeros((rows, num_nodes))
    for _ in range(num_draws):
        rank = random_ranks(rows, length, generator=generator, device=tokens.device)
        quantile = stratified_uniforms(rows, tokens.device, generator)
        counts = stats.binom.ppf(quantile[:, None], length - 1, fractions).clip(0, length - 1).astype(np.int64)
        shown += counts / num_draws
        for node, fraction in enumerate(fractions):
            hidden = rank >= torch.as_tensor(counts[:, node], device=tokens.device)[:, None]
            pieces = []
            for truth, at in zip(tokens.split(max_batch), hidden.split(max_batch), strict=True):
                time = torch.full((len(truth),), 1 - fraction, dtype=torch.float64, device=truth.device)
                noisy = truth.masked_fill(at, denoiser.mask_id)
                cost = costs(ask(denoiser, noisy, time, at).log_probs, noisy, at, truth[at])
                totals = torch.zeros(len(truth), dtype=torch.float64, device=truth.device)
                pieces.append(totals.index_add_(0, at.nonzero()[:, 0], cost) / at.sum(1))
            losses[:, node] += torch.cat(pieces).cpu().numpy() / num_draws
    return losses, None if length == 1 else shown - (length - 1) * fractions
