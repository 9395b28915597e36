"""Losses: unbiased for the path likelihood, whatever the masking, and low in variance where they say so."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mdmtheory.diffusion import (
    Cosine,
    Masks,
    Polynomial,
    Schedule,
    autoregressive_losses,
    bernoulli_masks,
    count_masks,
    draw_masks,
    masked_diffusion_losses,
)
from mdmtheory.diffusion.masking import TimeSampling, unit_levels

VOCAB, LENGTH = 3, 4
SEQUENCE = torch.tensor([2, 0, 1, 1])


@functools.cache
def table() -> Tensor:
    """Logits of a fixed denoiser for every state with holes: (4⁴, L, V). It is nothing special, and no posterior."""
    return 2 * torch.randn((VOCAB + 1) ** LENGTH, LENGTH, VOCAB, generator=torch.Generator().manual_seed(5))


def network(tokens: Tensor, time: Tensor | None = None, at: Tensor | None = None) -> Tensor:
    place = (VOCAB + 1) ** torch.arange(LENGTH)
    logits = table()[(tokens * place).sum(1)]
    return logits if at is None else logits[at]


def exact_path_loss() -> float:
    """Σ_k E_{|M|=k} mean_{i∈M} −log p(x_i | rest) / L by enumeration: the order-averaged path likelihood."""
    total = 0.0
    for k in range(1, LENGTH + 1):
        subsets = list(itertools.combinations(range(LENGTH), k))
        for subset in subsets:
            hidden = torch.zeros(1, LENGTH, dtype=torch.bool)
            hidden[0, list(subset)] = True
            log_probs = network(SEQUENCE[None].masked_fill(hidden, VOCAB)).log_softmax(-1)
            total -= sum(float(log_probs[0, i, SEQUENCE[i]]) for i in subset) / k / len(subsets)
    return total / LENGTH


def test_the_exact_path_loss_is_the_average_over_reveal_orders() -> None:
    total = 0.0
    for order in itertools.permutations(range(LENGTH)):
        state = torch.full((1, LENGTH), VOCAB)
        for position in order:
            log_probs = network(state).log_softmax(-1)
            total -= float(log_probs[0, position, SEQUENCE[position]])
            state[0, position] = SEQUENCE[position]
    assert total / math.factorial(LENGTH) / LENGTH == pytest.approx(exact_path_loss(), abs=1e-5)


def losses_of(masks: Masks) -> Tensor:
    return masked_diffusion_losses(network, SEQUENCE.expand(len(masks.weight), -1), masks, VOCAB).double()


@functools.cache
def loss_by_pattern() -> Tensor:
    """(2^L,) float64: Σ_{i hidden} −log p(x_i | rest) for every pattern of holes, bit i set where i is hidden."""
    patterns = (torch.arange(2**LENGTH)[:, None] >> torch.arange(LENGTH)) & 1
    return losses_of(Masks(patterns.bool(), torch.ones(2**LENGTH), torch.ones(2**LENGTH)))


def average_over_holes(masks: Masks) -> Tensor:
    """(B,) the loss of each row averaged exactly over its holes given its noise level.

    With holes drawn too, the weight 1/m has infinite variance (∫ m⁻² P(one hole) dm diverges), and no test on a mean
    of samples would mean anything.
    """
    patterns = (torch.arange(2**LENGTH)[:, None] >> torch.arange(LENGTH)) & 1
    count, time = patterns.sum(1).double(), masks.time.double()[:, None]
    chance = time**count * (1 - time) ** (LENGTH - count)
    return masks.weight.double() * (chance * loss_by_pattern()).sum(1)


SCHEDULES = [None, Cosine(), Polynomial(2.0)]  # all with a variance, once the holes are averaged over


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("sampling", ["stratified", "systematic", "independent"])
def test_bernoulli_levels_and_weights_are_unbiased(schedule: Schedule | None, sampling: TimeSampling) -> None:
    generator = torch.Generator().manual_seed(11)
    draw = functools.partial(bernoulli_masks, 64, LENGTH)
    batches = torch.stack([
        average_over_holes(draw(schedule=schedule, sampling=sampling, generator=generator)).mean() for _ in range(300)
    ])  # fmt: skip
    spread = float(batches.std()) / len(batches) ** 0.5
    assert spread < 0.01
    # False alarm 6e-5 each; the seed is fixed. Weights are float32: hence the last term.
    assert abs(float(batches.mean()) - exact_path_loss()) < 4 * spread + 1e-6


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_each_position_hides_independently_at_the_level_of_its_row(schedule: Schedule | None) -> None:
    masks = bernoulli_masks(40_000, 2, schedule=schedule, generator=torch.Generator().manual_seed(7))
    hidden, time = masks.hidden.double(), masks.time.double()
    for product, chance in [(hidden[:, 0], time), (hidden[:, 1], time), (hidden.prod(1), time**2)]:
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            rows = (time >= low) & (time < low + 0.2)
            excess = float((product - chance)[rows].sum())
            spread = float((chance * (1 - chance))[rows].sum()) ** 0.5
            assert abs(excess) < 5 * spread  # 45 comparisons in all: false alarm 3e-5 together; the seed is fixed


@pytest.mark.parametrize("sampling", ["stratified", "systematic", "independent"])
@pytest.mark.parametrize("skew", [1.0, 2.0, 3.5])
def test_counted_masks_are_unbiased(sampling: TimeSampling, skew: float) -> None:
    generator = torch.Generator().manual_seed(12)
    batches = torch.stack([
        losses_of(count_masks(64, LENGTH, skew=skew, sampling=sampling, generator=generator)).mean() for _ in range(800)
    ])  # fmt: skip
    spread = float(batches.std()) / len(batches) ** 0.5
    assert spread < 0.01
    assert abs(float(batches.mean()) - exact_path_loss()) < 4 * spread  # false alarm 6e-5; the seed is fixed


def test_even_levels_and_counts_lower_the_variance() -> None:
    def spread(draw: Callable[..., Masks], sampling: TimeSampling) -> float:
        generator = torch.Generator().manual_seed(13)
        return float(torch.stack([
            losses_of(draw(16, LENGTH, sampling=sampling, generator=generator)).mean() for _ in range(500)
        ]).std())  # fmt: skip

    # Standard deviations from 500 batches are good to 3 %. That of the Bernoulli loss is infinite in law.
    assert spread(count_masks, "stratified") < 0.8 * spread(count_masks, "independent")
    assert spread(count_masks, "independent") < 0.8 * spread(bernoulli_masks, "independent")


def test_counts_are_spread_evenly_and_exact() -> None:
    masks = count_masks(8, 4, generator=torch.Generator().manual_seed(1))
    assert masks.hidden.sum(1).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    torch.testing.assert_close(masks.weight, 1 / masks.hidden.sum(1).float())
    torch.testing.assert_close(masks.time, masks.hidden.float().mean(1))
    skewed = count_masks(8, 4, skew=2.0, generator=torch.Generator().manual_seed(1))
    counts = skewed.hidden.sum(1).tolist()  # u² crosses 1/4, 1/2, 3/4 at u = 4/8, 5.7/8, 6.9/8
    assert counts[:5] + counts[7:] == [1, 1, 1, 1, 2, 4]


def test_every_subset_of_a_size_is_equally_likely() -> None:
    masks = count_masks(60_000, 4, generator=torch.Generator().manual_seed(2))
    pairs = masks.hidden[masks.hidden.sum(1) == 2].long() @ torch.tensor([1, 2, 4, 8])
    counts = pairs.bincount(minlength=16)
    assert int((counts > 0).sum()) == 6
    expected = 15_000 / 6
    chi_square = float(((counts[counts > 0] - expected) ** 2 / expected).sum())
    assert chi_square < 25.7  # 5 degrees of freedom: false alarm 1e-4; the seed is fixed


@pytest.mark.parametrize("sampling", ["stratified", "systematic", "independent"])
def test_levels_are_uniform(sampling: TimeSampling) -> None:
    generator = torch.Generator().manual_seed(3)
    levels = torch.stack([unit_levels(10, sampling, generator, torch.device("cpu")) for _ in range(2000)])
    assert ((levels >= 0) & (levels < 1)).all()
    gap = (levels.flatten().sort().values - torch.linspace(0, 1, 20_000)).abs().max()
    assert gap < 0.016  # Kolmogorov–Smirnov at 20 000 independent values: false alarm 8e-5; the even ones are closer
    if sampling != "independent":
        assert (levels.sort(dim=1).values * 10 - torch.arange(10)).abs().max() <= 1.0001


def test_the_first_hidden_level_has_a_finite_weight() -> None:
    for schedule in (None, Cosine(), Polynomial(0.5)):
        masks = bernoulli_masks(100_000, 2, schedule=schedule, generator=torch.Generator().manual_seed(4))
        assert torch.isfinite(masks.weight).all()
        assert ((masks.time >= 0) & (masks.time <= 1)).all()


def test_a_row_that_hides_nothing_carries_no_loss() -> None:
    masks = Masks(torch.tensor([[False] * 4, [True] * 4]), torch.ones(2), torch.ones(2))
    losses = losses_of(masks)
    assert losses[0] == 0
    assert losses[1] > 0


def test_a_network_is_asked_about_holes_alone_and_told_the_time() -> None:
    masks = count_masks(6, LENGTH, generator=torch.Generator().manual_seed(0))

    def spy(tokens: Tensor, time: Tensor, at: Tensor) -> Tensor:
        assert torch.equal(tokens == VOCAB, masks.hidden)
        assert torch.equal(at, masks.hidden)
        assert torch.equal(time, masks.time)
        return network(tokens, time, at)

    masked_diffusion_losses(spy, SEQUENCE.expand(6, -1), masks, VOCAB)


def test_autoregressive_loss_is_the_log_likelihood_per_token() -> None:
    logits = torch.randn(2, 3, VOCAB, generator=torch.Generator().manual_seed(0))

    def causal(tokens: Tensor) -> Tensor:
        assert tokens.tolist() == [[VOCAB, 0, 1], [VOCAB, 2, 2]]
        return logits

    losses = autoregressive_losses(causal, torch.tensor([[0, 1, 2], [2, 2, 0]]), VOCAB)
    log_probs = logits.log_softmax(-1)
    expected = -(log_probs[0, 0, 0] + log_probs[0, 1, 1] + log_probs[0, 2, 2]) / 3
    torch.testing.assert_close(losses[0], expected)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="masking"):
        draw_masks("random", 2, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="skew"):
        count_masks(2, 2, skew=0.5)
    with pytest.raises(ValueError, match="sampling"):
        count_masks(2, 2, sampling="even")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length"):
        bernoulli_masks(2, 0)
