"""One sampler on one language: its errors and its network calls at every budget."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from experiments.harness import Row
from experiments.samplers.settings import OFF_BUDGET, Setting
from experiments.shared.language_cell import LanguageCell

if TYPE_CHECKING:
    from experiments.samplers.settings import Sampler
    from languages import Estimate, Language
    from mdmtheory.denoisers import Denoiser
    from mdmtheory.samplers.policies import Policy
    from mdmtheory.samplers.schemes import Scheme

MOST_STATES = 5000
"""States of a chain (V + 1)^L beyond which its law is not enumerated here: some seconds."""
SHORT = 8
"""Sequences up to this length are cheap: four times as many are sampled, and eight times as many in trial runs."""
ROUNDING = 1e-12
"""Enumerated errors below this are zero."""
TRIAL = 64
"""Sequences of the trial runs that set a dial."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplerRow(Row):
    """A row about a sampler set to a budget.

    Attributes:
        budget: Network calls that it was set to.
        calls: Mean network calls that it made.
        group: What kind of sampler it is; "reference" for the curves that the others are held against.
        setting: The sampler itself.
    """

    budget: int
    calls: float
    group: str
    setting: str


@dataclasses.dataclass(frozen=True)
class SamplerCell(LanguageCell):
    """SER, KL, total correlation paid, generative TER and network calls at every budget.

    Attributes:
        setting: The sampler, but for its dial.
        budgets: Network calls.
        sequences: Sequences for what is estimated.
    """

    setting: Setting
    budgets: tuple[int, ...]
    sequences: int

    @property
    def label(self) -> str:
        """Language, length and the sampler's name."""
        return f"{self.language} L={self.length} {self.setting.name}"

    def run(self, workdir: Path) -> Sequence[Row]:
        """Set the dial, then measure; `workdir` is not needed."""
        language = self.build()
        denoiser = self.setting.denoiser(language)
        trial = min(TRIAL, self.sequences) * (8 if self.length <= SHORT else 1)
        rows: list[Row] = []
        for budget, sampler in self.setting.near(self.budgets, language, self.length, trial).items():
            places = {"budget": budget, "sampler": self.setting.name, "group": self.setting.group}
            rows += measured(self, language, denoiser, sampler, places)
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        token = 1.6e-6 if self.setting.noise == "uniform" else 0.4e-6
        return 0.5 + token * sum(self.budgets) * (self.sequences + 6 * TRIAL) * self.length

    def estimated_bytes(self) -> float:
        """Memory of torch, one chunk of forward–backward, the states of an enumeration, and samples."""
        return 0.6e9 + 400.0 * self.sequences * self.length


