"""Left-to-right blocks of n-grams, and everything at small V^L."""

from __future__ import annotations

import dataclasses

from languages import Estimate
from mdmtheory.exact import enumeration, markov
from mdmtheory.exact.enumeration.affordable import check_kernel_affordable
from mdmtheory.exact.methods.question import Question, Unserved
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.schemes import Blocks, Scheme

MOST_PRODUCTS = 2e8
"""Products of an enumeration, over all rounds, beyond which it is not asked: some ten seconds."""


def transfer_sequence_error(question: Question) -> Estimate:
    """SER of left-to-right blocks."""
    value = markov.left_to_right_blocks(question.language, question.length, _block_size(question))
    return Estimate.exact(value, law="marginal", unit="probability")


def transfer_kl(question: Question) -> Estimate:
    """KL of left-to-right blocks, of both laws."""
    value = markov.left_to_right_kl(question.language, question.length, _block_size(question))
    return Estimate.exact(value, law="marginal", unit="nats")


def transfer_path_kl(question: Question) -> Estimate:
    """KL of left-to-right blocks, of the path law."""
    return dataclasses.replace(transfer_kl(question), law="path")


def enumerated(question: Question) -> enumeration.EnumeratedLaw:
    """The law of the sampler as a table."""
    _enumerable(question)
    return enumeration.law(question.denoiser, question.length, question.sampler)


def enumerated_path_kl(question: Question) -> Estimate:
    """KL of the path law by enumeration."""
    question.as_path()
    assert not isinstance(question.sampler, Kernel)
    _enumerable(question)
    return enumeration.path_kl(question.denoiser, question.language, question.length, question.sampler)


def _block_size(question: Question) -> int:
    question.require_oracle()
    if not isinstance(question.sampler, Blocks):
        raise Unserved("left-to-right blocks only")
    return question.sampler.size


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
