"""Sides that several entries of the ledger compute: the path law by enumeration, or by its curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from languages import Estimate, Language
from languages.information import InformationCurve, information_curve, is_first_order
from mdmtheory.bounds.entry import Entry
from mdmtheory.denoisers import Denoiser, Oracle, traits_of
from mdmtheory.exact import enumeration, path
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.schemes import Bernoulli, Scheme

SMALL_CHAIN = "2-gram:vocab=3,seed=0,prune=0.2"
SMALL_HMM = "hmm:states=3,vocab=3,seed=5,prune=0.3,concentration=1"
"""Languages on which several entries are checked by enumeration."""
MOST_STEPS = 1 << 15
"""Most steps that a bound may ask for before its instance is refused."""
_MOST_NODES = 64
"""Gauss nodes an interval; exact for polynomials of degree 127."""


def describe(language: Language, length: int, *more: object) -> str:
    """An instance in words; None stands for the exact denoiser."""
    return ", ".join([language.name, f"L={length}", *map(_word, more)])


def _word(part: object) -> str:
    if part is None or isinstance(part, str):
        return part or "oracle"
    return (isinstance(part, Denoiser) and traits_of(part).called) or repr(part)


def curve_of(language: Language, length: int) -> InformationCurve:
    """The exact information curve, in closed form where that is known.

    Raises:
        ValueError: It is known neither way.
    """
    forms = language.closed_forms
    if forms is not None and "information_curve" in forms.known:
        return InformationCurve(forms.information_curve(length))
    return information_curve(language, length)


def step_curve(length: int, told: int) -> InformationCurve:
    """Z_j = 1[j > told], nats: nothing is known before, and all after, as with a code of that dimension (MDS).

    Every information curve is a sum of such steps with weights that are not negative, so statements that are linear in
    the curve have their worst cases among them.
    """
    return InformationCurve((torch.arange(1, length + 1) > told).double())


def nodes_of(reveal: object) -> NDArray[np.float64]:
    """(N + 1,) revealed fractions t_0 = 0, t_1, …, t_N = 1 of reveal probabilities."""
    nodes = np.concatenate([[0.0], np.cumsum(np.asarray(reveal, dtype=np.float64))])
    nodes[-1] = 1.0
    return nodes.clip(max=1.0)


def h_of(curve: InformationCurve, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """h(t) as an array."""
    return curve.h(torch.as_tensor(t, device=curve.z.device)).cpu().numpy()


def h_prime_of(curve: InformationCurve, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """h'(t) as an array."""
    return curve.h_prime(torch.as_tensor(t, device=curve.z.device)).cpu().numpy()


def pieces(nodes: NDArray[np.float64], degree: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(intervals, Q) Gauss nodes and weights on each interval between nodes, exact up to this degree (at most 127)."""
    points, weights = np.polynomial.legendre.leggauss(min(_MOST_NODES, degree // 2 + 1))
    widths = np.diff(nodes)[:, None]
    return nodes[:-1, None] + widths * (points + 1) / 2, widths * weights / 2


def step_costs(curve: InformationCurve, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) ∫_{t_{k−1}}^{t_k} (h(u) − h(t_{k−1})) du, nats, of each step between nodes."""
    t, weights = pieces(nodes, curve.length)
    return (weights * (h_of(curve, t) - h_of(curve, nodes[:-1])[:, None])).sum(1)


def affordable(language: Language, length: int) -> bool:
    """Whether all states can be enumerated."""
    try:
        enumeration.check_affordable(language.vocab_size, length)
    except ValueError:
        return False
    return True


def enumerated_path_kl(
    language: Language, length: int, sampler: Scheme | Policy, denoiser: Denoiser | None = None
) -> Estimate:
    """Path KL by enumeration, of the exact denoiser unless another one is given."""
    return enumeration.path_kl(denoiser or Oracle(language), language, length, sampler)


def bernoulli_instances(language: Language, length: int) -> Iterator[Mapping[str, Any]]:
    """Uniform steps, few and many where it can be done without enumeration, and uneven ones."""
    for count in (4, 32) if is_first_order(language) else (4,):
        yield {"language": language, "length": length, "reveal": [1 / count] * count}
    yield {"language": language, "length": length, "reveal": [0.1, 0.2, 0.3, 0.4]}


def bernoulli_path_kl(entry: Entry, language: Language, length: int, scheme: Bernoulli) -> Estimate:
    """Path KL of the exact denoiser by enumeration, or by the formula of a first-order chain."""
    if affordable(language, length) and language.vocab_size**length <= 1 << 12:
        return enumerated_path_kl(language, length, scheme)
    entry.require(is_first_order(language), f"{language.name} at L={length} is neither small nor a first-order chain")
    return Estimate.exact(path.path_kl(language, length, scheme.reveal), law="path", unit="nats")  # type: ignore[arg-type]


def fixed_size_instances(language: Language, length: int) -> Iterator[Mapping[str, Any]]:
    """Two steps, and steps of two positions."""
    for size in (-(-length // 2), 2):
        sizes = [min(size, length - done) for done in range(0, length, size)]
        yield {"language": language, "length": length, "sizes": sizes}
