"""Networks that give images features, one file an architecture."""

from nablagan.metrics.extractors.table import ENTRIES, open_extractor, where

__all__ = ["ENTRIES", "open_extractor", "where"]
