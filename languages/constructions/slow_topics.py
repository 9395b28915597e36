"""Topics that change slowly, each with its own words: dependence of long range and small entropy."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
import torch

from languages.checks import check_count, check_distributions, check_fraction
from languages.closed_forms import ClosedForms, FloatArray
from languages.constructions.walk_forms import ChainForms, WalkForms
from languages.entropy import row_entropies
from languages.hidden_markov import HMMLanguage, check_hidden_tables

Moves = Literal["any", "next"]


@dataclasses.dataclass(frozen=True)
class TopicForms(ClosedForms):
    """Of topics whose words overlap: the entropy of the topics alone.

    Attributes:
        topics: The walk of the hidden topics on a circle.
    """

    topics: WalkForms

    @property
    def known(self) -> tuple[str, ...]:
        return ("hidden_path_entropy",)

    def hidden_path_entropy(self, length: int) -> float:
        """H(topics) in nats, an upper bound on the dual total correlation of the words (ledger `hmm-dtc`)."""
        return self.topics.entropy(length)


@dataclasses.dataclass(frozen=True)
class DisjointTopicForms(ChainForms):
    """Of topics without a common word: a word tells its topic, so the words are as informative as the topics.

    Attributes:
        topics: The walk of the topics on a circle.
        word_entropy: Mean entropy of a word given its topic, nats.
        words: How many words each topic has, None where that differs.
    """

    topics: WalkForms
    word_entropy: float
    words: int | None

    def hidden_path_entropy(self, length: int) -> float:
        """H(topics) in nats, an upper bound on the dual total correlation of the words (ledger `hmm-dtc`)."""
        return self.topics.entropy(length)

    @property
    def known(self) -> tuple[str, ...]:
        known = super().known if self.words is not None else tuple(n for n in super().known if n != "log_support_size")
        return (*known, "hidden_path_entropy")

    def _entropy(self, length: int) -> float:
        return self.topics._entropy(length) + length * self.word_entropy

    def _log_support_size(self, length: int) -> float:
        if self.words is None:
            raise self._unknown("log_support_size")
        return self.topics._log_support_size(length) + length * math.log(self.words)

    def _pair_information(self, length: int) -> FloatArray:
        return self.topics._pair_information(length)


def slow_topics(
    num_topics: int,
    *,
    switch: float,
    words: int = 4,
    overlap: float = 0.0,
    word_laws: object = None,
    moves: Moves = "any",
    name: str | None = None,
) -> HMMLanguage:
    """Words drawn independently given a hidden topic that switches with probability p, as a hidden Markov model.

    The topic starts uniform. The dual total correlation stays below the entropy of the topics,
    ln K + (L − 1)·(H_b(p) + p·ln(K − 1)), while the total correlation grows with L: few rounds suffice if they come
    early. With moves="any" and 0 < p every sequence is supported (SER is 0 for any model); moves="next" lets topics
    follow each other in a circle only, and then most sequences are not.

    Args:
        num_topics: K ≥ 1.
        switch: p, the probability of leaving a topic at each token.
        words: How many words belong to each topic; V = K · words.
        overlap: Probability of a word drawn uniformly from all V words instead of the topic's own.
        word_laws: (K, V) word law of each topic, instead of `words` and `overlap`.
        moves: "any": a switch leads to any other topic; "next": to the next one.
        name: What tables and legends call it.
    """
    k, p = check_count("num_topics", num_topics), check_fraction("switch", switch)
    if moves not in get_args(Moves):
        raise ValueError(f"moves must be one of {get_args(Moves)}, got {moves!r}")
    if word_laws is None:
        words, overlap = check_count("words", words), check_fraction("overlap", overlap)
        vocab_size = k * words
        check_hidden_tables(f"num_topics={k} of words={words}", "take fewer of one or the other", k, vocab_size)
        laws = np.kron(np.eye(k), np.full((1, words), (1 - overlap) / words)) + overlap / vocab_size
    else:
        laws = check_distributions("word_laws", word_laws).detach().cpu().numpy()
        if laws.ndim != 2 or len(laws) != k:
            raise ValueError(f"word_laws must have shape (K, V) with K = {k}, got {laws.shape}")
    step = np.zeros(k)
    step[0] = 1.0 if k == 1 else 1 - p
    if k > 1:
        step[1 : k if moves == "any" else 2] = p / (k - 1) if moves == "any" else p
    topics = WalkForms(tuple(step.tolist()), uniform_start=True)
    forms: ClosedForms = TopicForms(topics)
    if ((laws > 0).sum(0) <= 1).all():
        entropy = float(row_entropies(laws).mean())
        sizes = {int(size) for size in (laws > 0).sum(1)}
        forms = DisjointTopicForms(topics, entropy, sizes.pop() if len(sizes) == 1 else None)
    return HMMLanguage(
        torch.full((k,), 1 / k, dtype=torch.float64),
        torch.from_numpy(np.stack([np.roll(step, topic) for topic in range(k)])),
        torch.from_numpy(laws),
        name=name or f"topics:topics={k},switch={p:g}",
        closed_forms=forms,
    )
