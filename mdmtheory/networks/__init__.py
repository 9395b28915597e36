"""One transformer, its sizes, its weights on disk and its key–value cache."""

from mdmtheory.networks.cache import KeyValueCache
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.sizes import SIZES, Size, transformer_config
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.weights import fresh_network, load_network, save_network

__all__ = [
    "SIZES",
    "CausalLanguageModel",
    "KeyValueCache",
    "Size",
    "Transformer",
    "TransformerConfig",
    "fresh_network",
    "load_network",
    "save_network",
    "transformer_config",
]
