"""A judge sees samples as vectors: through an extractor where they are images, as they are where they are points."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from nablagan.evaluation.cache import cached_features
from nablagan.evaluation.samples import Progress, Samples, silent
from nablagan.metrics.features import Extractor, features_of, probabilities_of
from nablagan.types import InputError


class Judge(Protocol):
    """What an evaluation asks of one."""

    @property
    def standardised(self) -> bool:
        """Whether features are divided by the real ones' standard deviations."""
        ...

    @property
    def progress(self) -> Progress:
        """Told how far the work is."""
        ...

    @property
    def protocol(self) -> dict[str, Any]:
        """Plain JSON: equal ones mean comparable features."""
        ...

    def features(self, samples: Samples, keep: bool = False) -> np.ndarray:
        """float32 (n, d); `keep`: as the cache has them, or taken and put there."""
        ...

    def probabilities(self, samples: Samples) -> np.ndarray | None:
        """float32 (n, classes), each row summing to 1, where the judge knows classes."""
        ...


@dataclass(frozen=True)
class ImageJudge:
    """An extractor, the device that it works on, and the directory where real features are kept."""

    extractor: Extractor
    device: torch.device | str
    cache: Path
    progress: Progress = silent

    @property
    def standardised(self) -> bool:
        """As the extractor's protocol asks."""
        return self.extractor.standardised

    @property
    def protocol(self) -> dict[str, Any]:
        """The extractor's name and protocol."""
        return {"name": self.extractor.name, "standardised": self.standardised, **self.extractor.protocol}

    def features(self, samples: Samples, keep: bool = False) -> np.ndarray:
        """Of images. InputError for points."""
        if not samples.is_images:
            raise InputError(f"extractor {self.extractor.name} sees images, and these are points")
        if keep:
            return cached_features(self.cache, samples.fingerprint, self.protocol, lambda: self._taken(samples))
        return self._taken(samples)

    def probabilities(self, samples: Samples) -> np.ndarray | None:
        """The extractor's, where it has classes."""
        if self.extractor.probabilities is None:
            return None
        return probabilities_of(self.extractor, samples.rows, device=self.device, progress=self.progress)

    def _taken(self, samples: Samples) -> np.ndarray:
        return features_of(self.extractor, samples.rows, device=self.device, progress=self.progress)


@dataclass(frozen=True)
class PointJudge:
    """Points are their own features."""

    standardised: bool = False
    progress: Progress = silent

    @property
    def protocol(self) -> dict[str, Any]:
        """That nothing is extracted."""
        return {"name": "points", "standardised": False, "layer": "the points themselves", "dimensions": 2}

    def features(self, samples: Samples, keep: bool = False) -> np.ndarray:
        """The points."""
        return samples.rows.reshape(len(samples), -1).astype(np.float32)

    def probabilities(self, samples: Samples) -> np.ndarray | None:
        """None."""
        return None
