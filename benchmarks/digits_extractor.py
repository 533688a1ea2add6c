"""Trains the digits extractor on builtin:digits and prints its accuracy on builtin:digits-heldout.

    OMP_NUM_THREADS=1 python benchmarks/digits_extractor.py src/nablagan/metrics/extractors/digits.safetensors

Affine augmentation, Adam with one cycle of its rate, averaged weights. The number of epochs was set beforehand; the
held-out digits are looked at at the end. (A first training, with PyTorch's own initial weights, smoothed labels and 40
epochs, lost three epochs on a plateau and had 97.9 %.)
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from nablagan.data import open_dataset
from nablagan.metrics.extractors.digits import DigitsNetwork, canvas

BATCH = 100
DECAY = 0.998


def main() -> None:
    """Train, judge, write."""
    arguments = options()
    training, heldout = (open_dataset(f"builtin:{name}") for name in ("digits", "digits-heldout"))
    start = time.perf_counter()
    network = trained(training, arguments.epochs, arguments.seed)
    accuracies = {str(side): accuracy(network, heldout, side) for side in (28, 32)}
    record = {
        "data": f"builtin:digits, {len(training)} images",
        "epochs": arguments.epochs,
        "seed": arguments.seed,
        "heldout_accuracy": accuracies,
        "heldout_images": len(heldout),
    }
    save_file(network.state_dict(), arguments.out, {"training": json.dumps(record)})
    print(json.dumps(record), f"{time.perf_counter() - start:.0f} s, {arguments.out.stat().st_size:,} bytes")


def options() -> argparse.Namespace:
    """Where to, how long, which seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def trained(training, epochs: int, seed: int) -> DigitsNetwork:
    """The averaged network after so many passes."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = DigitsNetwork()
    for parameter in network.body.parameters():
        (torch.nn.init.kaiming_normal_ if parameter.ndim > 1 else torch.nn.init.zeros_)(parameter)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(DECAY)
    )
    digits, labels = canvas(torch.from_numpy(np.array(training.samples))), torch.from_numpy(training.labels)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=epochs * len(digits) // BATCH)
    for epoch in range(epochs):
        for rows in torch.randperm(len(digits), generator=random).split(BATCH):
            loss = cross_entropy(network(moved(digits[rows], random)), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
        print(f"epoch {epoch + 1}/{epochs}  loss {loss.item():.3f}", flush=True)
    return average.module.eval()


def moved(digits: Tensor, random: torch.Generator) -> Tensor:
    """The digits under small random affine maps."""

    def uniform(bound: float) -> Tensor:
        return bound * (2 * torch.rand(len(digits), generator=random) - 1)

    angle, scale, shear = uniform(0.25), 1 + uniform(0.15), uniform(0.2)
    across = torch.stack([scale * angle.cos(), shear - scale * angle.sin(), uniform(0.14)], 1)
    down = torch.stack([scale * angle.sin(), scale * angle.cos(), uniform(0.14)], 1)
    grid = affine_grid(torch.stack([across, down], 1), list(digits.shape), align_corners=False)
    return grid_sample(digits, grid, align_corners=False)


@torch.inference_mode()
def accuracy(network: DigitsNetwork, dataset, side: int) -> float:
    """Share of right answers on digits of that side; 28 is the inner part of 32."""
    images = torch.from_numpy(np.array(dataset.samples))
    edge = (images.shape[-1] - side) // 2
    inner = images[:, :, edge : images.shape[-1] - edge, edge : images.shape[-1] - edge]
    return float((network(canvas(inner)).argmax(1).numpy() == dataset.labels).mean())


if __name__ == "__main__":
    main()
