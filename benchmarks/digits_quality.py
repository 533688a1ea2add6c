"""Are the digits of a run the digits asked for, all of them, and not copies?

    python benchmarks/digits_quality.py RUN [--seed 0] [--json]

A small convolutional classifier is trained on the 1,000 real digits that no training sees (`builtin:digits-heldout`)
and judged on the 4,000 training ones, which it never saw. It then reads 100 generated digits of each class. Copies: the
distance (L2 in pixels) from each generated digit to its nearest training digit, beside the same from held-out
real digits to the training digits. If generated digits were copies, their distances would be far smaller.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from nablagan.data import Dataset, open_dataset, to_tensor
from nablagan.training.restore import load_generator

PER_CLASS = 100


def classifier() -> nn.Module:
    """A convolutional net for 1x32x32 digits, about 140,000 parameters."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]

    blocks = [*block(1, 32), *block(32, 64), *block(64, 128)]
    return nn.Sequential(*blocks, nn.Dropout(0.3), nn.Flatten(), nn.Linear(128 * 16, 10))


def distorted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Random rotation, scale, shear and shift of each image."""
    count = len(images)
    angle, shear_x, shear_y, scale_x, scale_y, shift_x, shift_y = (
        2 * torch.rand(7, count, generator=generator) - 1
    ) * torch.tensor([0.25, 0.2, 0.2, 0.15, 0.15, 0.12, 0.12]).unsqueeze(1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([(1 + scale_x) * cosine, -sine + shear_x, shift_x], 1),
        torch.stack([sine + shear_y, (1 + scale_y) * cosine, shift_y], 1),
    ]
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return grid_sample(images + 1, grid, align_corners=False) - 1


def train_classifier(real: Dataset, seed: int, epochs: int = 60) -> nn.Module:
    """The classifier trained on distorted copies of `real`."""
    assert real.labels is not None
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net, images, labels = classifier(), to_tensor(real.samples), torch.from_numpy(real.labels)
    steps = epochs * (len(images) // 100)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(images), (100,), generator=generator)
        loss = cross_entropy(net(distorted(images[chosen], generator)), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.inference_mode()
def predictions(net: nn.Module, images: Tensor) -> Tensor:
    """The class that the classifier reads in each image, (N,)."""
    return torch.cat([net(part).argmax(1) for part in images.split(500)])


def nearest_distances(images: Tensor, references: Tensor) -> np.ndarray:
    """L2 distance in pixels (values in [0, 1]) from each image to its nearest reference, (N,)."""
    a, b = (x.flatten(1).clamp(-1, 1) / 2 + 0.5 for x in (images, references))
    return torch.cdist(a, b).min(1).values.numpy()


def measure(run: Path, seed: int) -> dict[str, Any]:
    """All figures for one run."""
    heldout, training = (open_dataset(f"builtin:{name}") for name in ("digits-heldout", "digits"))
    assert training.labels is not None
    net = train_classifier(heldout, seed)
    real = to_tensor(training.samples)
    labels = torch.arange(10).repeat_interleave(PER_CLASS)
    generated = load_generator(run).samples(len(labels), seed=seed, label=labels).clamp(-1, 1)
    right = (predictions(net, generated) == labels).view(10, PER_CLASS).float().mean(1)
    copies = {
        "generated to training": nearest_distances(generated, real),
        "held-out real to training": nearest_distances(to_tensor(heldout.samples), real),
        "training to other training": second_nearest(real),
    }
    return {
        "classifier_accuracy_on_real": float(
            (predictions(net, real) == torch.from_numpy(training.labels)).float().mean()
        ),
        "recognised": float(right.mean()),
        "recognised_by_class": [round(x, 3) for x in right.tolist()],
        "distance_quantiles_5_50_95": {
            name: [round(float(q), 3) for q in np.quantile(d, [0.05, 0.5, 0.95])] for name, d in copies.items()
        },
        "diversity_within_class": diversity(generated) / diversity(real[np.argsort(training.labels, kind="stable")]),
        "run": run.name,
        "seed": seed,
    }


def second_nearest(images: Tensor) -> np.ndarray:
    """Distance of each image to the nearest other one."""
    flat = images.flatten(1) / 2 + 0.5
    return torch.cdist(flat, flat).fill_diagonal_(float("inf")).min(1).values.numpy()


def diversity(by_class: Tensor) -> float:
    """Mean pixel distance between samples of a class, over ten equal runs of classes in order."""
    return float(np.mean([torch.pdist(part.flatten(1)).mean() for part in by_class.chunk(10)]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run directory trained on builtin:digits with labels")
    parser.add_argument("--seed", type=int, default=0, help="of the classifier and of the samples (default 0)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    arguments = parser.parse_args()
    figures = measure(arguments.run, arguments.seed)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
