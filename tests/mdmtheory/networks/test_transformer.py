"""What a position may see, what its position means, and that shortcuts change nothing."""

from __future__ import annotations

import pytest
import torch
from reference.networks import random_network

from mdmtheory.networks import SIZES, KeyValueCache, Transformer, TransformerConfig, fresh_network, transformer_config
from mdmtheory.networks.rotary import rotary_table, rotate


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 8, (3, 12), generator=torch.Generator().manual_seed(1))


def influence(network: Transformer, tokens: torch.Tensor, time: torch.Tensor | None = None) -> torch.Tensor:
    """(L, L) bool: whether the output at i moves when the token at j changes."""
    base = network(tokens, time)
    moved = torch.zeros(12, 12, dtype=torch.bool)
    for j in range(12):
        changed = tokens.clone()
        changed[:, j] = (changed[:, j] + 1) % 8
        moved[:, j] = (network(changed, time) - base).abs().amax(dim=(0, 2)) > 1e-5
    return moved


@torch.no_grad()
def test_a_causal_position_sees_itself_and_what_is_left_of_it(tokens: torch.Tensor) -> None:
    assert torch.equal(influence(random_network(causal=True), tokens), torch.ones(12, 12).tril().bool())


@torch.no_grad()
def test_a_bidirectional_position_sees_everything(tokens: torch.Tensor) -> None:
    assert influence(random_network(), tokens).all()


@torch.no_grad()
def test_positions_matter(tokens: torch.Tensor) -> None:
    network = random_network()
    order = torch.arange(12).roll(5)
    assert (network(tokens[:, order]) - network(tokens)[:, order]).abs().max() > 1e-2


def test_rotation_depends_on_distance_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 5, 1, 16, generator=generator, dtype=torch.float64)
    table = rotary_table(200, 16, 10000.0).double()

    def product(i: int, j: int) -> torch.Tensor:
        # rotate works in float32: compare to its rounding.
        return (rotate(query, table[:, i : i + 1]) * rotate(key, table[:, j : j + 1])).sum(-1)

    torch.testing.assert_close(product(3, 1), product(143, 141), atol=2e-5, rtol=0)
    torch.testing.assert_close(product(0, 60), product(100, 160), atol=2e-5, rtol=0)
    assert (product(3, 1) - product(3, 2)).abs().max() > 1e-2


def test_rotation_turns_pairs_of_halves_by_the_documented_angle() -> None:
    x = torch.arange(1.0, 9.0)[None]  # D = 8
    position, base = 5, 100.0
    turned = rotate(x, rotary_table(6, 8, base)[:, position : position + 1])
    for c in range(4):
        angle = torch.tensor(position * base ** (-2 * c / 8))
        a, b = x[0, c], x[0, c + 4]
        torch.testing.assert_close(turned[0, c], a * angle.cos() - b * angle.sin())
        torch.testing.assert_close(turned[0, c + 4], b * angle.cos() + a * angle.sin())


@pytest.mark.parametrize(("causal", "offsets"), [(False, [-1, 1, -2, 2]), (True, [0, -1, -2, -3])])
@torch.no_grad()
def test_a_local_start_looks_at_the_neighbours(causal: bool, offsets: list[int]) -> None:
    config = TransformerConfig(vocab_size=7, hidden_size=64, num_heads=4, causal=causal, local_start=True)
    attention = fresh_network(config).blocks[1].attention
    query, key, value = attention.qkv.bias.view(3, 4, 1, 16)
    table = rotary_table(20, 16, config.rotary_base)
    logits = rotate(query.expand(4, 20, 16), table) @ rotate(key.expand(4, 20, 16), table).mT
    assert (logits[:, 10].argmax(-1) - 10).tolist() == offsets
    assert value.abs().max() == 0
    assert fresh_network(TransformerConfig(vocab_size=7)).blocks[0].attention.qkv.bias is None


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"time_conditioned": True}, {"local_start": True}])
@torch.no_grad()
def test_picked_positions_equal_slices_of_the_full_output(options: dict, tokens: torch.Tensor) -> None:
    network = random_network(**options)
    time = torch.tensor([0.1, 0.5, 0.9])
    at = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(2)) < 0.4
    torch.testing.assert_close(network(tokens, time, at), network(tokens, time)[at], atol=1e-5, rtol=0)
    assert network(tokens, time, torch.zeros_like(at)).shape == (0, 7)


