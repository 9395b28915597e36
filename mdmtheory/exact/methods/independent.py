"""Nothing is lost: tokens of one round are independent given those before, or no sequence is wrong."""

from __future__ import annotations

import dataclasses
import math

from languages import Estimate, NGramLanguage
from mdmtheory.exact.markov.generative import cross_entropy
from mdmtheory.exact.methods.question import Question, Unserved
from mdmtheory.exact.supported import supports_everything
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.policies import Policy


def no_divergence(question: Question) -> Estimate:
    """Zero KL, where tokens revealed together are independent given those before."""
    question.require_oracle()
    sampler = question.as_order().sampler
    assert not isinstance(sampler, Kernel)
    # Draws that lose are thrown away: what is kept is likelier than it should be, even where tokens are independent.
    kept = not (isinstance(sampler, Policy) and sampler.ranks_drawn)
    if not ((_independent(question.language) and kept) or sampler.independent_rounds(question.language)):
        raise Unserved("tokens revealed together need not be independent")
    return Estimate.exact(0.0, law="marginal", unit="nats")


def no_error(question: Question) -> Estimate:
    """Zero SER, or total variation, likewise."""
    return dataclasses.replace(no_divergence(question), unit="probability")


def no_path_divergence(question: Question) -> Estimate:
    """Zero path KL likewise."""
    return dataclasses.replace(no_divergence(question.as_path()), law="path")


def everything_supported(question: Question) -> Estimate:
    """Zero SER, where every sequence is in the language, whatever writes it."""
    sampler = question.sampler
    if isinstance(sampler, Kernel) and float(sampler.alpha(sampler.times[-1])) != 1:
        raise Unserved("the kernel leaves noise")
    if not supports_everything(question.language, question.length):
        raise Unserved("some sequences are impossible")
    return Estimate.exact(0.0, law="marginal", unit="probability")


def truth_itself(question: Question) -> Estimate:
    """Generative TER of a sampler without error: that of the truth, judged by its unpruned parent if it has one."""
    no_divergence(question)
    language, length = question.language, question.length
    if language.parent is None:
        log_ter = language.entropy(length) / length
    elif isinstance(language, NGramLanguage):
        log_ter = cross_entropy(language, length) / length
    else:
        raise Unserved("what the parent makes of a pruned language is exact for n-grams alone")
    return Estimate.exact(math.exp(log_ter), law="generative", unit="perplexity")


def _independent(language: object) -> bool:
    """Whether the tokens of a language are independent: an n-gram of order 1."""
    return isinstance(language, NGramLanguage) and language.order == 1
