"""All that asking a game something could move, and whether it has."""

import torch


def everything(game):
    """All that asking could move: tensors, their flags and gradients, training flags, the random state."""
    modules = [module for player in game.players for module in player.modules()]
    tensors = [t for player in game.players for t in (*player.parameters(), *player.buffers())]
    return (
        [(id(t), t.detach().clone(), t.requires_grad, t.grad) for t in tensors],
        [(id(m), m.training, sorted(vars(m))) for m in modules],
        torch.get_rng_state(),
    )


def assert_same(before, after):
    for (address, value, *flags), (address_after, value_after, *flags_after) in zip(before[0], after[0], strict=True):
        assert address == address_after
        assert torch.equal(value, value_after)
        assert flags == flags_after
    assert before[1] == after[1]
    assert torch.equal(before[2], after[2])
