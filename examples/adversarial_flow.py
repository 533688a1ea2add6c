"""A flow from noise to a ring of Gaussians: a little flow matching, then continuous adversarial flow from there.

Prints the sliced Wasserstein distance of samples to the data before and after, and writes a picture of both.
"""

import argparse

import torch
from PIL import Image
from torch import Tensor, nn

import nablagan as ng
from nablagan.optim.updates import descend

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--pretraining", type=int, default=100, help="steps of flow matching")
parser.add_argument("--warmup", type=int, default=300, help="steps of the discriminator alone")
parser.add_argument("--steps", type=int, default=240, help="of the velocity, each after 4 of the discriminator")
parser.add_argument("--out", default="adversarial_flow.png")
options = parser.parse_args()
torch.manual_seed(0)
data, noise = torch.from_numpy(ng.data.open_dataset("builtin:ring").samples), torch.randn(5000, 2)


class Net(nn.Module):  # (x (batch, 2), t (batch,)) -> (batch, 2), or (batch,) for one output
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, outputs))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.body(torch.cat([x, t[:, None]], 1)).squeeze(1)


@torch.no_grad()
def look(name: str) -> Tensor:  # samples, and their Wasserstein-1 distance on average over 256 directions
    samples, angle = ng.tasks.integrated(velocity, noise), torch.arange(256) * (torch.pi / 256)
    a, b = ((points @ torch.stack([angle.cos(), angle.sin()])).sort(0).values for points in (samples, data[:5000]))
    print(f"{name}: sliced Wasserstein distance to the data {float((a - b).abs().mean()):.4f}")
    return samples


def batch() -> ng.Batch:
    return ng.Batch(real=data[torch.randint(len(data), (256,))], latent=torch.randn(256, 2))


game = ng.tasks.adversarial_flow(velocity := Net(2), discriminator := Net(1))
optimizer = torch.optim.Adam(velocity.parameters(), 2e-3)
for given in (batch() for _ in range(options.pretraining)):
    optimizer.zero_grad()
    (game.generate(given) - (given.latent - given.real)).square().mean().backward()
    optimizer.step()
before = look("after flow matching")
for_velocity, for_discriminator = (torch.optim.Adam(p.parameters(), 1e-3, (0.0, 0.95)) for p in game.players)
for step in range(options.warmup + 5 * options.steps):
    fake = game.generate(given := batch())
    if step < options.warmup or step % 5 < 4:
        descend(for_discriminator, discriminator, game.discriminator_gradient(given, fake))
    else:
        descend(for_velocity, velocity, game.generator_gradient(given, fake))
after = look("after adversarial flow")
picture = Image.new("RGB", (960, 480))
for left, samples in ((0, before), (480, after)):
    picture.paste(ng.data.scatter_picture(samples[:2000], data[:2000]), (left, 0))
picture.save(options.out)