@torch.no_grad()
def test_each_row_is_conditioned_on_its_own_time(tokens: torch.Tensor) -> None:
    network = random_network(time_conditioned=True)
    time = torch.tensor([0.1, 0.5, 0.9])
    together = network(tokens, time)
    alone = torch.cat([network(tokens[row : row + 1], time[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (network(tokens, time.flip(0))[0] - together[0]).abs().max() > 1e-2
    assert (network(tokens, time.flip(0))[1] - together[1]).abs().max() < 1e-5
    at = torch.zeros_like(tokens, dtype=torch.bool)
    at[2, 3] = at[0, 1] = True
    torch.testing.assert_close(network(tokens, time, at), together[[0, 2], [1, 3]], atol=1e-5, rtol=0)


@torch.no_grad()
def test_times_a_thousandth_apart_are_told_apart(tokens: torch.Tensor) -> None:
    embed = random_network(time_conditioned=True).time_embedding
    assert embed is not None
    codes = embed(torch.linspace(0, 1, 1001))
    assert (codes.diff(dim=0).norm(dim=1) > 1e-3).all()
    assert torch.isfinite(codes).all()


@torch.no_grad()
def test_a_network_without_time_ignores_it_and_one_with_asks_for_it(tokens: torch.Tensor) -> None:
    assert torch.equal(random_network()(tokens, torch.rand(3)), random_network()(tokens))
    with pytest.raises(ValueError, match="time must be given"):
        random_network(time_conditioned=True)(tokens)


@pytest.mark.parametrize("chunks", [[1] * 12, [5, 1, 6], [12], [1, 11]])
@torch.no_grad()
def test_the_cache_changes_nothing(chunks: list[int], tokens: torch.Tensor) -> None:
    network = random_network(causal=True)
    cache = KeyValueCache(network.config, batch=3, length=12)
    parts = [network(part, cache=cache) for part in tokens.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), network(tokens), atol=1e-5, rtol=0)
    assert cache.filled == 12
    with pytest.raises(ValueError, match="room for 12"):
        network(tokens[:, :1], cache=cache)
    with pytest.raises(ValueError, match="3 rows"):
        network(tokens[:1, :1], cache=cache)


def test_a_bidirectional_network_has_no_cache() -> None:
    with pytest.raises(ValueError, match="causal"):
        KeyValueCache(TransformerConfig(vocab_size=4), batch=1, length=4)


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"time_conditioned": True}])
def test_bfloat16_autocast_runs_forward_and_backward(options: dict, tokens: torch.Tensor) -> None:
    network = random_network(**options)
    time = torch.rand(3, generator=torch.Generator().manual_seed(0))
    exact = network(tokens, time)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(tokens, time)
    rounded.float().square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    spread = exact.std()
    assert (rounded.float() - exact).abs().mean() < 0.05 * spread


@torch.no_grad()
def test_the_table_of_angles_is_float32_and_grows(tokens: torch.Tensor) -> None:
    network = random_network().bfloat16()
    network(tokens)
    assert network.rotary(0, 40, tokens.device).dtype == torch.float32
    torch.testing.assert_close(network.rotary(30, 40, tokens.device), rotary_table(40, 16, 10000.0)[:, 30:])


def test_a_table_made_while_sampling_serves_training(tokens: torch.Tensor) -> None:
    network = random_network()
    with torch.inference_mode():
        network(tokens)
    network(tokens).sum().backward()


def test_the_first_prediction_is_uniform(tokens: torch.Tensor) -> None:
    with torch.no_grad():
        assert fresh_network(TransformerConfig(vocab_size=7))(tokens).abs().max() == 0


