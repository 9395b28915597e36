"""The methods behind the front door: each answers a question exactly, or says why it cannot.

They are asked in the order of `METHODS`. A method refuses by `Unserved`, or by the ValueError of the calculator that it
calls; the reasons of all are in the error when none serves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from languages import Estimate, Language
from languages.closed_forms import ClosedForms
from languages.information import information_curve
from mdmtheory.denoisers import Denoiser, Oracle
from mdmtheory.exact import enumeration, markov, path
from mdmtheory.exact.enumeration.affordable import check_kernel_affordable
from mdmtheory.exact.markov.divergence import support_is_small
from mdmtheory.exact.markov.extrapolation import DEPTHS
from mdmtheory.exact.markov.gaps import check_chain
from mdmtheory.exact.optimal import fixed_size_path_kl
from mdmtheory.exact.sandwich import marginal_kl_bracket
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.schemes import Bernoulli, Blocks, FixedSizes, Scheme

MOST_WORK = 3e11
"""Multiply–adds of the gap recursion beyond which it is left to extrapolation: some twenty seconds of two cores."""
MOST_PRODUCTS = 2e8
"""Products of an enumeration, over all rounds, beyond which it is not asked: some ten seconds."""
SMALL = "enumeration serves small V^L"
ALTERNATIVES = {
    ("ser", "marginal"): "mdmtheory.estimates.estimate_sequence_error_rate, from samples",
    ("kl", "path"): "mdmtheory.estimates.estimate_path_kl (and estimate_learning_error for a learned denoiser)",
    ("kl", "marginal"): "mdmtheory.estimates.marginal_kl_bracket, from an estimated SER and path KL",
    ("ter", "generative"): "mdmtheory.estimates.estimate_generative_log_ter, from samples",
    ("total_variation", "marginal"): "a shorter length: no estimator of total variation is known to be any good",
}
"""What to use where no method serves."""


class Unserved(Exception):
    """Why a method cannot answer a question."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the methods.

    Attributes:
        language: The truth q.
        length: L.
        sampler: Who is revealed when.
        denoiser: What is asked for the tokens.
    """

    language: Language
    length: int
    sampler: Scheme | Policy | Kernel
    denoiser: Denoiser

    @property
    def is_oracle(self) -> bool:
        """Whether the denoiser is the exact one of this language."""
        return type(self.denoiser) is Oracle and self.denoiser.language is self.language  # not one made wrong by ε

    def reveal(self) -> tuple[float, ...]:
        """The reveal probabilities of a Bernoulli scheme with the exact denoiser."""
        self.require_oracle()
        if not isinstance(self.sampler, Bernoulli):
            raise Unserved("Bernoulli schemes only")
        return self.sampler.reveal

    def require_oracle(self) -> None:
        """Refuse a learned or perturbed denoiser."""
        if not self.is_oracle:
            raise Unserved("the exact denoiser only")

    def forms(self) -> ClosedForms:
        """The closed forms of the language."""
        self.require_oracle()
        if self.language.closed_forms is None:
            raise Unserved("the language has none")
        return self.language.closed_forms


Answer = Callable[[Question], Estimate]


def first_answer(question: Question, metric: str, law: str) -> Estimate:
    """The answer of the first method that has one.

    Raises:
        ValueError: None has.
    """
    reasons = []
    for name, answer in METHODS[metric, law].items():
        try:
            return dataclasses.replace(answer(question), by=name)
        except (Unserved, ValueError, NotImplementedError) as reason:
            reasons.append(f"{name}: {reason}")
    raise ValueError(
        f"no exact {metric} ({law} law) of {question.sampler!r} on {question.language.name} at length "
        f"{question.length}; use {ALTERNATIVES[metric, law]}. What was tried: " + "; ".join(reasons)
    )


def _nothing_lost(question: Question) -> Estimate:
    """Zero error, where tokens revealed together are independent given those before."""
    question.require_oracle()
    sampler = question.sampler
    if isinstance(sampler, Kernel) or not sampler.independent_rounds(question.language):
        raise Unserved("tokens revealed together need not be independent")
    return Estimate.exact(0.0, law="marginal", unit="nats")


def _no_error(question: Question) -> Estimate:
    return dataclasses.replace(_nothing_lost(question), unit="probability")


def _no_path_error(question: Question) -> Estimate:
    return dataclasses.replace(_nothing_lost(question), law="path")


def _truth_itself(question: Question) -> Estimate:
    """Generative TER of a sampler without error: that of the truth, where the truth is its own judge."""
    _nothing_lost(question)
    if question.language.parent is not None:
        raise Unserved("a pruned language is judged by its parent")
    log_ter = question.language.entropy(question.length) / question.length
    return Estimate.exact(math.exp(log_ter), law="generative", unit="perplexity")


def _closed_sequence_error(question: Question) -> Estimate:
    value = question.forms().sequence_error_rate(question.length, question.reveal())
    return Estimate.exact(value, law="marginal", unit="probability")


def _closed_marginal_kl(question: Question) -> Estimate:
    return Estimate.exact(question.forms().marginal_kl(question.length, question.reveal()), law="marginal", unit="nats")


def _closed_path_kl(question: Question) -> Estimate:
    forms = question.forms()
    if isinstance(question.sampler, FixedSizes):
        value = fixed_size_path_kl(forms.information_curve(question.length), question.sampler.sizes)
    else:
        value = forms.path_kl(question.length, question.reveal())
    return Estimate.exact(value, law="path", unit="nats")


def _recursion_sequence_error(question: Question) -> Estimate:
    reveal = question.reveal()
    affordable(question.language, question.length, len(reveal))
    value = markov.sequence_error_rate(question.language, question.length, reveal)
    return Estimate.exact(value, law="marginal", unit="probability")


def _recursion_generative_ter(question: Question) -> Estimate:
    reveal = question.reveal()
    affordable(question.language, question.length, len(reveal))
    log_ter = markov.generative_log_ter(question.language, question.length, reveal)
    return Estimate.exact(math.exp(log_ter), law="generative", unit="perplexity")


def _recursion_marginal_kl(question: Question) -> Estimate:
    reveal = question.reveal()
    chain = check_chain(question.language, SMALL)
    if not support_is_small(chain, question.length, len(reveal)):
        raise Unserved("too many sequences to sum over")
    return markov.marginal_kl(chain, question.length, reveal)


def _extrapolated_sequence_error(question: Question) -> Estimate:
    reveal = question.reveal()
    affordable(question.language, min(question.length, DEPTHS[0]), len(reveal))
    return markov.extrapolated_sequence_error_rate(question.language, question.length, reveal)


def affordable(language: Language, length: int, steps: int) -> None:
    """Refuse a gap recursion over so many lengths and steps that takes too long.

    Raises:
        Unserved: It does.
        ValueError: The language is no first-order chain.
    """
    vocab_size = check_chain(language, SMALL).vocab_size
    work = length**3 * vocab_size**2 * (vocab_size + 1) ** 2 / 6 * steps
    if work > MOST_WORK:
        raise Unserved(f"it takes {work:.1e} multiply–adds, more than {MOST_WORK:.0e}")


def _curve_path_kl(question: Question) -> Estimate:
    if isinstance(question.sampler, FixedSizes):
        question.require_oracle()
        z = information_curve(question.language, question.length).z.cpu()
        value = fixed_size_path_kl(z, question.sampler.sizes)
    else:
        value = path.path_kl(question.language, question.length, question.reveal())  # type: ignore[arg-type]
    return Estimate.exact(value, law="path", unit="nats")


def _block_size(question: Question) -> int:
    question.require_oracle()
    if not isinstance(question.sampler, Blocks):
        raise Unserved("left-to-right blocks only")
    return question.sampler.size


def _transfer_sequence_error(question: Question) -> Estimate:
    value = markov.left_to_right_blocks(question.language, question.length, _block_size(question))
    return Estimate.exact(value, law="marginal", unit="probability")


def _transfer_kl(question: Question) -> Estimate:
    value = markov.left_to_right_kl(question.language, question.length, _block_size(question))
    return Estimate.exact(value, law="marginal", unit="nats")


def _transfer_path_kl(question: Question) -> Estimate:
    return dataclasses.replace(_transfer_kl(question), law="path")


def _enumerated(question: Question) -> enumeration.EnumeratedLaw:
    _enumerable(question)
    return enumeration.law(question.denoiser, question.length, question.sampler)


def _enumerated_path_kl(question: Question) -> Estimate:
    if isinstance(question.sampler, Kernel):
        raise Unserved("a kernel has no reveal order")
    _enumerable(question)
    return enumeration.path_kl(question.denoiser, question.language, question.length, question.sampler)


def _enumerable(question: Question) -> None:
    """Refuse an enumeration that takes too long."""
    vocab_size, length, sampler = question.language.vocab_size, question.length, question.sampler
    if isinstance(sampler, Kernel):
        check_kernel_affordable(sampler.process.num_states, length)
        products = float(sampler.process.num_states) ** (2 * length) * (len(sampler.times) - 1)
    else:
        enumeration.check_affordable(vocab_size, length)
        rounds = sampler.num_rounds(length) if isinstance(sampler, Scheme) else length
        products = float(2 * vocab_size + 1) ** length * rounds
    if products > MOST_PRODUCTS:
        raise Unserved(f"it takes {products:.1e} products, more than {MOST_PRODUCTS:.0e}")


def _sandwich(question: Question) -> Estimate:
    return marginal_kl_bracket(first_answer(question, "ser", "marginal"), first_answer(question, "kl", "path"))


METHODS: dict[tuple[str, str], dict[str, Answer]] = {
    ("ser", "marginal"): {
        "independent rounds": _no_error,
        "closed form": _closed_sequence_error,
        "gap recursion": _recursion_sequence_error,
        "block transfer": _transfer_sequence_error,
        "enumeration": lambda question: _enumerated(question).sequence_error_rate(question.language),
        "extrapolation": _extrapolated_sequence_error,
    },
    ("kl", "path"): {
        "independent rounds": _no_path_error,
        "closed form": _closed_path_kl,
        "information curve": _curve_path_kl,
        "block transfer": _transfer_path_kl,
        "enumeration": _enumerated_path_kl,
    },
    ("kl", "marginal"): {
        "independent rounds": _nothing_lost,
        "closed form": _closed_marginal_kl,
        "block transfer": _transfer_kl,
        "gap recursion": _recursion_marginal_kl,
        "enumeration": lambda question: _enumerated(question).kl(question.language),
        "sandwich": _sandwich,
    },
    ("total_variation", "marginal"): {
        "independent rounds": _no_error,
        "enumeration": lambda question: _enumerated(question).total_variation(question.language),
    },
    ("ter", "generative"): {
        "independent rounds": _truth_itself,
        "gap recursion": _recursion_generative_ter,
        "enumeration": lambda question: _enumerated(question).generative_ter(question.language),
    },
}
"""The methods for each base metric and law, in the order in which they are asked."""
