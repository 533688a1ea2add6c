"""How many training steps a second, as a ratio to a plain PyTorch loop with the same nets?

    python benchmarks/step.py [--rounds 12] [--threads 2] [--json]

Both loops train the players of the recipe `strided` on the same batches with the relativistic loss, R1 + R2 by double
backward, Adam and an averaged generator. They run in one process, in turn, a few steps each; quoted are medians over
the rounds and the median of the ratios of neighbouring rounds. The plain loop is what one writes by hand after the
DCGAN tutorial: autograd.grad with create_graph for each penalty, loss.backward(), optimizer.step(), new fakes for the
generator's step, an average in a Python loop. Each loop has a thread of its own, hence its own workers and its own way
with denormal numbers.

The saturated rows hold a discriminator that has won (real logits 46 or 90, generated ones minus that, learning rate 0,
no penalty): gradients are denormal numbers there.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nablagan import losses, recipes
from nablagan.data import Dataset, open_dataset
from nablagan.data.sampler import Sampler
from nablagan.optim import constant
from nablagan.training.engine import engine
from nablagan.training.loop import State, prepare, sampler_of, steps
from nablagan.training.run import AdamSettings, DataSettings, Run
from nablagan.types import Batch, Loss

STEPS = 4


@dataclass
class Plain:
    """The loop that one writes by hand, on copies of the same players."""

    run: Run
    generator: nn.Module
    discriminator: nn.Module

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.generator)
        rate = self.run.generator_adam.learning_rate(0)
        betas = (0.0, 0.99)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), rate, betas)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), rate, betas)

    def step(self, batch: Batch) -> None:
        """One step of the discriminator, one of the generator, one of the average."""
        fake = self.generator(batch.latent, batch.label).detach()
        self.discriminator_optimizer.zero_grad()
        self.discriminator_loss(batch.real, fake, batch.label).backward()
        self.discriminator_optimizer.step()
        self.generator_optimizer.zero_grad()
        fake = self.generator(batch.latent, batch.label)
        real_logits, fake_logits = (self.discriminator(x, batch.label) for x in (batch.real, fake))
        loss = self.run.loss(real_logits, fake_logits).generator.mean()
        loss.backward()
        self.generator_optimizer.step()
        loss.item()
        with torch.no_grad():
            for averaged, live in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                averaged.copy_(live.lerp(averaged, 0.99))

    def discriminator_loss(self, real: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
        """Loss and penalties, a scalar."""
        real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
        real_logits, fake_logits = self.discriminator(real, label), self.discriminator(fake, label)
        loss = self.run.loss(real_logits, fake_logits).discriminator.mean()
        if self.run.penalties:
            gamma = self.run.penalties[0].weight(0)
            for images, logits in ((real, real_logits), (fake, fake_logits)):
                (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
                loss = loss + gamma / 2 * gradient.square().sum((1, 2, 3)).mean()
        return loss


def compared(state: State, run: Run, sampler: Sampler, rounds: int, threads: int) -> dict[str, Any]:
    """Steps a second of both loops and their ratio; `state` is trained on."""
    plain = Plain(run, *(copy.deepcopy(player) for player in state.game.players))
    ours = steps(state, sampler)
    batches = (sampler.batch(position) for position in range(0, 10**9, run.batch_size))
    with ThreadPoolExecutor(1) as own, ThreadPoolExecutor(1) as other:
        own.submit(torch.set_flush_denormal, True).result()
        other.submit(torch.set_flush_denormal, False).result()
        for executor in (own, other):
            executor.submit(torch.set_num_threads, threads).result()
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for turn in range(rounds + 1):
            ours_took = own.submit(timed, lambda: next(ours)).result()
            plain_took = other.submit(timed, lambda: plain.step(next(batches))).result()
            if turn:  # the first one warms up
                times["ours"].append(ours_took)
                times["plain"].append(plain_took)
    ratios = [p / o for o, p in zip(times["ours"], times["plain"], strict=True)]
    rates = {f"{name}_steps_per_second": round(1 / statistics.median(values), 2) for name, values in times.items()}
    return rates | {"ratio": round(statistics.median(ratios), 2), "ratios": [round(r, 2) for r in sorted(ratios)]}


def timed(step: Callable[[], Any]) -> float:
    """Seconds a step, over a few."""
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - started) / STEPS


def saturated(run: Run, loss: Loss, dataset: Dataset, sampler: Sampler, here: Any) -> tuple[State, Run]:
    """A state whose discriminator has won, held there by learning rate 0; without penalties."""
    still = AdamSettings(constant(0.0), constant(0.99))
    run = replace(run, loss=loss, penalties=(), generator_adam=still, discriminator_adam=still)
    state = prepare(run, dataset.shape, len(dataset.classes), here)
    level = 46.0 if loss is losses.relativistic else 90.0
    discriminator = state.game.discriminator
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3)
    for position in range(0, 120 * run.batch_size, run.batch_size):
        batch = sampler.batch(position)
        with torch.no_grad():
            fake = state.game.generator(batch.latent, batch.label)
        real_logits, fake_logits = (discriminator(x, batch.label) for x in (batch.real, fake))
        off = (real_logits - level).square().mean() + (fake_logits + level).square().mean()
        optimizer.zero_grad()
        off.backward()
        optimizer.step()
    return state, run


def rows(data: str, rounds: int, threads: int) -> Iterator[dict[str, Any]]:
    """One row a case."""
    torch.set_num_threads(threads)
    with engine("cpu") as here:
        dataset = open_dataset(data)
        run = recipes.strided(recipes.facts_of(dataset, DataSettings(data)), recipes.Options())
        sampler = sampler_of(run, dataset, here)
        state = prepare(run, dataset.shape, len(dataset.classes), here)
        yield {"case": "relativistic + R1 + R2", **compared(state, run, sampler, rounds, threads)}
        for loss in (losses.relativistic, losses.non_saturating, losses.minimax):
            won, still = saturated(run, loss, dataset, sampler, here)
            yield {"case": f"saturated {loss.__name__}", **compared(won, still, sampler, max(rounds // 3, 2), threads)}


def main() -> None:
    """Print a row a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="builtin:digits")
    parser.add_argument("--rounds", type=int, default=12, help=f"of {STEPS} steps of each loop (default 12)")
    parser.add_argument("--threads", type=int, default=2, help="of each loop (default 2)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    arguments = parser.parse_args()
    for row in rows(arguments.data, arguments.rounds, arguments.threads):
        print(json.dumps(row) if arguments.json else "  ".join(f"{k}: {v}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
