"""Decoding of priorities, biases and wishes into plans, many candidates at once."""

from schedulers.decode.decoder import Decoded, Decoder

__all__ = ["Decoded", "Decoder"]
