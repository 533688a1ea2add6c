"""The training loop: a generator that yields its state after each step; the caller's `for` body logs and saves."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from nablagan.data.augment import diffaugment
from nablagan.data.dataset import Dataset
from nablagan.data.sampler import Sampler, seeded
from nablagan.game import Game
from nablagan.optim import Balance, Balanced, Cosine, Step, Update
from nablagan.optim.updates import norm
from nablagan.penalties import lazily
from nablagan.pure import seeded_draws
from nablagan.training.checkpoint import Tensors
from nablagan.training.ema import Averages
from nablagan.training.engine import Engine
from nablagan.training.run import AdamSettings, PenaltySettings, Run
from nablagan.types import Batch, InputError, Penalty

PLAYERS, EXTRA = ("generator", "discriminator"), "extra"
"""What an update's state consists of."""


class Diverged(Exception):
    """A loss, gradient or parameter is not finite."""

    def __init__(self, images_seen: int, reason: str) -> None:
        super().__init__(reason)
        self.images_seen, self.reason = images_seen, reason


class State:
    """Everything that moves while training, and where in the run it is."""

    def __init__(
        self, run: Run, game: Game, update: Update, averages: Averages, balances: Mapping[Balanced, Balance]
    ) -> None:
        self.run, self.game, self.update, self.averages = run, game, update, averages
        self.balances = balances
        """The weights that follow the game, by their rule."""
        self.images_seen = 0
        self.skipped = 0
        """Images passed over by rollbacks: draws depend on images_seen + skipped."""
        self.failures: list[int] = []
        """Images seen at each step that was rolled back."""
        self.elapsed_seconds = 0.0
        """Of training, over all sessions."""
        self.measures: dict[str, float] = {}
        """Of the last step."""
        self.seconds: dict[str, float] = {}
        """Of the last step, by stage."""

    def tensors(self) -> Tensors:
        """All tensors, by checkpoint file and name."""
        averages = {
            f"{half_life}.{name}": tensor
            for half_life, player in self.averages.players.items()
            for name, tensor in player.state_dict().items()
        }
        return {
            "generator": self.game.generator.state_dict(),
            "discriminator": self.game.discriminator.state_dict(),
            "ema": averages,
            "optimizers": _optimizer_tensors(self.update),
        }

    def load(self, tensors: Tensors, content: Mapping[str, Any]) -> None:
        """Take a checkpoint's tensors and state.json. Raises InputError unless names and shapes are this run's."""
        try:
            self._load_tensors(tensors)
            self.images_seen, self.skipped = int(content["images_seen"]), int(content["skipped"])
            self.failures, self.elapsed_seconds = list(content["failures"]), float(content["elapsed_seconds"])
            for balance, gamma in zip(self.balances.values(), content.get("balances", ()), strict=True):
                balance.gamma = float(gamma)
        except (RuntimeError, KeyError, ValueError, IndexError, TypeError) as error:
            raise InputError(f"the checkpoint does not fit this run: {error}") from error

    def start_from(self, tensors: Tensors) -> None:
        """Take another run's players; optimisers, averages and time begin anew. InputError if they are others."""
        try:
            self.game.generator.load_state_dict(tensors["generator"])
            self.game.discriminator.load_state_dict(tensors["discriminator"])
            for player in self.averages.players.values():
                player.load_state_dict(tensors["generator"])
        except (RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"the players to start from are not like this run's: {reason}") from error

    def _load_tensors(self, tensors: Tensors) -> None:
        self.game.generator.load_state_dict(tensors["generator"])
        self.game.discriminator.load_state_dict(tensors["discriminator"])
        for half_life, player in self.averages.players.items():
            prefix = f"{half_life}."
            group = {k.removeprefix(prefix): v for k, v in tensors["ema"].items() if k.startswith(prefix)}
            player.load_state_dict(group)
        _load_optimizer_tensors(self.update, tensors["optimizers"])


