"""What the exact denoisers of a language share."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from languages.language import Language


class LanguageDenoiser:
    """Tokens, device and prompts of a denoiser that knows the law of a language.

    Attributes:
        language: The language.
    """

    language: Language

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens."""
        return self.language.vocab_size

    @property
    def mask_id(self) -> int:
        """V, the id of a position that nothing is known of."""
        return self.language.mask_id

    @property
    def device(self) -> torch.device:
        """The device of the language."""
        return self.language.device

    def check_prompt(self, prompt: Int[Tensor, "B L"]) -> None:
        """Refuse a prompt, with holes, whose tokens have probability zero together.

        Raises:
            ValueError: Such a prompt; its row is in the message.
        """
        rows, which = prompt.unique(dim=0, return_inverse=True)
        impossible = self.language.log_marginal(rows).isneginf()[which]
        if bool(impossible.any()):
            row = int(impossible.nonzero()[0])
            raise ValueError(
                f"prompt: the given tokens of row {row} have probability zero under {self.language.name}; "
                "no sequence of the language continues them"
            )
