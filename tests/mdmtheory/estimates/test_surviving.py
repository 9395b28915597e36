"""SER from runs that are never let to fail: masses and draws by brute force, and no bias."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch

from languages import language_from
from mdmtheory.denoisers import Oracle
from mdmtheory.estimates import estimate_sequence_error_rate, estimate_surviving_sequence_error_rate
from mdmtheory.estimates.surviving import _Alive
from mdmtheory.exact import enumeration
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes

LANGUAGES = (
    "2-gram:vocab=3,prune=0.2",
    "3-gram:vocab=2,prune=0.2",
    "hmm:states=3,vocab=3,seed=5,prune=0.3,concentration=1",
    "copy-pairs:symbols=3",
)


@pytest.mark.parametrize("specification", LANGUAGES)
def test_masses_and_draws_are_those_of_the_conditioned_product(specification):
    """Every pair, triple … of open positions, from every sequence with holes of one word of the language."""
    language = language_from(specification)
    length, size = 4, language.vocab_size
    alive = _Alive(language, length)
    words = enumeration.sequences(size, length)
    words = words[language.contains(words)]
    word = words[len(words) // 2]
    for shown in itertools.product([False, True], repeat=length):
        hidden = [i for i in range(length) if not shown[i]]
        for many in range(1, len(hidden) + 1):
            for chosen in itertools.combinations(hidden, many):
                tokens = torch.where(torch.tensor(shown), word, size)[None]
                at = torch.zeros(1, length, dtype=torch.bool)
                at[0, list(chosen)] = True
                law = language.conditionals(tokens).log_probs.exp()
                product = {}
                agree = words[((words == tokens) | ~torch.tensor(shown)).all(1)]
                for ends in {tuple(row) for row in agree[:, list(chosen)].tolist()}:
                    product[ends] = math.prod(float(law[0, i, v]) for i, v in zip(chosen, ends, strict=True))
                mass = sum(product.values())
                draws = torch.rand(1, length, generator=torch.Generator().manual_seed(many)).double()
                drawn, log_mass = alive.draw(tokens, at, law, draws)
                assert float(log_mass) == pytest.approx(math.log(mass), abs=1e-12)
                # The first open token falls where its uniform does in the conditioned law.
                first = [sum(p for ends, p in product.items() if ends[0] == v) / mass for v in range(size)]
                below = sum(first[: int(drawn[0, chosen[0]])])
                assert below - 1e-12 <= float(draws[0, chosen[0]]) < below + first[int(drawn[0, chosen[0]])] + 1e-12
                assert tuple(drawn[0, list(chosen)].tolist()) in product


@pytest.mark.parametrize("specification", LANGUAGES)
@pytest.mark.parametrize("scheme", [Bernoulli([0.2, 0.5, 0.3]), FixedSizes([3, 1, 1])])
def test_the_mean_is_the_sequence_error_rate(specification, scheme):
    """Within five standard errors (false alarm 6e-7 each), and never more spread than counting."""
    language, length = language_from(specification), 6 if specification.startswith("copy") else 5
    if length == 6 and isinstance(scheme, FixedSizes):
        scheme = FixedSizes([3, 1, 2])
    exact = enumeration.law(Oracle(language), length, scheme).sequence_error_rate(language).value
    plan = scheme.plan(3000, length, generator=torch.Generator().manual_seed(7))
    found = estimate_surviving_sequence_error_rate(language, plan)
    counted = math.sqrt(exact * (1 - exact) / 3000)
    assert abs(found.value - exact) <= 5 / 1.96 * (found.high - found.low) / 2 + 1e-12
    assert found.high - found.low < 4 * 1.1 * counted
    assert (found.method, found.law, found.by) == ("monte-carlo", "marginal", "surviving runs")


def test_long_sequences_and_certain_ones():
    """At L = 64 it agrees with counting (five standard errors of the two), at a tenth of the variance."""
    language = language_from("hmm")
    plan = plans.bernoulli([1 / 16] * 16, 200, 64, generator=torch.Generator().manual_seed(0))
    found = estimate_surviving_sequence_error_rate(language, plan)
    counted = estimate_sequence_error_rate(language, sample(Oracle(language), plan).tokens)
    spread = math.sqrt(counted.value * (1 - counted.value) / 200)
    assert abs(found.value - counted.value) <= 5 * 1.2 * spread
    assert found.high - found.low < 0.6 * (counted.high - counted.low)
    sure = estimate_surviving_sequence_error_rate(language, plans.left_to_right(3, 12))
    assert sure.value == sure.low == sure.high == 0


def test_what_cannot_be_estimated_so():
    language = language_from("2-gram:vocab=3,prune=0.2")
    with pytest.raises(ValueError, match="at least two rows"):
        estimate_surviving_sequence_error_rate(language, plans.bernoulli([1.0], 1, 4))
    hidden = torch.ones(3, 4, dtype=torch.bool)
    hidden[0, 0] = False
    with pytest.raises(ValueError, match="every position"):
        estimate_surviving_sequence_error_rate(language, plans.bernoulli([1.0], 3, 4, hidden=hidden))
    with pytest.raises(ValueError, match="n-gram or a hidden Markov model"):
        estimate_surviving_sequence_error_rate(SimpleNamespace(), plans.bernoulli([1.0], 3, 4))