def prepare(run: Run, shape: tuple[int, ...], classes: int, engine: Engine) -> State:
    """The state of a run at its start: players, game and optimisers, from the run's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeded(run.seed, "weights").initial_seed())
        generator, discriminator = run.new_generator(shape, classes), run.new_discriminator(shape, classes)
    players = [channels_last(player.to(engine.device, run.torch_dtype)) for player in (generator, discriminator)]
    rules = [setting.weight for setting in (*run.penalties, *run.generator_penalties)]
    balances = {rule: Balance(rule) for rule in rules if isinstance(rule, Balanced)}
    game = game_of(run, players, weights(sparing(run), balances), balances, mean=engine.mean)
    optimizers = [
        adam(player, settings)
        for player, settings in zip(players, (run.generator_adam, run.discriminator_adam), strict=True)
    ]
    return State(run, game, run.update(game, *optimizers), Averages(players[0], run.ema_half_lives), balances)


def channels_last(player: nn.Module) -> nn.Module:
    """The player, its convolutions' weights with channels innermost in memory: a sixth faster, the same numbers."""
    for parameter in player.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return player


def plain_game(state: State) -> Game:
    """The state's game in this process alone, with every penalty at each step: what is examined, whatever the moment.

    Its players are the state's. The field of the game that is played is this one's in the mean over steps.
    """
    if all(setting.every == 1 for setting in state.run.penalties):
        played = state.game
        return Game(*played.players, played.play, played.generator_loss, played.discriminator_loss, judge=played.judge)
    return game_of(state.run, state.game.players, weights(state.run.penalties, state.balances), state.balances)


def game_of(
    run: Run,
    players: Sequence[nn.Module],
    penalties: Mapping[Penalty, Cosine | Balance],
    balances: Mapping[Balanced, Balance],
    **options: Any,
) -> Game:
    """The run's game between players, with these penalties of the discriminator; `options` go to Game."""
    if run.augmentations:
        options["augment"] = augmentation(run)
    if run.generator_penalties:
        options["generator_penalties"] = weights(run.generator_penalties, balances)
    return run.task.build(*players, loss=run.loss, penalties=penalties, **run.task.options, **options)


def weights(settings: Iterable[PenaltySettings], balances: Mapping[Balanced, Balance]) -> dict[Any, Cosine | Balance]:
    """Each penalty's weight as a function of the images seen."""
    return {s.penalty: balances[s.weight] if isinstance(s.weight, Balanced) else s.weight for s in settings}


def sparing(run: Run) -> tuple[PenaltySettings, ...]:
    """The run's penalties of the discriminator as they are played: at each step, or lazily."""
    lazy = (
        s if s.every == 1 else replace(s, penalty=lazily(s.penalty, run.batch_size, s.every)) for s in run.penalties
    )
    return tuple(lazy)


def sampler_of(run: Run, dataset: Dataset, engine: Engine) -> Sampler:
    """The run's batches of this data set, for this process."""
    return Sampler(
        dataset,
        run.batch_size,
        run.latent_size,
        run.seed,
        run.conditional,
        engine.rank,
        engine.processes,
        engine.device,
        run.torch_dtype,
        run.holdout,
        run.masks,
        run.pair_augmentations,
    )


def augmentation(run: Run) -> Any:
    """The run's discriminator augmentation as a function of images and batch."""

    def augment(images: Tensor, batch: Batch) -> Tensor:
        assert batch.augmentation is not None
        probability = run.augmentation_probability(batch.images_seen)
        return diffaugment(images, batch.augmentation, run.augmentations, probability)

    return augment


def steps(state: State, sampler: Sampler) -> Iterator[State]:
    """Train from the state's moment to the run's last image, yielding after each step.

    Raises Diverged at the step at which a loss, gradient or parameter stops being finite.
    """
    run = state.run
    while state.images_seen < run.images:
        started = time.perf_counter()
        batch = sampler.batch(state.images_seen, state.images_seen + state.skipped)
        drawn = time.perf_counter()
        measures = update(state, batch).measures | parameter_norms(state.game)
        state.measures = dict(zip(measures, torch.stack(list(measures.values())).tolist(), strict=True))
        check_finite(state)
        for balance in state.balances.values():
            balance.follow(state.measures, run.batch_size)
        updated = time.perf_counter()
        state.images_seen += run.batch_size
        state.averages.update(state.game.generator, run.batch_size, state.images_seen)
        averaged = time.perf_counter()
        state.seconds = {"data": drawn - started, "update": updated - drawn, "averages": averaged - updated}
        yield state


