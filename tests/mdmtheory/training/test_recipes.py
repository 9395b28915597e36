"""Recipes: every one is a run, and its time is a sane number."""

from __future__ import annotations

import pytest

from mdmtheory.training import Corpus
from mdmtheory.training.objectives import Diffusion
from mdmtheory.training.recipes import RECIPES, VARIANTS, estimated_seconds, recipe


@pytest.mark.parametrize(("name", "kind"), list(RECIPES))
def test_every_recipe_is_a_run(name: str, kind: str) -> None:
    config = recipe(name, kind)  # type: ignore[arg-type]
    assert config.objective.name == kind
    assert config.transformer(8).causal == (kind == "ar")
    assert estimated_seconds(name, kind, 64, on_cpu=True) > 5  # type: ignore[arg-type]


def test_the_paper_recipe_is_the_papers() -> None:
    config = recipe("paper", "mdm")
    assert (config.corpus, config.held_out) == (Corpus(1_000_000, epochs=20), 10_000)


def test_times_grow_with_the_length_and_stop_at_the_limit() -> None:
    assert estimated_seconds("smoke", "mdm", 16, on_cpu=True) < estimated_seconds("demo", "mdm", 64, on_cpu=True) < 110
    assert estimated_seconds("demo", "mdm", 10_000, on_cpu=True) < 130
    short, long = (estimated_seconds("paper", "mdm", length, on_cpu=False) for length in (256, 1024))
    assert 600 < short < long < 48 * 3600


@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("name", ["smoke", "demo", "window", "paper"])
def test_every_variant_is_a_run(name: str, variant: str) -> None:
    config = recipe(name, "mdm", variant=variant)
    assert isinstance(config.objective, Diffusion)
    assert (config.objective.noise == "uniform") == variant.endswith("uniform")
    assert config.steps == recipe(name, "mdm").steps
    assert config.transformer(8).time_conditioned == (config.objective.noise == "uniform")


def test_unknown_names_are_named() -> None:
    with pytest.raises(ValueError, match="variant must be one of sedd-absorb, sedd-uniform, uniform, d3pm-uniform"):
        recipe("demo", "mdm", variant="ddpm")
    with pytest.raises(ValueError, match="got 'sedd-absorb' for 'ar'"):
        recipe("demo", "ar", variant="sedd-absorb")
    with pytest.raises(ValueError, match="recipe must be one of smoke, demo, window, paper; got 'huge'"):
        recipe("huge", "mdm")
    with pytest.raises(ValueError, match="kind must be one of mdm, ar; got 'gan'"):
        recipe("demo", "gan")  # type: ignore[arg-type]
