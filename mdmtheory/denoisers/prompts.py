"""Prompts that a language excludes."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from languages.language import Language


def refuse_impossible(language: Language, prompt: Int[Tensor, "B L"]) -> None:
    """Refuse a prompt whose tokens have probability zero together.

    Args:
        language: The language.
        prompt: (B, L) with holes.

    Raises:
        ValueError: Such a prompt; its row is in the message.
    """
    rows, which = prompt.unique(dim=0, return_inverse=True)
    impossible = language.log_marginal(rows).isneginf()[which]
    if bool(impossible.any()):
        row = int(impossible.nonzero()[0])
        raise ValueError(
            f"prompt: the given tokens of row {row} have probability zero under {language.name}; "
            "no sequence of the language continues them"
        )
