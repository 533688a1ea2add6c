"""The pool of past samples, against a plain list as the paper tells it; its state; that it is refused where it errs."""

import pytest
import torch

from image_runs import alone_run, completion_run, contrastive_run, translation_run, two_ways_run
from nablagan import losses
from nablagan.optim import Alternating, Pooled
from nablagan.tasks import generation, toys
from nablagan.training.checks import check_shared
from nablagan.training.engine import Engine
from nablagan.types import InputError
from oracle import batch_for, tiny
from runs import images_run


def update(size, kind="mlp"):
    game = generation(*tiny(kind), losses.relativistic)
    adam = [torch.optim.Adam(player.parameters(), 1e-2) for player in game.players]
    return Pooled(game, *adam, size=size)


def test_what_is_shown_is_what_a_plain_list_gives():
    pooled, plain = update(size=4), []
    torch.manual_seed(3)
    random = torch.Generator().manual_seed(3)
    replaced = 0
    for start in range(0, 60, 3):
        new = torch.arange(start, start + 3, dtype=torch.float64).view(3, 1)
        expected = []
        for sample in new:
            if len(plain) < 4:
                plain.append(sample)
                expected.append(sample)
            elif torch.rand((), generator=random) < 0.5:
                expected.append(sample)
            else:
                place = int(torch.randint(4, (), generator=random))
                expected.append(plain[place])
                plain[place] = sample
                replaced += 1
        assert torch.equal(pooled._shown(new), torch.stack(expected))
        assert torch.equal(pooled.extra["images"], torch.stack(plain))
    assert 15 < replaced < 45


def test_until_the_pool_is_full_it_is_alternating():
    pooled, plain = update(size=50), update(size=50)
    alternating = Alternating(plain.game, plain.generator_optimizer, plain.discriminator_optimizer)
    for _ in range(5):
        pooled.step(batch_for("mlp"))
        alternating.step(batch_for("mlp"))
    assert torch.equal(pooled.game.point(), plain.game.point())
    pooled.size = 3
    pooled.extra = {"images": pooled.extra["images"][:3]}
    torch.manual_seed(0)
    for _ in range(4):
        pooled.step(batch_for("mlp"))
        alternating.step(batch_for("mlp"))
    assert not torch.equal(pooled.game.point(), plain.game.point())


def test_a_saved_pool_goes_on_as_if_it_had_not_stopped():
    straight, stopped = update(size=5), update(size=5)
    for at in range(8):
        for one in (straight, stopped):
            torch.manual_seed(at)
            one.step(batch_for("mlp"))
        if at == 3:
            state = stopped.state_dict()
            point, stopped = stopped.game.point(), update(size=5)
            stopped.game.move_to(point)
            stopped.load_state_dict(state)
    assert torch.equal(straight.game.point(), stopped.game.point())
    assert torch.equal(straight.extra["images"], stopped.extra["images"])


def test_a_state_of_another_update_or_size_is_refused():
    pooled = update(size=2)
    for extra in ({"last": torch.zeros(3)}, {"images": torch.zeros(3, 1)}):
        with pytest.raises(InputError, match="no extra state"):
            pooled.load_state_dict(pooled.state_dict() | {"extra": extra})


def test_scalars_are_left_alone():
    game = toys.bilinear(torch.eye(1))
    sgd = [torch.optim.SGD(player.parameters(), lr=0.5) for player in game.players]
    pooled = Pooled(game, *sgd)
    pooled.step(toys.EMPTY)
    assert game.point().tolist() == [0.25, 1.5]


def test_several_processes_have_no_common_pool():
    run = two_ways_run(update=Pooled)
    check_shared(run, Engine(torch.device("cpu")))
    with pytest.raises(InputError, match="belongs to one process"):
        check_shared(run, Engine(torch.device("cpu"), rank=0, processes=2))


def test_a_past_sample_is_not_shown_beside_another_ones_source_mask_or_label():
    here = Engine(torch.device("cpu"))
    for run, beside in ((translation_run, "source"), (completion_run, "mask"), (images_run, "label")):
        with pytest.raises(InputError, match=f"beside another one's {beside}"):
            check_shared(run(update=Pooled), here)
        check_shared(run(), here)
    check_shared(contrastive_run(update=Pooled), here)
    check_shared(alone_run(update=Pooled), here)
    check_shared(images_run(update=Pooled, conditional=False), here)
