"""An autoencoder of digits through six numbers, sharpened by an adversarial term (compare with --weight 0)."""

import argparse

import torch
from torch import nn

import nablagan as ng

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--weight", type=float, default=0.5, help="1: the term is as strong as a mean absolute error")
parser.add_argument("--out", default="autoencoder.png", help="picture: rows of digits, each above its reconstructions")
options = parser.parse_args()
torch.manual_seed(0)
train, test = (ng.data.to_tensor(ng.data.open_dataset(f"builtin:{n}").samples) for n in ("digits", "digits-heldout"))

down = [nn.Conv2d(1, 16, 4, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(2048, 6)]
up = [nn.Linear(6, 2048), nn.SiLU(), nn.Unflatten(1, (32, 8, 8)), nn.Upsample(scale_factor=2)]
out = [nn.Conv2d(32, 16, 3, 1, 1), nn.SiLU(), nn.Upsample(scale_factor=2), nn.Conv2d(16, 1, 3, 1, 1), nn.Tanh()]
model = nn.Sequential(*down, *up, *out)
discriminator = ng.players.dcgan.discriminator((1, 32, 32), size="tiny", kernel=3)
penalties, normalisation = {ng.penalties.r1: 0.3, ng.penalties.r2: 0.3}, ng.interface.GradientNormalisation()
term = ng.AdversarialTerm(discriminator, ng.losses.relativistic, penalties, options.weight, 6400, normalisation)
optimizers = [torch.optim.Adam(module.parameters(), 2e-3, (0.0, 0.99)) for module in (model, discriminator)]
for _ in range(options.steps):
    real = train[torch.randint(len(train), (64,))]
    fake = model(real)
    losses = (fake - real).square().mean() + term.generator_loss(real, fake), term.discriminator_loss(real, fake)
    for loss, optimizer in zip(losses, optimizers, strict=True):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    found = model(test)
error, edges = (found - test).square().mean(), found.diff(dim=3).abs().mean() / test.diff(dim=3).abs().mean()
print(f"held-out digits: mean squared error {float(error):.4f}, edges {float(edges):.3f} times those of the digits")
rows = torch.stack([test[:960:16], found[:960:16]], 1).unflatten(0, (6, 10)).transpose(1, 2).flatten(0, 2)
ng.data.picture_grid(rows, columns=10).save(options.out)
