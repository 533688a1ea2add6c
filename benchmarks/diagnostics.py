"""What does it cost to ask a game what it is doing, in evaluations of its field?

    OMP_NUM_THREADS=1 python benchmarks/diagnostics.py [--sizes 0.1,1,5] [--out DIR]

GANs of players.dcgan with about that many million parameters on 16x16 digits with labels, relativistic loss, R1 + R2,
batch 16, after a few steps of Adam from seed 0. Each diagnostic is timed between evaluations of the field, on this
process's own clock, and quoted as a multiple of their median: about two and a half of them are a product with J, one
and a half a step of training. The spectrum's residual is that of its worst eigenvalue, over the largest modulus.
Prints Markdown; --out keeps table.md, and appends to rows.jsonl as it goes.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nablagan import diagnostics, losses, penalties
from nablagan.data import Dataset, open_dataset, to_tensor
from nablagan.game import Game
from nablagan.optim import Alternating
from nablagan.players import dcgan
from nablagan.tasks import generation
from nablagan.types import Batch

WIDTHS = {"0.1": (38, 19, 10), "1": (192, 96, 48), "5": (494, 247, 124)}
"""Million parameters -> channels from the lowest resolution, 4x4, to 16x16."""
BATCH, STEPS, RATE = 16, 20, 2e-4
PROBES, AMOUNTS, SEARCH, PARTS = 4, (-1.0, -0.5, 0.0, 0.5, 1.0), 5, 8
Row = dict[str, Any]


class Setting(NamedTuple):
    """A game on a batch, and its last step."""

    game: Game
    batch: Batch
    start: Tensor
    end: Tensor


def setting(widths: tuple[int, ...], dataset: Dataset) -> Setting:
    """A game that has made its first steps."""
    torch.manual_seed(0)
    classes, draws = len(dataset.classes), torch.Generator().manual_seed(0)
    pair = (
        dcgan.generator(dataset.shape, classes=classes, widths=widths),
        dcgan.discriminator(dataset.shape, classes=classes, widths=widths),
    )
    game = generation(*pair, losses.relativistic, {penalties.r1: 1.0, penalties.r2: 1.0})
    update = Alternating(game, *(torch.optim.Adam(player.parameters(), RATE, (0.0, 0.99)) for player in pair))
    for _ in range(STEPS):
        update.step(drawn(dataset, draws))
    batch, start = drawn(dataset, draws), game.point()
    update.step(batch)
    return Setting(game, batch, start, game.point())


def drawn(dataset: Dataset, draws: torch.Generator) -> Batch:
    """A batch of random samples."""
    rows = torch.randint(len(dataset.samples), (BATCH,), generator=draws).numpy()
    label = None if dataset.labels is None else torch.as_tensor(dataset.labels[rows])
    return Batch(to_tensor(dataset.samples[rows]), torch.randn(BATCH, 64, generator=draws), label)


def cases(at: Setting, iterations: int) -> dict[str, Callable[[], Any]]:
    """What is timed, by name."""
    game, batch, start, end = at
    jacobian, direction = game.jacobian(batch), end - start
    return {
        "J @ u": lambda: jacobian @ direction,
        "J.T @ u": lambda: jacobian.T @ direction,
        "eigenvalues(J, count=6)": partial(diagnostics.eigenvalues, jacobian, 6, iterations=iterations),
        f"rotation(J, probes={PROBES})": partial(diagnostics.rotation, jacobian, PROBES),
        "field_norms": partial(diagnostics.field_norms, game, batch),
        "gradient_parts": partial(diagnostics.gradient_parts, game, batch),
        "update_cosine": partial(diagnostics.update_cosine, game, start, end, batch),
        "successive_cosine": partial(diagnostics.successive_cosine, game, start, end, batch),
        f"noise_scale(parts={PARTS})": partial(diagnostics.noise_scale, game, batch, PARTS),
        "update_audit": partial(diagnostics.update_audit, game, start, end, batch),
        f"loss_slice, {len(AMOUNTS)} amounts": partial(diagnostics.loss_slice, game, start, direction, batch, AMOUNTS),
        f"loss_plane, {len(AMOUNTS)}x{len(AMOUNTS)}": partial(
            diagnostics.loss_plane,
            game,
            start,
            *(diagnostics.embedded(game, direction, player) for player in (0, 1)),
            batch,
            AMOUNTS,
        ),
        f"along_path, {len(diagnostics.path.POSITIONS)} positions": partial(
            diagnostics.along_path, game, start, end, batch
        ),
        f"duality_gap(steps={SEARCH})": partial(
            diagnostics.duality_gap, game, batch, SEARCH, radius=100 * direction.norm().item()
        ),
    }


def rows_of(size: str, dataset: Dataset, iterations: int) -> Iterator[Row]:
    """One row a diagnostic."""
    at = setting(WIDTHS[size], dataset)
    field = partial(at.game.field, at.batch)
    for warm_up in (field, lambda: at.game.jacobian(at.batch) @ at.start):
        warm_up()
    for name, function in cases(at, iterations).items():
        before = [timed(field)[0] for _ in range(3)]
        seconds, found = timed(function)
        evaluation = statistics.median(before + [timed(field)[0] for _ in range(3)])
        row = {"parameters": sum(at.game.sizes), "name": name, "fields": round(seconds / evaluation, 2)}
        row |= {"seconds": round(seconds, 3), "field_seconds": round(evaluation, 4)}
        yield row | (of_spectrum(found) if isinstance(found, diagnostics.Spectrum) else {})


def of_spectrum(found: diagnostics.Spectrum) -> Row:
    """What can be trusted of it, and what it took."""
    relative = found.residuals.max(initial=0.0) / abs(found.values).max(initial=0.0) if len(found.values) else None
    return {
        "products": found.products,
        "found": f"{len(found.values)} of {found.requested}",
        "complete": found.complete,
        "residual": relative if relative is None else float(f"{relative:.1e}"),
        "eigenvalues": [f"{z:.3g}" for z in found.values],
        "largest_stable_step": diagnostics.largest_stable_step(found.values) if len(found.values) else None,
    }


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds of this process, result): other jobs on the machine do not count."""
    started = time.process_time()
    found = function()
    return time.process_time() - started, found


