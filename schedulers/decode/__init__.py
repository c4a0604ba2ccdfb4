"""Decoding of priorities, biases and wishes into plans, many candidates at once."""

from schedulers.decode.decoder import Decoded, Decoder
from schedulers.decode.samples import Sampler

__all__ = ["Decoded", "Decoder", "Sampler"]