@dataclasses.dataclass(frozen=True)
class ReferenceCell(LanguageCell):
    """The curve of ancestral sampling, or of equal sizes in random order, at every number of steps that matters.

    Attributes:
        family: "bernoulli" or "fixed-sizes".
        budgets: Network calls that the curve must reach, where it can.
        sequences: Sequences for what is estimated.
    """

    family: str
    budgets: tuple[int, ...]
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Measure at a grid of N; `workdir` is not needed."""
        language, setting = self.build(), Setting(self.family)
        denoiser = setting.denoiser(language)
        rows: list[Row] = []
        for steps in self.steps():
            sampler = setting.at(steps, language.vocab_size, self.length)
            places = {"budget": steps, "sampler": self.family, "group": "reference"}
            rows += measured(self, language, denoiser, sampler, places, mean_calls(self.family, steps, self.length))
        return rows

    def steps(self) -> list[int]:
        """Numbers of steps, each at most a quarter beyond the one before it."""
        wanted = (1 + OFF_BUDGET) * max(self.budgets)
        grid = [1]
        while len(grid) < 64 and mean_calls(self.family, grid[-1], self.length) < min(wanted, 0.97 * self.length):
            grid.append(max(grid[-1] + 1, grid[-1] * 5 // 4))
        return grid if self.family == "bernoulli" else sorted({min(steps, self.length) for steps in grid})

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        return 1.0 + 0.4e-6 * 1.5 * len(self.steps()) * self.sequences * self.length

    def estimated_bytes(self) -> float:
        """Memory of torch, of one chunk of forward–backward, and of samples."""
        return 0.6e9 + 400.0 * self.sequences * self.length


def mean_calls(family: str, steps: int, length: int) -> float:
    """Expected network calls of N uniform ancestral steps, Σ_k (1 − (1 − w_k)^L), or of N equal sizes."""
    if family == "bernoulli":
        return float(steps) if steps == 1 else -steps * math.expm1(length * math.log1p(-1 / steps))
    return float(min(steps, length))


def measured(
    cell: SamplerCell | ReferenceCell,
    language: Language,
    denoiser: Denoiser,
    sampler: Sampler,
    places: dict[str, Any],
    known_calls: float | None = None,
) -> list[Row]:
    """Everything that is known of a sampler: exact where the states can be enumerated or a calculator serves."""
    import torch

    from languages import Estimate
    from mdmtheory.samplers import sample

    exact = _enumerated(language, denoiser, cell.length, sampler)
    # The same keys for every sampler: those with the same law write the same sequences.
    count = cell.sequences * (4 if cell.length <= SHORT else 1)
    keys = torch.arange(count, device=language.device) + (cell.seed << 32)
    samples = sample(denoiser, sampler, batch=count, length=cell.length, row_keys=keys)
    calls = Estimate.from_samples(samples.network_calls.double().cpu().numpy(), unit="calls")
    if known_calls is not None:
        calls = Estimate.exact(known_calls, unit="calls")
    found = exact or _estimated(language, denoiser, sampler, samples.tokens, cell.seed)
    places |= {"denoiser": "oracle", "calls": calls.value, "setting": repr(sampler), "steps": _steps(sampler)}
    return [
        SamplerRow.of(estimate, language=cell.language, length=cell.length, metric=metric, **places)
        for estimate, metric in [(calls, "network_calls"), *found]
    ]


def _enumerated(
    language: Language, denoiser: Denoiser, length: int, sampler: Sampler
) -> list[tuple[Estimate, str]] | None:
    """By enumeration; None where there are too many states."""
    from mdmtheory.exact import enumeration

    # A kernel that remembers how probable its tokens were has a state of real numbers.
    if (language.vocab_size + 1) ** length > MOST_STATES or getattr(sampler, "remembers", False):
        return None
    law = enumeration.law(denoiser, length, sampler)
    found = [
        (law.sequence_error_rate(language), "ser"),
        (law.kl(language), "kl"),
        (law.ter_increase(language), "ter_increase"),
        (law.generative_ter(language), "ter"),
    ]
    if _has_path_law(sampler):
        found.append((enumeration.path_kl(denoiser, language, length, sampler), "kl"))
    # A difference of entropies of size one: what is left of zero is rounding.
    return [(one.scaled(0.0) if one.value < ROUNDING else one, metric) for one, metric in found]


def _estimated(
    language: Language, denoiser: Denoiser, sampler: Sampler, tokens: Any, seed: int
) -> list[tuple[Estimate, str]]:
    """SER and generative TER from samples, or exact where a calculator serves; what is certain of the KL."""
    from languages import Estimate
    from mdmtheory.estimates import estimate_generative_log_ter, estimate_sequence_error_rate, marginal_kl_bracket

    length = tokens.shape[1]
    ser = _calculated(language, length, sampler, "ser") or estimate_sequence_error_rate(language, tokens)
    generative = estimate_generative_log_ter(language, tokens).mapped(math.exp, unit="perplexity")
    generative = _calculated(language, length, sampler, "ter") or generative
    found = [(ser, "ser"), (generative, "ter")]
    paid = Estimate.bracket(0.0, math.inf, law="path", unit="nats")  # without a path law, nothing is known from above
    if _has_path_law(sampler):
        paid = _calculated(language, length, sampler, "kl") or _paid(
            language, denoiser, sampler, length, len(tokens), seed
        )
        found.append((paid, "kl"))
    bracket = marginal_kl_bracket(ser, paid)
    per_token = bracket.scaled(1 / length).mapped(lambda nats: math.expm1(min(nats, 700.0)), unit="ratio")
    if math.isinf(bracket.high):
        per_token = dataclasses.replace(per_token, value=math.inf, high=math.inf)
    return [*found, (bracket, "kl"), (per_token, "ter_increase")]


def _has_path_law(sampler: Sampler) -> TypeGuard[Scheme | Policy]:
    """Whether reveals and tokens have a law together: not of kernels, nor where thrown-away draws decide."""
    from mdmtheory.samplers.kernels import Kernel

    return not isinstance(sampler, Kernel) and not getattr(sampler, "ranks_drawn", False)


def _calculated(language: Language, length: int, sampler: Sampler, metric: str) -> Estimate | None:
    """What an exact method says of a plan or policy; None where none serves."""
    from mdmtheory import exact
    from mdmtheory.samplers.kernels import Kernel

    if isinstance(sampler, Kernel):
        return None
    law: Any = {"ser": "marginal", "kl": "path", "ter": "generative"}[metric]
    try:
        found = exact.error(language, length, sampler, metric, law=law)  # type: ignore[arg-type]
    except ValueError:
        return None
    return dataclasses.replace(found, law=law) if found.method == "exact" else None


def _paid(language: Language, denoiser: Denoiser, sampler: Any, length: int, sequences: int, seed: int) -> Estimate:
    """Expected total correlation of what is revealed together, from sequences of the language: the path KL."""
    import torch

    from languages import Estimate
    from mdmtheory.estimates import path_log_prob
    from mdmtheory.samplers.policies import Policy, policy_log_prob

    generator = torch.Generator(device=language.device).manual_seed(seed)
    tokens = language.sample(sequences, length, generator=generator)
    if isinstance(sampler, Policy):
        said = policy_log_prob(denoiser, sampler, tokens)
    else:
        said = path_log_prob(denoiser, tokens, sampler.plan(sequences, length, generator=generator))
    return Estimate.from_samples((language.log_prob(tokens) - said).cpu().numpy(), law="path", unit="nats")


def _steps(sampler: Sampler) -> int | None:
    """Steps of a kernel or rounds of a plan; a policy decides as it goes."""
    from mdmtheory.samplers.kernels import Kernel
    from mdmtheory.samplers.schemes import Bernoulli, FixedSizes

    match sampler:
        case Kernel():
            return len(sampler.times) - 1
        case Bernoulli(reveal=rounds) | FixedSizes(sizes=rounds):
            return len(rounds)
    return None
