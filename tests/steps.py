"""One step of play as a matrix, read off the update's own code."""

import torch

from nablagan.tasks import toys


def sgd(game, rate):
    return [torch.optim.SGD(player.parameters(), lr=rate) for player in game.players]


def step_matrix(game, update, rate, steps=1, scale=1.0):
    """The matrix of `steps` steps near the equilibrium 0, on the point and every remembered (n,) vector."""
    play = update(game, *sgd(game, rate))
    names = [name for name, shape in play.extra_shapes().items() if shape and name == "last"]
    size, columns = len(game.point()), []
    for unit in torch.eye(size * (1 + len(names)), dtype=torch.float64) * scale:
        point, *extra = unit.split(size)
        play = update(game, *sgd(game, rate))
        play.load_state_dict(play.state_dict() | {"extra": dict(zip(names, extra, strict=True))})
        game.move_to(point)
        for _ in range(steps):
            play.step(toys.EMPTY)
        columns.append(torch.cat([game.point(), *(play.extra[name] for name in names)]) / scale)
    return torch.stack(columns, 1)


def radius(*arguments, **options):
    return torch.linalg.eigvals(step_matrix(*arguments, **options)).abs().max().item()
