"""Losses: unbiased for the path likelihood, whatever the masking, and low in variance where they say so."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor

from mdmtheory.diffusion import AnyOrder, Autoregressive, Cosine, DiffusionLoss, Linear, Polynomial, Subs
from mdmtheory.diffusion.losses.score_entropy import score_entropy
from mdmtheory.diffusion.losses.times import TimeSampling, continuous_times, unit_levels
from mdmtheory.diffusion.processes import Absorbing, Uniform

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


def draw(loss: DiffusionLoss, batch: int, generator: torch.Generator) -> Tensor:
    tokens = SEQUENCE.expand(batch, -1)
    return loss.estimate(loss.reading(network, "posterior"), tokens, generator=generator).double()


def masks_and_times(loss: DiffusionLoss, batch: int, length: int, seed: int) -> tuple[Tensor, Tensor]:
    """Which positions are hidden, (B, L), and the time of each row."""
    generator = torch.Generator().manual_seed(seed)
    time = loss.times(batch, length, generator=generator)
    noisy = loss.noise(torch.zeros(batch, length, dtype=torch.int64), time, generator=generator)
    return noisy == VOCAB, time


@functools.cache
def loss_by_pattern() -> Tensor:
    """(2^L,) float64: Σ_{i hidden} −log p(x_i | rest) for every pattern of holes, bit i set where i is hidden."""
    hidden = ((torch.arange(2**LENGTH)[:, None] >> torch.arange(LENGTH)) & 1).bool()
    log_probs = network(SEQUENCE.expand(len(hidden), -1).masked_fill(hidden, VOCAB)).log_softmax(-1)
    surprise = -log_probs.gather(-1, SEQUENCE.expand(len(hidden), -1)[..., None])[..., 0]
    return torch.where(hidden, surprise, 0).double().sum(1)


def average_over_holes(loss: DiffusionLoss, time: Tensor) -> Tensor:
    """(B,) the loss of each row averaged exactly over its holes given its noise level.

    With holes drawn too, the weight 1/m has infinite variance (∫ m⁻² P(one hole) dm diverges), and no test on a mean
    of samples would mean anything.
    """
    patterns = (torch.arange(2**LENGTH)[:, None] >> torch.arange(LENGTH)) & 1
    count, level = patterns.sum(1).double(), loss.level(time).double()[:, None]
    chance = level**count * (1 - level) ** (LENGTH - count)
    return loss.weigh((chance * loss_by_pattern()).sum(1), time, LENGTH)


def by_share(**options: object) -> AnyOrder:
    return AnyOrder(VOCAB, masking="bernoulli", **options)  # type: ignore[arg-type]


# All with a variance, once the holes are averaged over.
LEVELS: dict[str, Callable[..., DiffusionLoss]] = {
    "share": by_share,
    "cosine": functools.partial(Subs, VOCAB, Cosine()),
    "polynomial": functools.partial(Subs, VOCAB, Polynomial(2.0)),
}


@pytest.mark.parametrize("name", list(LEVELS))
@pytest.mark.parametrize("sampling", ["stratified", "systematic", "independent"])
def test_bernoulli_levels_and_weights_are_unbiased(name: str, sampling: TimeSampling) -> None:
    generator, loss = torch.Generator().manual_seed(11), LEVELS[name](sampling=sampling)
    batches = torch.stack([
        average_over_holes(loss, loss.times(64, LENGTH, generator=generator)).mean() for _ in range(300)
    ])  # fmt: skip
    spread = float(batches.std()) / len(batches) ** 0.5
    assert spread < 0.01
    # False alarm 6e-5 each; the seed is fixed. The network is float32: hence the last term.
    assert abs(float(batches.mean()) - exact_path_loss()) < 4 * spread + 1e-6


@pytest.mark.parametrize("name", list(LEVELS))
def test_each_position_hides_independently_at_the_level_of_its_row(name: str) -> None:
    loss = LEVELS[name]()
    holes, drawn = masks_and_times(loss, 40_000, 2, seed=7)
    hidden, time = holes.double(), loss.level(drawn).double()
    for product, chance in [(hidden[:, 0], time), (hidden[:, 1], time), (hidden.prod(1), time**2)]:
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            rows = (time >= low) & (time < low + 0.2)
            excess = float((product - chance)[rows].sum())
            spread = float((chance * (1 - chance))[rows].sum()) ** 0.5
            assert abs(excess) < 5 * spread  # 45 comparisons in all: false alarm 3e-5 together; the seed is fixed


@pytest.mark.parametrize("sampling", ["stratified", "systematic", "independent"])
@pytest.mark.parametrize("skew", [1.0, 2.0, 3.5])
def test_counted_masks_are_unbiased(sampling: TimeSampling, skew: float) -> None:
    generator, loss = torch.Generator().manual_seed(12), AnyOrder(VOCAB, skew=skew, sampling=sampling)
    batches = torch.stack([draw(loss, 64, generator).mean() for _ in range(800)])
    spread = float(batches.std()) / len(batches) ** 0.5
    assert spread < 0.01
    assert abs(float(batches.mean()) - exact_path_loss()) < 4 * spread  # false alarm 6e-5; the seed is fixed


def test_even_levels_and_counts_lower_the_variance() -> None:
    def spread(loss: DiffusionLoss) -> float:
        generator = torch.Generator().manual_seed(13)
        return float(torch.stack([draw(loss, 16, generator).mean() for _ in range(500)]).std())

    # Standard deviations from 500 batches are good to 3 %. That of the Bernoulli loss is infinite in law.
    independent = spread(AnyOrder(VOCAB, sampling="independent"))
    assert spread(AnyOrder(VOCAB)) < 0.8 * independent
    assert independent < 0.8 * spread(by_share(sampling="independent"))


def test_counts_are_spread_evenly_and_exact() -> None:
    loss = AnyOrder(VOCAB)
    hidden, time = masks_and_times(loss, 8, 4, seed=1)
    assert hidden.sum(1).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    torch.testing.assert_close(loss.weigh(torch.ones(8), time, 4), 1 / hidden.sum(1).float())
    torch.testing.assert_close(loss.level(time), hidden.float().mean(1))
    skewed, _ = masks_and_times(AnyOrder(VOCAB, skew=2.0), 8, 4, seed=1)
    counts = skewed.sum(1).tolist()  # u² crosses 1/4, 1/2, 3/4 at u = 4/8, 5.7/8, 6.9/8
    assert counts[:5] + counts[7:] == [1, 1, 1, 1, 2, 4]


def test_every_subset_of_a_size_is_equally_likely() -> None:
    hidden, _ = masks_and_times(AnyOrder(VOCAB), 60_000, 4, seed=2)
    pairs = hidden[hidden.sum(1) == 2].long() @ torch.tensor([1, 2, 4, 8])
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
    for loss in (by_share(), Subs(VOCAB, Cosine()), Subs(VOCAB, Polynomial(0.5))):
        time = loss.times(100_000, 2, generator=torch.Generator().manual_seed(4))
        assert torch.isfinite(loss.weigh(torch.ones(100_000), time, 2)).all()
        assert ((loss.level(time) >= 0) & (loss.level(time) <= 1)).all()


def test_a_row_that_hides_nothing_carries_no_loss() -> None:
    noisy = torch.stack((SEQUENCE, torch.full((LENGTH,), VOCAB)))
    losses = by_share().value(network(noisy).log_softmax(-1), SEQUENCE.expand(2, -1), noisy, torch.ones(2))
    assert losses[0] == 0
    assert losses[1] > 0


@pytest.mark.parametrize("masking", ["count", "bernoulli"])
def test_a_network_is_asked_about_holes_alone_and_told_the_time(masking: str) -> None:
    loss = AnyOrder(VOCAB, masking=masking)  # type: ignore[arg-type]
    hidden, drawn = masks_and_times(loss, 6, LENGTH, seed=0)

    def spy(tokens: Tensor, time: Tensor, at: Tensor) -> Tensor:
        assert torch.equal(tokens == VOCAB, hidden)
        assert torch.equal(at, hidden)
        assert torch.equal(time, drawn.float())
        if masking == "count":
            assert torch.equal(time, hidden.float().mean(1))
        return network(tokens, time, at)

    model = loss.reading(spy, "posterior")
    loss.estimate(model, SEQUENCE.expand(6, -1), generator=torch.Generator().manual_seed(0))


def test_autoregressive_loss_is_the_log_likelihood_per_token() -> None:
    logits = torch.randn(2, 3, VOCAB, generator=torch.Generator().manual_seed(0))

    def causal(tokens: Tensor) -> Tensor:
        assert tokens.tolist() == [[VOCAB, 0, 1], [VOCAB, 2, 2]]
        return logits

    losses = Autoregressive(VOCAB).estimate(causal, torch.tensor([[0, 1, 2], [2, 2, 0]]))
    log_probs = logits.log_softmax(-1)
    expected = -(log_probs[0, 0, 0] + log_probs[0, 1, 1] + log_probs[0, 2, 2]) / 3
    torch.testing.assert_close(losses[0], expected)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="masking"):
        AnyOrder(VOCAB, masking="random")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="skew"):
        AnyOrder(VOCAB, skew=0.5)
    with pytest.raises(ValueError, match="sampling"):
        AnyOrder(VOCAB, sampling="even")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length"):
        AnyOrder(VOCAB).times(2, 0)


@pytest.mark.parametrize("process", [Absorbing(3), Uniform(3)], ids=repr)
def test_a_score_of_the_impossible_costs_itself(process: Absorbing | Uniform) -> None:
    """s(y) − s*(y) log s(y) + s*(y)(log s*(y) − 1) at s* = 0 is s(y): nothing possible excuses it."""
    noisy = torch.tensor([[VOCAB if isinstance(process, Absorbing) else 0]])
    exact = torch.tensor([[[0.0, 0.5, 0.0]]], dtype=torch.float64).log()
    said = torch.tensor([[[0.0, 0.5, 0.25]]], dtype=torch.float64).log()
    rate = torch.tensor([2.0], dtype=torch.float64)
    share = 1.0 if isinstance(process, Absorbing) else 1 / 3  # ν of the noisy token
    assert float(score_entropy(process, said, exact, noisy, rate)) == pytest.approx(2.0 * share * 0.25)
    assert float(score_entropy(process, exact, exact, noisy, rate)) == 0


@pytest.mark.parametrize("sampling", get_args(TimeSampling))
def test_time_one_is_never_drawn(sampling: TimeSampling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the generator says 0, as one float32 number in 2^24 does: at time 1 rates are infinite."""
    monkeypatch.setattr(torch, "rand", lambda *shape, **options: torch.zeros(*shape))
    time = continuous_times(4, sampling, None, "cpu")
    assert float(time.min()) > 0
    assert float(time.max()) < 1
    assert torch.isfinite(Linear().noise_rate(time)).all()
