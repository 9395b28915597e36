"""How many steps reach a target: the question that users of a parallel sampler really have."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import torch

from languages import Estimate, Language
from languages.checks import check_count
from languages.information import SampledInformationCurve, estimate_information_curve
from languages.specification import as_language
from mdmtheory.answers.step_search import fewest_steps, forecast
from mdmtheory.denoisers import Oracle
from mdmtheory.diffusion.schedules import Schedule, schedule_from, uniform_reveal
from mdmtheory.estimates import estimate_sequence_error_rate, marginal_kl_bracket
from mdmtheory.exact import markov
from mdmtheory.exact.errors import error
from mdmtheory.exact.methods import Unserved, affordable
from mdmtheory.samplers import sample
from mdmtheory.samplers.schemes import Bernoulli

RevealRule = Callable[[int], object]
"""From a number of steps N to reveal probabilities (N,)."""

ROUNDING = 1e-12
"""How far above its target an error may be, relative to it, and still meet it."""


@dataclasses.dataclass(frozen=True)
class StepsNeeded:
    """The answer of `steps_needed`.

    Attributes:
        steps: The number of steps N: the target is met at N and missed at N − 1.
        low: Fewest steps that the interval of the error leaves open; equal to `steps` where the error is exact.
        high: Steps that suffice for certain, or with the confidence of the interval; None if so many sequences cannot
            tell (a few times more steps were tried).
        error: The error at `steps`, with its law and its method.
        before: The error at `steps` − 1; None if one step is enough.
        target: The largest error allowed.
        metric: "ser" or "ter_increase".
        schedule: What the schedule is called.
    """

    steps: int
    low: int
    high: int | None
    error: Estimate
    before: Estimate | None
    target: float
    metric: str
    schedule: str

    @property
    def method(self) -> str:
        """How the error was found: "exact", "bound", "extrapolated" or "monte-carlo"."""
        return self.error.method

    def __str__(self) -> str:
        between = "" if self.low == self.high else f", between {self.low} and {self.high or 'more'}"
        return f"{self.steps} {self.schedule} steps{between}: {self.metric} <= {self.target:g}, there {self.error}"


def steps_needed(
    language: Language | str,
    length: int,
    *,
    ter_increase: float | None = None,
    ser: float | None = None,
    law: Literal["path", "marginal"] | None = None,
    schedule: str | Schedule | RevealRule = "uniform",
    most_steps: int = 1 << 16,
    num_sequences: int = 4096,
    generator: torch.Generator | None = None,
) -> StepsNeeded:
    """How many parallel steps the exact denoiser needs to reach a target, exact where possible, the method named.

    The error falls under refinement (N → 2N); between neighbouring N that is no theorem for every language, so what is
    promised is what is checked: met at `steps`, missed at `steps` − 1. It falls about as 1/N, which the search follows.

    Args:
        language: Any language, or its specification, such as "2-gram".
        length: L ≥ 1.
        ter_increase: Target for TER(p)/TER(q) − 1, such as 0.01. Give this or `ser`.
        ser: Target for the sequence error rate.
        law: Of the TER: "path" (default), what an N-step NELBO measures, or "marginal", the sequences that come out,
            whose KL is smaller; where that has no exact value its certain bracket leaves `low` to `high` open. SER is
            always marginal.
        schedule: "uniform" (also called log-linear), "cosine" or another name known to
            `mdmtheory.diffusion.schedule_from`, a `Schedule`, or a function from N to reveal probabilities, such as
            `lambda n: optimal.best_reveal(curve.h, n)`.
        most_steps: The search ends there.
        num_sequences: Sequences, where the error has to be estimated.
        generator: Source of randomness on the language's device, for the same case; every N sees the same numbers.

    Raises:
        ValueError: Two targets or none, a target out of range; or one that is unreachable: by any finite number of
            steps (zero error on a language whose tokens depend on each other), or by `most_steps`.
    """
    language = as_language(language)
    length, most_steps = check_count("length", length), check_count("most_steps", most_steps)
    metric, target = _target(ter_increase, ser)
    if metric == "ser" and law not in (None, "marginal"):
        raise ValueError(f"law of a SER target must be 'marginal', got {law!r}")
    if law not in (None, "path", "marginal"):
        raise ValueError(f"law must be 'path' or 'marginal', got {law!r}")
    name, reveal = _rule(schedule)
    law = law or ("marginal" if metric == "ser" else "path")
    num_sequences = check_count("num_sequences", num_sequences, least=2)
    errors = _Errors(language, length, metric, law, reveal, num_sequences, _seed(generator))
    if target == 0 and errors(1).value > 0:
        raise ValueError(
            f"{metric}=0 is out of reach of any number of Bernoulli steps: tokens of {language.name} depend on each "
            "other, and every schedule may reveal all of them at once; one token a step has none (RandomOrder, Blocks)"
        )
    steps = errors.fewest("value", target, most_steps)
    if steps is None:
        tried = max(errors.known)
        raise ValueError(
            f"{metric}={target:g} is not reached within most_steps={most_steps} {name} steps on {language.name} at "
            f"length {length}: at N={tried} it is {errors(tried)}, and by its 1/N trend N would have to be about "
            f"{errors.forecast(tried, target):.3g}; raise most_steps or the target, or take a better schedule"
        )
    low = errors.fewest("low", target, steps) or steps
    high = errors.fewest("high", target, min(most_steps, 8 * steps))
    before = errors(steps - 1) if steps > 1 else None
    return StepsNeeded(steps, low, high, errors(steps), before, target, metric, name)


def _target(ter_increase: float | None, ser: float | None) -> tuple[str, float]:
    if (ter_increase is None) == (ser is None):
        raise ValueError(f"give one target, ter_increase or ser; got ter_increase={ter_increase!r}, ser={ser!r}")
    metric, target = ("ser", ser) if ter_increase is None else ("ter_increase", ter_increase)
    assert target is not None
    if not 0 <= target < (1 if metric == "ser" else math.inf):
        raise ValueError(f"{metric} must be in [0, {'1' if metric == 'ser' else 'inf'}), got {target!r}")
    return metric, float(target)


def _rule(schedule: str | Schedule | RevealRule) -> tuple[str, RevealRule]:
    """What a schedule is called, and its reveal probabilities at N steps."""
    if schedule == "uniform":
        return "uniform", uniform_reveal
    if isinstance(schedule, str):
        return schedule, schedule_from(schedule).reveal_probabilities
    if isinstance(schedule, Schedule):
        return repr(schedule), schedule.reveal_probabilities
    if callable(schedule):
        return getattr(schedule, "__name__", repr(schedule)), schedule
    raise ValueError(f"schedule must be a name, a Schedule or a function from N to probabilities, got {schedule!r}")


def _seed(generator: torch.Generator | None) -> int:
    """One seed for all numbers of steps: their estimates go up and down together."""
    device = "cpu" if generator is None else generator.device
    return int(torch.randint(1 << 62, (), device=device, generator=generator))


@dataclasses.dataclass
class _Errors:
    """The error at each number of steps, computed once: exact where the front door has it, else estimated."""

    language: Language
    length: int
    metric: str
    law: str
    reveal: RevealRule
    num_sequences: int
    seed: int
    known: dict[int, Estimate] = dataclasses.field(default_factory=dict)
    estimated: bool = False
    curve: SampledInformationCurve | None = None

    def __call__(self, steps: int) -> Estimate:
        if steps not in self.known and not self._tabulate(steps):
            self.known[steps] = self._error(Bernoulli(self.reveal(steps)))  # type: ignore[arg-type]
        return self.known[steps]

    def _tabulate(self, steps: int) -> bool:
        """SER at every N up to `steps` from one pass, where the grid is uniform and the gap recursion serves."""
        if self.metric != "ser" or self.reveal is not uniform_reveal or self.language.closed_forms is not None:
            return False
        try:
            affordable(self.language, self.length, steps)
        except (Unserved, ValueError):
            return False
        table = markov.sequence_error_table(self.language, self.length, steps)[-1].tolist()
        for number, value in enumerate(table, 1):
            self.known[number] = Estimate(value, value, value, "exact", "marginal", "probability", "gap recursion")
        return True

    def fewest(self, end: str, target: float, most: int) -> int | None:
        """The steps from which on the value, or an end of its interval, meets the target."""
        allowed = self._cost(target) * (1 + ROUNDING)
        return fewest_steps(lambda steps: self._cost(getattr(self(steps), end)), allowed, most)

    def forecast(self, steps: int, target: float) -> float:
        """Steps at which the target is met by the 1/N trend."""
        return forecast(steps, self._cost(self(steps).value), self._cost(target))

    def _cost(self, value: float) -> float:
        """A SER or a TER increase in nats: that falls as 1/N from fewer steps on."""
        if self.metric == "ser":
            return -math.log1p(-value) if value < 1 else math.inf
        return math.log1p(value)

    def _error(self, sampler: Bernoulli) -> Estimate:
        if not self.estimated:
            try:
                return error(self.language, self.length, sampler, self.metric, law=self.law)  # type: ignore[arg-type]
            except ValueError:
                self.estimated = True  # what cannot be had exactly at one N cannot at another
        return self._estimate(sampler)

    def _estimate(self, sampler: Bernoulli) -> Estimate:
        if self.metric == "ser":
            return self._sampled(sampler)
        kl = self._path_kl(sampler)
        if self.law == "marginal":
            kl = dataclasses.replace(marginal_kl_bracket(self._sampled(sampler), kl), method="monte-carlo")
        return kl.mapped(lambda nats: math.expm1(nats / self.length), unit="ratio")

    def _sampled(self, sampler: Bernoulli) -> Estimate:
        plan = sampler.plan(self.num_sequences, self.length, generator=self._generator())
        tokens = sample(Oracle(self.language), plan, max_batch=256).tokens
        return dataclasses.replace(estimate_sequence_error_rate(self.language, tokens), by="samples")

    def _path_kl(self, sampler: Bernoulli) -> Estimate:
        if self.curve is None:
            self.curve = estimate_information_curve(
                self.language, self.length, num_sequences=min(self.num_sequences, 512), generator=self._generator()
            )
        return dataclasses.replace(self.curve.path_kl(sampler.reveal), by="sampled information curve")

    def _generator(self) -> torch.Generator:
        return torch.Generator(device=self.language.device).manual_seed(self.seed)
