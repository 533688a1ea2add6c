"""pix2pix's and CycleGAN's generators in plain torch.nn, written from their published structure, as tests' oracle.

The positions in each nn.Sequential are those that the names of their state dicts count.
"""

import torch
from torch import nn

BATCH, INSTANCE = nn.BatchNorm2d, nn.InstanceNorm2d


class Joined(nn.Module):
    """A level of the U-Net; what comes in is handed on beside what is made of it, except by the outermost."""

    def __init__(self, *modules, outermost=False):
        super().__init__()
        self.model, self.outermost = nn.Sequential(*modules), outermost

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Named(nn.Module):
    """The network as an attribute called model."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def unet(inputs, outputs, halvings, width, norm, dropout=False):
    """`halvings` 7 for 128 pixels, 8 for 256; ReLUs in place, as published."""
    bias = norm is INSTANCE
    w = [width, 2 * width, 4 * width, *[8 * width] * (halvings - 3)]

    def down(a, b):
        return [nn.LeakyReLU(0.2, True), nn.Conv2d(a, b, kernel_size=4, stride=2, padding=1, bias=bias)]

    def up(a, b):
        return [nn.ReLU(True), nn.ConvTranspose2d(a, b, kernel_size=4, stride=2, padding=1, bias=bias), norm(b)]

    block = Joined(*down(w[-2], w[-1]), *up(w[-1], w[-2]))
    for level in reversed(range(1, halvings - 1)):
        outer, inner = w[level - 1], w[level]
        last = [nn.Dropout(0.5)] if dropout and level > 3 else []
        block = Joined(*down(outer, inner), norm(inner), block, *up(2 * inner, outer), *last)
    first = nn.Conv2d(inputs, w[0], kernel_size=4, stride=2, padding=1, bias=bias)
    end = nn.ConvTranspose2d(2 * w[0], outputs, kernel_size=4, stride=2, padding=1)
    return Named(Joined(first, block, nn.ReLU(True), end, nn.Tanh(), outermost=True))


class Residual(nn.Module):
    """x plus conv_block(x)."""

    def __init__(self, width, norm, dropout):
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=norm is INSTANCE), norm(width), nn.ReLU(True)]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=norm is INSTANCE), norm(width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


def resnet(inputs, outputs, blocks, width, norm, dropout=False):
    """`blocks` 6 for 128 pixels, 9 for 256."""
    bias, w = norm is INSTANCE, width
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, w, 7, bias=bias), norm(w), nn.ReLU(True)]
    layers += [nn.Conv2d(w, 2 * w, 3, stride=2, padding=1, bias=bias), norm(2 * w), nn.ReLU(True)]
    layers += [nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1, bias=bias), norm(4 * w), nn.ReLU(True)]
    layers += [Residual(4 * w, norm, dropout) for _ in range(blocks)]
    for a, b in ((4 * w, 2 * w), (2 * w, w)):
        layers += [
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm(b),
            nn.ReLU(True),
        ]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(w, outputs, 7), nn.Tanh()]
    return Named(nn.Sequential(*layers))


def trained(network, seed=0):
    """The network with weights, and running statistics where it has them, unlike those at the start; in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0, generator=generator)
            elif value.is_floating_point():
                spread = 2 / value[0].numel() ** 0.5 if value.ndim > 1 else 0.2
                value.copy_(spread * torch.randn(value.shape, generator=generator) + (value.ndim == 1))
    return network.eval()
