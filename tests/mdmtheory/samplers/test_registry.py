"""The registry: every family is in it, what it says holds where that can be computed, and the docs are current."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from reference.families import families

from languages import random_ngram
from mdmtheory.denoisers import Oracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.exact import enumeration
from mdmtheory.samplers import kernels, policies, schemes
from mdmtheory.samplers.registry import FAMILIES, families_table

PAGE = Path(__file__).parents[3] / "docs" / "samplers.md"
BASES = {kernels.Kernel, kernels.Remasking, policies.Policy, schemes.Scheme}
CHAIN = random_ngram(2, 3, seed=0)


def test_every_public_family_is_there():
    known = {family.maker for family in FAMILIES.values()}
    for module, base in ((kernels, kernels.Kernel), (policies, policies.Policy), (schemes, schemes.Scheme)):
        public = {
            item
            for name, item in inspect.getmembers(module, inspect.isclass)
            if issubclass(item, base) and not name.startswith("_")
        }
        assert public - BASES <= known, "a family is missing from the registry"


def test_the_docs_table_is_current():
    """On a change: put what `families_table()` says between the marks of docs/samplers.md."""
    inside = PAGE.read_text(encoding="utf-8").split("<!-- table: families -->")[1].split("<!-- end -->")[0]
    assert inside.strip() == families_table()


def test_the_table_is_a_table():
    rows = families_table().splitlines()
    assert len(rows) == len(FAMILIES) + 2
    assert {row.count("|") for row in rows} == {10}


@pytest.mark.parametrize("family", families("kernel"), ids=lambda f: f.name)
def test_noise_and_revision_are_as_said(family):
    """`noise` lists what a kernel runs on; `revises` whether a token may change under masks, by its step."""
    kernel = family.maker(Absorbing(3), 4)
    tokens = torch.tensor([[0, 1, 3]])
    changes = 0.0
    for time_from, time_to in zip(kernel.times[1:-1], kernel.times[2:], strict=True):
        confidence = torch.full((1, 3), 0.5, dtype=torch.float64)
        step = kernel.step(tokens, time_from[None], time_to[None], confidence)
        law = kernel.step_probs(step, Oracle(CHAIN)(tokens))
        changes += float(1 - law[0, 0, 0])
    if family.name != "remdm-loop":  # four steps jump over its loop
        assert (changes > 1e-9) is family.properties.revises
    if family.noise == "masks":
        with pytest.raises(ValueError, match="nothing to remask"):
            family.maker(Uniform(3), 4)
    else:
        law = enumeration.law(UniformOracle(CHAIN), 2, family.maker(Uniform(3), 4))
        assert float(law.probs.sum()) == pytest.approx(1)


@pytest.mark.parametrize("eta", [0.0, 0.05])
def test_a_loop_does_not_converge(eta):
    """As the table says: with eta = 0 the error goes to zero, else it does not."""
    law = [enumeration.law(Oracle(CHAIN), 2, kernels.ReMDMLoop(Absorbing(3), n, eta=eta)) for n in (40, 160)]
    before, after = (one.kl(CHAIN).value for one in law)
    assert (after < 0.2 * before) is (eta == 0)