def table(rows: list[Row]) -> str:
    """Markdown: what a diagnostic costs for each size, and the spectra."""
    sizes = list(dict.fromkeys(row["parameters"] for row in rows))
    lines = [
        "| in evaluations of the field | " + " | ".join(f"{n:,}" for n in sizes) + " |",
        "|---" * (1 + len(sizes)) + "|",
    ]
    for name in dict.fromkeys(row["name"] for row in rows):
        found = [row["fields"] for row in rows if row["name"] == name]
        lines.append(f"| {name} | " + " | ".join(f"{fields:.1f}" for fields in found) + " |")
    seconds = [statistics.median(r["field_seconds"] for r in rows if r["parameters"] == n) for n in sizes]
    lines.append("| seconds of one evaluation | " + " | ".join(f"{value:.3f}" for value in seconds) + " |")
    lines += ["", "| parameters | products | fields | seconds | found | residual |", "|---" * 6 + "|"]
    for row in rows:
        if "products" in row:
            figures = (f"{row['parameters']:,}", row["products"], row["fields"], row["seconds"], row["found"])
            lines.append("| " + " | ".join(map(str, [*figures, row["residual"]])) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table; keep it with its rows in --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(WIDTHS), help=f"million parameters, of {', '.join(WIDTHS)}")
    parser.add_argument("--iterations", type=int, default=100, help="of the eigenvalue solver (default 100)")
    parser.add_argument("--out", type=Path, help="folder for rows.jsonl and table.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    dataset, rows = open_dataset("builtin:digits", resolution=16), []
    for row in chain.from_iterable(rows_of(size, dataset, arguments.iterations) for size in arguments.sizes.split(",")):
        rows.append(row)
        if arguments.out:
            with (arguments.out / "rows.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            (arguments.out / "table.md").write_text(table(rows) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
