"""`nablagan import`: a generator trained by the original pix2pix and CycleGAN project becomes a run."""

import argparse
from pathlib import Path

HELP = "make a run of a generator trained by pytorch-CycleGAN-and-pix2pix, so that `translate` can use it"
EPILOG = """examples:
  nablagan import latest_net_G.pth --out runs/horse2zebra
  nablagan import latest_net_G_A.pth --out runs/imported --json

U-Nets (unet_128, unet_256) and ResNets (6 or 9 blocks), with batch or instance norm, of any width and channels;
which one it is follows from the weights. Nothing in the file is executed. Images are those of the original
network in its evaluation mode (test.py --eval): running statistics, no dropout."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE.pth", help="the generator's weights, ..._net_G.pth")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="the run directory to make, new or empty"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(arguments: argparse.Namespace) -> int:
    """Read, recognise, write; 0. InputError goes to the caller."""
    from nablagan.importing import import_run

    record = import_run(arguments.file, arguments.out)
    if arguments.json:
        import json

        print(json.dumps({"run": str(arguments.out), **record}))
        return 0
    channels = f"{record['source_shape'][0]} to {record['shape'][0]} channels"
    print(f"{record['architecture']}, {record['norm']} norm, {channels}, {record['parameters']:,} parameters")
    print(arguments.out)
    return 0
