"""What the exact denoisers of a language share."""

from __future__ import annotations

import torch

from languages.language import Language


class LanguageDenoiser:
    """Tokens and device of a denoiser that knows the law of a language.

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
