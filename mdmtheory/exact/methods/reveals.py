"""Bernoulli reveals and fixed sizes: closed forms, one round, the gap recursion and the information curve."""

from __future__ import annotations

import dataclasses
import math

from languages import Estimate, Language
from languages.information import information_curve
from mdmtheory.exact import markov, one_round, path
from mdmtheory.exact.markov.cost import recursion_work
from mdmtheory.exact.markov.divergence import support_is_small
from mdmtheory.exact.markov.extrapolation import DEPTHS
from mdmtheory.exact.markov.fixed_sizes import fixed_size_sequence_error_rate, fixed_size_work
from mdmtheory.exact.markov.gaps import check_chain
from mdmtheory.exact.methods.question import Question, Unserved
from mdmtheory.exact.optimal import fixed_size_path_kl
from mdmtheory.samplers.schemes import FixedSizes

MOST_WORK = 3e11
"""Multiply–adds of the gap recursion beyond which it is left to extrapolation: some twenty seconds of two cores."""
SMALL = "enumeration serves small V^L"


def closed_sequence_error(question: Question) -> Estimate:
    """SER by closed form."""
    value = question.forms().sequence_error_rate(question.length, question.reveal())
    return Estimate.exact(value, law="marginal", unit="probability")


def closed_marginal_kl(question: Question) -> Estimate:
    """KL of the marginal law by closed form."""
    return Estimate.exact(question.forms().marginal_kl(question.length, question.reveal()), law="marginal", unit="nats")


def closed_path_kl(question: Question) -> Estimate:
    """KL of the path law by closed form."""
    forms = question.as_path().forms()
    if isinstance(question.sampler, FixedSizes):
        value = fixed_size_path_kl(forms.information_curve(question.length), question.sampler.sizes)
    else:
        value = forms.path_kl(question.length, question.reveal())
    return Estimate.exact(value, law="path", unit="nats")


def one_round_sequence_error(question: Question) -> Estimate:
    """SER of one round."""
    _require_one_round(question)
    value = one_round.sequence_error_rate(question.language, question.length)
    return Estimate.exact(value, law="marginal", unit="probability")


def one_round_kl(question: Question) -> Estimate:
    """KL of one round, of both laws."""
    _require_one_round(question)
    return Estimate.exact(one_round.kl(question.language, question.length), law="marginal", unit="nats")


def one_round_path_kl(question: Question) -> Estimate:
    """KL of one round, of the path law."""
    return dataclasses.replace(one_round_kl(question.as_path()), law="path")


def one_round_generative_ter(question: Question) -> Estimate:
    """Generative TER of one round."""
    _require_one_round(question)
    value = math.exp(one_round.generative_log_ter(question.language, question.length))
    return Estimate.exact(value, law="generative", unit="perplexity")


def recursion_sequence_error(question: Question) -> Estimate:
    """SER by the gap recursion."""
    reveal = question.reveal()
    affordable(question.language, question.length, len(reveal))
    value = markov.sequence_error_rate(question.language, question.length, reveal)
    return Estimate.exact(value, law="marginal", unit="probability")


def recursion_generative_ter(question: Question) -> Estimate:
    """Generative TER by the gap recursion."""
    reveal = question.reveal()
    affordable(question.language, question.length, len(reveal))
    log_ter = markov.generative_log_ter(question.language, question.length, reveal)
    return Estimate.exact(math.exp(log_ter), law="generative", unit="perplexity")


def recursion_marginal_kl(question: Question) -> Estimate:
    """KL of the marginal law by a sum over the support."""
    reveal = question.reveal()
    chain = check_chain(question.language, SMALL)
    if not support_is_small(chain, question.length, len(reveal)):
        raise Unserved("too many sequences to sum over")
    return markov.marginal_kl(chain, question.length, reveal)


def fixed_sizes_sequence_error(question: Question) -> Estimate:
    """SER of fixed sizes by the gap recursion at roots of unity."""
    question.require_oracle()
    if not isinstance(question.sampler, FixedSizes):
        raise Unserved("fixed sizes only")
    chain = check_chain(question.language, SMALL)
    _refuse_work(fixed_size_work(chain.vocab_size, question.sampler.sizes))
    value = fixed_size_sequence_error_rate(chain, question.length, question.sampler.sizes)
    return Estimate.exact(value, law="marginal", unit="probability")


def extrapolated_sequence_error(question: Question) -> Estimate:
    """SER from shorter sequences."""
    reveal = question.reveal()
    affordable(question.language, min(question.length, DEPTHS[0]), len(reveal))
    return markov.extrapolated_sequence_error_rate(question.language, question.length, reveal)


def curve_path_kl(question: Question) -> Estimate:
    """KL of the path law by the information curve."""
    question.as_path().require_oracle()
    if isinstance(question.sampler, FixedSizes):
        z = information_curve(question.language, question.length).z.cpu()
        value = fixed_size_path_kl(z, question.sampler.sizes)
    else:
        value = path.path_kl(question.language, question.length, question.reveal())  # type: ignore[arg-type]
    return Estimate.exact(value, law="path", unit="nats")


def affordable(language: Language, length: int, steps: int) -> None:
    """Refuse a gap recursion over so many lengths and steps that takes too long.

    Raises:
        Unserved: It does.
        ValueError: The language is no first-order chain.
    """
    _refuse_work(recursion_work(check_chain(language, SMALL).vocab_size, length, steps))


def _refuse_work(work: float) -> None:
    if work > MOST_WORK:
        raise Unserved(f"it takes {work:.1e} multiply–adds, more than {MOST_WORK:.0e}")


def _require_one_round(question: Question) -> None:
    if sum(weight > 0 for weight in question.reveal()) > 1:
        raise Unserved("one round only")
