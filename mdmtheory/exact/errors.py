"""One front door: the error of a sampler, by whichever exact method serves it, and the method's name with the answer.

    error(language, length, sampler, metric, law=…)

asks the methods below in turn, the cheapest first, and returns the first answer. Each knows what it cannot do and says
why; if none can, the error lists those reasons and names the estimator that serves instead.

| method (`Estimate.by`) | serves | gives |
|---|---|---|
| independent rounds | exact denoiser; one token a step, bisection of a chain, independent tokens | no error at all |
| closed form | exact denoiser, Bernoulli or fixed sizes, languages with `closed_forms` | SER, KL of both laws |
| full support | anything, languages in which every sequence is possible | SER 0 |
| one round | exact denoiser, all tokens at once, n-grams, hidden Markov models | SER; of n-grams KL, generative TER |
| gap recursion | exact denoiser, Bernoulli, first-order chains | SER, generative TER; KL where the support is small |
| information curve | exact denoiser, Bernoulli or fixed sizes, first-order chains or few sequences | path KL |
| block transfer | exact denoiser, left-to-right blocks, n-grams | SER, KL |
| roots of unity | exact denoiser, two or three fixed sizes, first-order chains | SER |
| enumeration | any denoiser, any sampler, small V^L | everything |
| extrapolation | as the gap recursion, sequences too long for it | SER, with its error or as a bracket |
| sandwich | whatever has both ends | bracket of the marginal KL, −ln(1 − SER) ≤ KL ≤ path KL |

What equals Bernoulli reveals counts as such (`mdmtheory.exact.methods.equivalents`): the posterior steps of kernels on
masks, and whatever reveals everything at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from languages import Estimate, Language
from languages.checks import check_count
from languages.specification import as_language
from mdmtheory.denoisers import Denoiser
from mdmtheory.exact import enumeration
from mdmtheory.exact.methods import Question, first_answer
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.run.compatibility import exact_denoiser
from mdmtheory.samplers.schemes import Scheme

Metric = Literal["ser", "kl", "ter", "ter_increase", "total_variation"]
Law = Literal["marginal", "path", "generative"]

LAWS: Mapping[str, tuple[str, ...]] = {
    "ser": ("marginal",),
    "kl": ("marginal", "path"),
    "ter": ("marginal", "path", "generative"),
    "ter_increase": ("marginal", "path"),
    "total_variation": ("marginal",),
}
"""The metrics, and the laws that each can be about."""


def error(
    language: Language | str,
    length: int,
    sampler: Scheme | Policy | Kernel | Plan,
    metric: Metric = "ser",
    *,
    law: Law | None = None,
    denoiser: Denoiser | None = None,
) -> Estimate:
    """Error of a sampler against the truth, exact where any method here is; the answer names law and method.

    Args:
        language: The truth q, or its specification, such as "2-gram".
        length: L ≥ 1.
        sampler: A scheme, a policy or a kernel, such as `Bernoulli.uniform(64)`. A plan that generates all positions
            stands for the scheme that drew it.
        metric: "ser", the probability that a sequence is not in the language; "kl", KL(q ‖ p) in nats for the whole
            sequence; "ter", exp(E_q[−log p]/L); "ter_increase", TER(p)/TER(q) − 1 = exp(KL/L) − 1; "total_variation".
        law: "marginal", the law of the sequences that come out; "path", of sequence and reveal order together (an
            N-step NELBO; "kl", "ter" and "ter_increase"); "generative", samples judged by the truth ("ter").
            None for "marginal".
        denoiser: None for the exact denoiser of the language under the sampler's noise.

    Returns:
        Method "exact"; or, where no exact method is affordable, "extrapolated" with the stated error of a trend, or
        "bound", a certified bracket. Never an estimate from samples. `by` names the algorithm.

    Raises:
        ValueError: No method serves the question: the reasons of each, and the estimator that does. An unknown metric,
            or a law that the metric does not have.
    """
    language, length = as_language(language), check_count("length", length)
    if metric not in LAWS:
        raise ValueError(f"metric must be one of {', '.join(LAWS)}; got {metric!r}")
    law = law or "marginal"
    if law not in LAWS[metric]:
        raise ValueError(f"law of {metric!r} must be {' or '.join(LAWS[metric])}; got {law!r}")
    if isinstance(sampler, Plan):
        sampler = _scheme_of(sampler, length)
    if not isinstance(sampler, Scheme | Policy | Kernel):
        raise ValueError(
            f"sampler must be a scheme, a policy or a kernel, such as Bernoulli.uniform(64), got {sampler!r}"
        )
    if isinstance(sampler, Scheme):
        sampler.num_rounds(length)  # refuses sizes that do not fit the length
    question = Question(language, length, sampler, exact_denoiser(language, sampler) if denoiser is None else denoiser)
    base = "kl" if metric in ("ter", "ter_increase") and law != "generative" else metric
    found = first_answer(question, base, law)
    if metric == "ter_increase":
        return found.mapped(lambda nats: math.expm1(nats / length), unit="ratio")
    if metric == "ter" and law != "generative":
        entropy = _entropy(question)
        return found.mapped(lambda nats: math.exp((entropy + nats) / length), unit="perplexity")
    return found


def _scheme_of(plan: Plan, length: int) -> Scheme:
    """The law that a plan was drawn from."""
    if not isinstance(plan.scheme, Scheme):
        raise ValueError(f"sampler must be a scheme, or a plan that a scheme drew: {plan!r} has no law")
    if plan.rounds.shape[1] != length or not bool(plan.hidden.all()):
        raise ValueError(
            f"sampler must generate all of length={length} positions, got {plan!r}; mdmtheory.exact.enumeration.law "
            "takes a prompt"
        )
    return plan.scheme


def _entropy(question: Question) -> float:
    """Entropy of the language, nats: as it knows it, else from the table of all sequences."""
    language, length = question.language, question.length
    try:
        return language.entropy(length)
    except NotImplementedError as error:
        try:
            return enumeration.entropy(language, length)
        except ValueError as small:
            raise ValueError(
                f"ter needs the exact entropy of {language.name}: {error}; {small}; ter_increase does not"
            ) from None