def test_weights_depend_on_the_seed_alone() -> None:
    config = TransformerConfig(vocab_size=7)
    before = torch.random.get_rng_state()
    one, two, other = fresh_network(config, 1), fresh_network(config, 1), fresh_network(config, 2)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.embedding.weight, two.embedding.weight)
    assert not torch.equal(one.embedding.weight, other.embedding.weight)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"vocab_size": 0}, "vocab_size"),
        ({"hidden_size": 30, "num_heads": 4}, "hidden_size"),
        ({"hidden_size": 12, "num_heads": 4}, "even"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"causal": True, "time_conditioned": True}, "time_conditioned"),
        ({"rotary_base": 1.0}, "rotary_base"),
        ({"activation": "relu"}, "activation"),
        ({"num_layers": 2.5}, "num_layers"),
    ],
)
def test_bad_shapes_are_named(options: dict, culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        TransformerConfig(**{"vocab_size": 8, **options})


def test_sizes_have_the_parameters_they_say() -> None:
    def blocks(size: str) -> int:
        return 12 * SIZES[size].num_layers * SIZES[size].hidden_size ** 2

    for size in ("nano", "tiny", "mini"):
        count = sum(p.numel() for p in Transformer(transformer_config(size, 8)).parameters())
        assert count == pytest.approx(blocks(size), rel=0.05)
    assert blocks("tiny") == pytest.approx(1.0e5, rel=0.02)
    assert blocks("small") == pytest.approx(85e6, rel=0.01)
    assert blocks("medium") == pytest.approx(302e6, rel=0.01)
    assert blocks("1b") == pytest.approx(1.0e9, rel=0.01)
    assert all(transformer_config(size, 8).head_size % 2 == 0 for size in SIZES)
    with pytest.raises(ValueError, match="tiny"):
        transformer_config("huge", 8)
    assert transformer_config("tiny", 8, hidden_size=32).hidden_size == 32


@pytest.mark.gpu
@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"time_conditioned": True}, {"causal": True}], ids=str)
@pytest.mark.parametrize(("dtype", "apart"), [(torch.float64, 1e-5), (torch.float32, 1e-4), (torch.bfloat16, 0.2)])
def test_a_gpu_computes_the_same(options: dict, dtype: torch.dtype, apart: float, tokens: torch.Tensor) -> None:
    """Logits have a spread of about two. Rotation is in float32 whatever the precision, so float64 is not closer."""
    network = random_network(**options)
    time = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    at = torch.rand(3, 12, generator=torch.Generator().manual_seed(2)) < 0.5
    here = network(tokens, time), network(tokens, time, at)
    network.to("cuda", dtype)
    there = network(tokens.cuda(), time.cuda()), network(tokens.cuda(), time.cuda(), at.cuda())
    for one, other in zip(here, there, strict=True):
        assert other.dtype == dtype
        assert (other.float().cpu() - one).abs().max() < apart


@pytest.mark.gpu
@torch.no_grad()
def test_decoding_on_a_gpu_gives_the_logits_of_one_pass(tokens: torch.Tensor) -> None:
    network = random_network(causal=True).to("cuda", torch.float64)
    tokens = tokens.cuda()
    cache = KeyValueCache(network.config, 3, 12)
    parts = [network(tokens[:, a:b], cache=cache) for a, b in [(0, 3), (3, 4), (4, 9), (9, 12)]]
    torch.testing.assert_close(torch.cat(parts, 1), network(tokens), rtol=0, atol=1e-5)


@torch.no_grad()
def test_without_boundary_tokens_an_all_masked_row_looks_the_same_everywhere() -> None:
    hidden = torch.full((2, 12), 7)
    plain, bounded = random_network(vocab_size=7), random_network(vocab_size=7, boundary_tokens=True)
    torch.testing.assert_close(plain(hidden), plain(hidden)[:, :1].expand(-1, 12, -1), atol=1e-5, rtol=0)
    answers = bounded(hidden)
    assert answers.shape == (2, 12, 7)
    assert ((answers[0, :, None] - answers[0]).abs().amax(-1) + torch.eye(12)).min() > 1e-3  # no two positions alike


@pytest.mark.parametrize("time_conditioned", [False, True])
@torch.no_grad()
def test_between_boundary_tokens_only_the_positions_asked_for_are_answered(
    tokens: torch.Tensor, time_conditioned: bool
) -> None:
    network = random_network(vocab_size=8, boundary_tokens=True, time_conditioned=time_conditioned)
    time = torch.rand(3, generator=torch.Generator().manual_seed(2))
    everywhere = network(tokens, time)
    at = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(4)) < 0.3
    torch.testing.assert_close(network(tokens, time, at), everywhere[at], atol=1e-5, rtol=1e-5)
    assert network(tokens, time, torch.zeros_like(at)).shape == (0, 8)
    # It is the plain network on rows written between two further symbols.
    written = torch.cat([torch.full((3, 1), 9), tokens, torch.full((3, 1), 10)], dim=1)
    inner = random_network(vocab_size=8, boundary_tokens=True, time_conditioned=time_conditioned)
    object.__setattr__(inner.config, "boundary_tokens", False)
    torch.testing.assert_close(everywhere, inner(written, time)[:, 1:-1], atol=1e-6, rtol=1e-6)


def test_a_causal_network_has_no_boundary_tokens() -> None:
    with pytest.raises(ValueError, match="boundary_tokens must be False for a causal network"):
        TransformerConfig(vocab_size=7, causal=True, boundary_tokens=True)
