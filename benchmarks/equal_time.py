"""Which recipe gives the best images after equal wall-clock time on this machine?

    python benchmarks/equal_time.py --data FOLDER_OF_FASHION_MNIST [--seconds 180] [--only strided,plain] [--out DIR]

Every candidate trains without labels on the same data for the same time; its schedules end with it, which a few timed
steps translate into images. The figure is the kernel distance (unbiased, polynomial kernel of degree 3, Binkowski et
al. 2018) between 2,000 samples of the averaged generator and 2,000 real images, on features of a small classifier that
is trained here on the data's labels; a second set of real images shows where zero is. Grids of samples go to --out.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from digits_quality import classifier
from nablagan import losses, recipes
from nablagan.cli.dry_run import measured
from nablagan.data import Dataset, open_dataset, picture_grid, to_tensor
from nablagan.optim import constant
from nablagan.players import dcgan, spectral
from nablagan.recipes import Facts, Options
from nablagan.training.engine import Engine, engine
from nablagan.training.loop import State, prepare, sampler_of, steps
from nablagan.training.run import AdamSettings, DataSettings, PlayerSettings, Run
from nablagan.training.sampling import latents, samples

COUNT = 2_000


def plain(facts: Facts, options: Options) -> Run:
    """Transposed convolutions, hinge, spectral normalisation, no penalty, Adam 2e-4 (0.5, 0.999): what tutorials do."""
    adam = AdamSettings(constant(2e-4), constant(0.999), beta1=0.5)
    discriminator = PlayerSettings(spectral, {"of": dcgan.discriminator, "size": "small", "kernel": 3})
    run = transposed(facts, options)
    return replace(
        run, loss=losses.hinge, penalties=(), generator_adam=adam, discriminator_adam=adam, discriminator=discriminator
    )


def transposed(facts: Facts, options: Options) -> Run:
    """`strided` with transposed convolutions instead of nearest-neighbour upsampling and 3x3 convolutions."""
    return with_options(facts, options, {"upsampling": dcgan.TransposedConvolution}, {})


def kernel_4(facts: Facts, options: Options) -> Run:
    """`strided` with 4x4 kernels in the discriminator."""
    return with_options(facts, options, {}, {"kernel": 4})


def transposed_kernel_4(facts: Facts, options: Options) -> Run:
    """Both of these."""
    return with_options(facts, options, {"upsampling": dcgan.TransposedConvolution}, {"kernel": 4})


def augmented(facts: Facts, options: Options) -> Run:
    """`strided` with DiffAugment's colour and translation on a third of the samples."""
    return recipes.strided(
        facts, replace(options, augmentations=("color", "translation"), augmentation_probability=0.3)
    )


def with_options(facts: Facts, options: Options, generator: dict[str, Any], discriminator: dict[str, Any]) -> Run:
    """`strided` with other options of its players."""
    run = recipes.strided(facts, options)
    return replace(
        run,
        generator=replace(run.generator, options=run.generator.options | generator),
        discriminator=replace(run.discriminator, options=run.discriminator.options | discriminator),
    )


CANDIDATES: dict[str, Callable[[Facts, Options], Run]] = {
    "strided": recipes.strided,
    "kernel_4": kernel_4,
    "transposed": transposed,
    "transposed_kernel_4": transposed_kernel_4,
    "augmented": augmented,
    "plain": plain,
    "r3gan": recipes.r3gan,
}


def features_of(dataset: Dataset, seed: int) -> Callable[[Tensor], Tensor]:
    """(N, C, H, W) images to the features (N, 2048) of a classifier trained on the first 20,000 images."""
    assert dataset.labels is not None, "the features are those of a classifier: give data with labels"
    torch.manual_seed(seed)
    net = classifier()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    for _ in range(4):
        for index in torch.randperm(min(20_000, len(dataset))).split(100):
            images, labels = to_tensor(dataset.samples[index.numpy()]), torch.from_numpy(dataset.labels[index.numpy()])
            loss = cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    trunk = net[:-1].eval()

    @torch.inference_mode()
    def features(images: Tensor) -> Tensor:
        return torch.cat([trunk(part) for part in images.split(500)])

    return features


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, times 1,000."""
    a, b = a.double(), b.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = sum((k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (kernel(a, a), kernel(b, b)))
    return float(1000 * (within - 2 * kernel(a, b).mean()))


def trained(run: Run, dataset: Dataset, here: Engine, seconds: float) -> tuple[State, float]:
    """The state after `seconds` of training, and the seconds."""
    state = prepare(run, dataset.shape, len(dataset.classes), here)
    sampler = sampler_of(run, dataset, here)
    started = time.perf_counter()
    for _ in steps(state, sampler):
        if time.perf_counter() - started >= seconds:
            break
    return state, time.perf_counter() - started


def main() -> None:
    """Print a row a candidate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--only", default=",".join(CANDIDATES), help=f"of {','.join(CANDIDATES)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where grids of samples go")
    arguments = parser.parse_args()
    with engine("cpu") as here:
        dataset = open_dataset(arguments.data)
        facts = recipes.facts_of(dataset, DataSettings(arguments.data))
        features = features_of(dataset, arguments.seed)
        order = np.random.default_rng(arguments.seed).permutation(len(dataset))
        real = [features(to_tensor(dataset.samples[order[i * COUNT : (i + 1) * COUNT]])) for i in range(2)]
        print(json.dumps({"candidate": "real images", "kernel_distance": round(kernel_distance(*real), 2)}), flush=True)
        for name in arguments.only.split(","):
            options = Options(images=1_000_000, conditional=False, seed=arguments.seed)
            speed = measured(CANDIDATES[name](facts, options), dataset, here)["images_per_second"]
            run = CANDIDATES[name](facts, replace(options, images=int(speed * arguments.seconds)))
            state, seconds = trained(run, dataset, here, arguments.seconds)
            average = state.averages.players[run.ema_half_lives[0]]
            fake = samples(average, latents(COUNT, run.latent_size, arguments.seed), None).clamp(-1, 1)
            row = {"candidate": name, "kernel_distance": round(kernel_distance(features(fake), real[0]), 2)}
            row |= {"images": state.images_seen, "seconds": round(seconds), "planned_images": run.images}
            print(json.dumps(row), flush=True)
            if arguments.out:
                arguments.out.mkdir(parents=True, exist_ok=True)
                picture_grid(fake[:100], 10).save(arguments.out / f"{name}.png")


if __name__ == "__main__":
    main()
