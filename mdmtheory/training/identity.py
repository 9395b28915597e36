"""What makes two runs the same run, as checkpoints have it: settings under the names that the first files had."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import torch

from languages.interchange import language_digest
from languages.language import Language
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.objectives import AR, D3PM, MDLM, MDM, SEDD, Objective

_LOSSES: dict[type[Objective], str] = {
    MDM: "any-order",
    MDLM: "subs",
    D3PM: "d3pm",
    SEDD: "score-entropy",
    AR: "any-order",  # files say of every run what it would do if it were one of diffusion
}
_OLDER_NAMES = {"noise": "process", "steps": "loss_steps", "sampling": "time_sampling"}
_LEFT_OUT = ("boundary_tokens", "targets")
"""Settings that the first files had not, and that are not written where they are off."""
_DEFAULTS = {
    "process": "absorbing",
    "parametrisation": "posterior",
    "schedule": "linear",
    "loss_steps": None,
    "masking": "count",
    "skew": 2.0,
    "time_sampling": "stratified",
}


def run_identity(language: Language, length: int, config: TrainingConfig) -> dict[str, Any]:
    """Everything that decides the result of a run: its language, its length, and its settings but `run` and `device`.

    Args:
        language: Where the sequences come from.
        length: L.
        config: The run.
    """
    generator = torch.Generator(device=language.device).manual_seed(0)
    sample = language.sample(16, 64, generator=generator).cpu().numpy().tobytes()
    names = {
        "language": f"{type(language).__name__} {hashlib.blake2b(sample, digest_size=8).hexdigest()}",
        "language_digest": _digest(language),
        "length": length,
    }
    return json.loads(json.dumps({**flat_settings(config), **names}))


def difference(found: dict[str, Any], wanted: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """The first name in which a file differs from this run, with its value and this run's; None if none does.

    Args:
        found: The identity in a file, of this version or an older one.
        wanted: That of this run.
    """
    # A setting that did not exist yet when the file was written had the effect that its default has now; of the
    # settings that are left out where they are off, that they were off.
    older = flat_settings(TrainingConfig(steps=1).changed(boundary_tokens=False))
    found = {**json.loads(json.dumps(older)), **found}
    # The digest is of the tables; a sample, all that older files have, depends on the device and misses small changes.
    passed_over = "language" if found.get("language_digest") else "language_digest"
    for name in dict.fromkeys((*wanted, *_LEFT_OUT)):
        if name != passed_over and found.get(name) != wanted.get(name):
            return name, found.get(name), wanted.get(name)
    return None


def _digest(language: Language) -> str | None:
    """The digest of a language's tables; None for somebody else's kind of language, whose tables nobody knows."""
    try:
        return language_digest(language)
    except ValueError:
        return None


def flat_settings(config: TrainingConfig) -> dict[str, Any]:
    """The settings of a run that decide its result, by name."""
    corpus = {"data": "on-the-fly", "num_sequences": 1_000_000, "epochs": None}
    if config.corpus is not None:
        corpus |= {"data": "fixed", **dataclasses.asdict(config.corpus)}
    return {
        **{name: getattr(config, name) for name in ("steps", "batch_size", "held_out", "seed")},
        **corpus,
        **_objective(config.objective),
        **_network(config),
        **dataclasses.asdict(config.optimizer),
    }


def _network(config: TrainingConfig) -> dict[str, Any]:
    """The shape. Boundary tokens are left out where there are none: the first files did not speak of them."""
    own = dataclasses.asdict(config.network)
    if not own["boundary_tokens"] or config.objective.causal:
        del own["boundary_tokens"]
    return own


def _objective(objective: Objective) -> dict[str, Any]:
    """The settings of an objective; what it does not have is at its default."""
    own: dict[str, Any] = dataclasses.asdict(objective)  # type: ignore[call-overload]
    if own["targets"] == "samples":
        del own["targets"]
    own = {_OLDER_NAMES.get(name, name): value for name, value in own.items() if name != "time"}
    if "skew" in own and own["skew"] is None:
        own = {**own, "masking": "bernoulli", "skew": _DEFAULTS["skew"]}
    told = objective.told_time
    return {
        **_DEFAULTS,
        "kind": "ar" if objective.causal else "mdm",
        "loss": _LOSSES.get(type(objective), objective.name),
        "time_conditioned": told is not None,
        "time_input": told or "fraction",
        **own,
    }
