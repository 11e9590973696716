"""Vectors from texts: the port, and the offline embedder that is always there."""

from shared.embedding.bundled import BundledEmbedder
from shared.embedding.port import Embedder

__all__ = ["BundledEmbedder", "Embedder"]
