"""One transformer, its sizes and weights, and its three faces: denoiser of masks or uniform noise, causal model."""

from mdmtheory.networks.cache import KeyValueCache
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.fresh import fresh_network
from mdmtheory.networks.masked import MaskedNetwork
from mdmtheory.networks.sizes import SIZES, Size, transformer_config
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.uniform import UniformNetwork
from mdmtheory.networks.weights import load_network, save_network

__all__ = [
    "SIZES",
    "CausalLanguageModel",
    "KeyValueCache",
    "MaskedNetwork",
    "Size",
    "Transformer",
    "TransformerConfig",
    "UniformNetwork",
    "fresh_network",
    "load_network",
    "save_network",
    "transformer_config",
]
