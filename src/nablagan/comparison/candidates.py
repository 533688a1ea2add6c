"""The candidates of a comparison, in the order of its table."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from nablagan import recipes
from nablagan.baselines import DDPM, FLOW_MATCHING, VAE
from nablagan.comparison.trainees import Begin, baseline, default_game, resized_game
from nablagan.types import InputError

SHORT_RATE = 2e-3
"""Of the other GANs: the published 1e-4 and 2e-4 are for days; after a minute on two cores they have learnt nothing."""


@dataclass(frozen=True)
class Candidate:
    """A way to train a model that makes images."""

    name: str
    title: str
    words: str
    """What it is, and whose."""
    begin: Begin
    evaluations_per_image: float
    """Gradients of one player (generator or discriminator, encoder or decoder; a U-Net is one) taken for each image."""


CANDIDATES = (
    Candidate("default", "nablagan's default", "relativistic loss, R1 + R2 (Huang et al. 2024)", default_game, 2.0),
    Candidate(
        "dcgan",
        "DCGAN",
        "non-saturating loss, batch normalisation in the generator (Radford et al. 2016)",
        partial(resized_game, recipes.dcgan, SHORT_RATE),
        2.0,
    ),
    Candidate(
        "wgan_gp",
        "WGAN-GP",
        "Wasserstein loss, gradient norm pulled to 1, five critic steps (Gulrajani et al. 2017)",
        partial(resized_game, recipes.wgan_gp, SHORT_RATE),
        1.2,
    ),
    Candidate(
        "hinge_spectral",
        "Hinge, spectral norm",
        "hinge loss, spectrally normalised discriminator (Miyato et al. 2018)",
        partial(resized_game, recipes.hinge_spectral, SHORT_RATE),
        2.0,
    ),
    Candidate(
        "vae",
        "VAE",
        "evidence lower bound, learned noise variance (Kingma and Welling 2014)",
        partial(baseline, VAE),
        2.0,
    ),
    Candidate(
        "flow_matching",
        "Flow matching",
        "straight paths, optimal transport within a batch (Lipman et al. 2023, Tong et al. 2024)",
        partial(baseline, FLOW_MATCHING),
        1.0,
    ),
    Candidate(
        "ddpm", "DDPM", "noise prediction, cosine schedule, DDIM steps (Ho et al. 2020)", partial(baseline, DDPM), 1.0
    ),
)


def chosen(names: Iterable[str] | None) -> tuple[Candidate, ...]:
    """The candidates of these names, in the table's order; all for None. InputError for a name that is none."""
    table = {candidate.name: candidate for candidate in CANDIDATES}
    wanted = list(table) if names is None else list(names)
    if unknown := [name for name in wanted if name not in table]:
        raise InputError(f"no candidate '{unknown[0]}': there are {', '.join(table)}")
    return tuple(candidate for candidate in CANDIDATES if candidate.name in wanted)