def update(state: State, batch: Batch) -> Step:
    """Move the players as the run's next step does, on a batch."""
    follow_schedules(state)
    with seeded_draws(state.game.players, layer_seed(state)):
        return state.update.step(batch)


def crosses(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of the interval lies in (before, after]; never for 0."""
    return bool(interval) and after // interval > before // interval


def layer_seed(state: State) -> int:
    """What the random layers of a step (dropout, say) draw from, so that no random state needs saving.

    Unlike what a batch holds, these draws are other ones when the batch is split over several processes.
    """
    return seeded(state.run.seed, "layers", state.images_seen + state.skipped).initial_seed()


def follow_schedules(state: State) -> None:
    """Set learning rates and beta2 for the images seen."""
    run, update = state.run, state.update
    for optimizer, settings in (
        (update.generator_optimizer, run.generator_adam),
        (update.discriminator_optimizer, run.discriminator_adam),
    ):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate(state.images_seen)
            group["betas"] = (settings.beta1, settings.beta2(state.images_seen))


def parameter_norms(game: Game) -> dict[str, Tensor]:
    """The Euclidean norm of each player's parameters, not finite if any of them is not."""
    return {
        f"{name}_parameter_norm": norm(tuple(parameter.detach() for parameter in player.parameters()))
        for name, player in zip(PLAYERS, game.players, strict=True)
    }


def check_finite(state: State) -> None:
    """Raise Diverged naming the measures of this step (losses, gradients, parameters) that are not finite."""
    bad = [f"{name} is {value}" for name, value in state.measures.items() if not math.isfinite(value)]
    if bad:
        raise Diverged(state.images_seen, ", ".join(bad))


def check_tensors_finite(state: State) -> None:
    """Raise Diverged if anything that a checkpoint would hold is not finite (averages, Adam's moments, buffers too)."""
    named = {
        f"{file}.{name}": tensor
        for file, group in state.tensors().items()
        for name, tensor in group.items()
        if tensor.is_floating_point() and tensor.numel()
    }
    largest = torch._foreach_norm(list(named.values()), math.inf)  # pyright: ignore[reportPrivateImportUsage]
    values = torch.stack([value.double() for value in largest]).tolist()
    for name, value in zip(named, values, strict=True):
        if not math.isfinite(value):
            raise Diverged(state.images_seen - state.run.batch_size, f"{name} holds {value}")


def adam(player: nn.Module, settings: AdamSettings) -> Adam:
    """The optimiser of a player as a run's settings have it at the start."""
    betas = (settings.beta1, settings.beta2(0))
    return Adam(player.parameters(), settings.learning_rate(0), betas, settings.eps, fused=True)


def _optimizer_tensors(update: Update) -> dict[str, Tensor]:
    """All tensors of the update's state: PLAYER.INDEX.KEY of the optimisers, EXTRA.NAME of what it remembers itself."""
    content = update.state_dict()
    extra = {f"{EXTRA}.{name}": tensor for name, tensor in content[EXTRA].items()}
    return extra | {
        f"{player}.{index}.{key}": value
        for player in PLAYERS
        for index, values in content[player]["state"].items()
        for key, value in values.items()
    }


def _load_optimizer_tensors(update: Update, tensors: dict[str, Tensor]) -> None:
    content = update.state_dict() | {EXTRA: {}}
    for player in PLAYERS:
        content[player]["state"] = {}
    for name, tensor in tensors.items():
        if name.startswith(f"{EXTRA}."):
            content[EXTRA][name.removeprefix(f"{EXTRA}.")] = tensor
            continue
        player, index, key = name.split(".")
        content[player]["state"].setdefault(int(index), {})[key] = (
            tensor if key == "step" else _moment(name, tensor, _parameters(update, player)[int(index)])
        )
    update.load_state_dict(content)


def _moment(name: str, tensor: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's layout, which fused optimisers rely on. ValueError for another shape: torch checks neither."""
    if tensor.shape != parameter.shape:
        raise ValueError(f"optimizers.{name} has shape {tuple(tensor.shape)}, the parameter {tuple(parameter.shape)}")
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _parameters(update: Update, player: str) -> list[Tensor]:
    optimizers = {"generator": update.generator_optimizer, "discriminator": update.discriminator_optimizer}
    return [parameter for group in optimizers[player].param_groups for parameter in group["params"]]
