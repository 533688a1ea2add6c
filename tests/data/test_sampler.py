"""Batches depend on (seed, position, place in the global batch) and on nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nablagan.data import DRAWS, Dataset
from nablagan.data.masks import box
from nablagan.data.paired_augment import PAIRED_DRAWS, PAIRED_KINDS, paired_augment
from nablagan.data.sampler import STREAMS, Sampler, heldout, members, permutation, seeded
from nablagan.types import InputError

COUNT = 37


def dataset(count=COUNT):
    """Sample i is filled with the value i, its label is i mod 10: what was drawn can be read off."""
    samples = np.repeat(np.arange(count, dtype=np.uint8), 64).reshape(count, 1, 8, 8)
    return Dataset("set", samples, np.arange(count) % 10, tuple("0123456789"), "", {})


def sampler(batch_size=8, seed=5, conditional=True, **more):
    return Sampler(dataset(), batch_size, 4, seed, conditional, **more)


def drawn(batch):
    return ((batch.real[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def assert_equal(one, other):
    for left, right in zip(one[:5], other[:5], strict=True):
        assert (left is None and right is None) or torch.equal(left, right)
    assert one.images_seen == other.images_seen


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_share_the_batch_of_one(processes):
    for images_seen in (0, 8, 32, 80):
        whole = sampler().batch(images_seen)
        parts = [sampler(rank=rank, processes=processes).batch(images_seen) for rank in range(processes)]
        for place in (0, 1, 2, 4):
            assert torch.equal(torch.cat([part[place] for part in parts]), whole[place])
        assert all(part.images_seen == images_seen for part in parts)


def test_a_batch_size_that_processes_cannot_share_is_an_error():
    with pytest.raises(AssertionError):
        sampler(batch_size=7, processes=2)


def test_a_sampler_made_anew_goes_on_where_another_stopped():
    straight = sampler()
    batches = [straight.batch(images_seen) for images_seen in range(0, 96, 8)]
    permutation.cache_clear()
    for images_seen in (88, 40, 0):
        assert_equal(sampler().batch(images_seen), batches[images_seen // 8])


def test_every_epoch_is_another_permutation():
    sampler_ = sampler(batch_size=COUNT)
    orders = [drawn(sampler_.batch(epoch * COUNT)) for epoch in range(4)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_epochs_are_whole_when_batches_lie_across_their_ends():
    order = [index for images_seen in range(0, 37 * 8, 8) for index in drawn(sampler().batch(images_seen))]
    for epoch in range(8):
        assert sorted(order[epoch * COUNT : (epoch + 1) * COUNT]) == list(range(COUNT))


def test_a_batch_larger_than_the_set_takes_several_epochs():
    order = drawn(Sampler(dataset(9), 30, 4, 0).batch(3))
    assert sorted(order[6:15]) == sorted(order[15:24]) == list(range(9))


def test_labels_belong_to_the_samples_and_come_only_when_asked():
    batch = sampler().batch(24)
    assert batch.label.dtype == torch.int64
    assert batch.label.tolist() == [value % 10 for value in drawn(batch)]
    assert sampler(conditional=False).batch(24).label is None
    unlabelled = Dataset("set", dataset().samples, None, (), "", {})
    assert Sampler(unlabelled, 8, 4, 0, conditional=True).batch(0).label is None


def test_draws_differ_between_positions_seeds_and_streams():
    first, second, other = sampler().batch(0), sampler().batch(8), sampler(seed=6).batch(0)
    for batch in (second, other):
        assert not torch.equal(first.latent, batch.latent)
        assert not torch.equal(first.augmentation, batch.augmentation)
    numbers = [torch.rand(4, generator=seeded(0, stream)).tolist() for stream in STREAMS]
    assert len({tuple(number) for number in numbers}) == len(STREAMS)


def test_after_a_rollback_other_draws_come_at_the_same_count():
    batch = sampler().batch(8, position=80)
    assert batch.images_seen == 8
    assert torch.equal(batch.latent, sampler().batch(80).latent)
    assert drawn(batch) == drawn(sampler().batch(80))


def test_what_a_batch_holds():
    batch = Sampler(dataset(), 2000, 8, 0, dtype=torch.float64).batch(0)
    assert batch.real.shape == (2000, 1, 8, 8)
    assert batch.real.dtype == batch.latent.dtype == batch.augmentation.dtype == torch.float64
    assert batch.latent.shape == (2000, 8)
    assert abs(batch.latent.mean()) < 0.04
    assert abs(batch.latent.std() - 1) < 0.03
    assert batch.augmentation.shape == (2000, DRAWS)
    assert 0 <= batch.augmentation.min() < 0.001 < 0.999 < batch.augmentation.max() < 1


def test_float64_sees_the_same_numbers_as_float32():
    single, double = sampler().batch(8), sampler(dtype=torch.float64).batch(8)
    assert torch.equal(single.latent.double(), double.latent)
    assert torch.equal(single.real.double(), double.real)


def test_global_random_state_is_neither_used_nor_moved():
    torch.manual_seed(1)
    first, state = sampler().batch(0), torch.get_rng_state()
    torch.manual_seed(2)
    assert_equal(sampler().batch(0), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_held_out_samples_are_never_drawn_and_all_others_are():
    held = heldout(COUNT, 5, 9).tolist()
    assert len(set(held)) == 9
    assert held == sorted(held)
    assert members(COUNT, 5, 9).tolist() == sorted(set(range(COUNT)) - set(held))
    order = [index for images_seen in range(0, 28 * 8, 8) for index in drawn(sampler(holdout=9).batch(images_seen))]
    for epoch in range(8):
        assert sorted(order[epoch * 28 : (epoch + 1) * 28]) == members(COUNT, 5, 9).tolist()


def test_they_depend_on_the_seed_alone_and_fewer_are_among_more():
    assert heldout(COUNT, 5, 9).tolist() == heldout(COUNT, 5, 9).tolist() != heldout(COUNT, 6, 9).tolist()
    assert set(heldout(COUNT, 5, 4)) < set(heldout(COUNT, 5, 9))
    for rank in (0, 1):
        part = sampler(holdout=9, rank=rank, processes=2)
        assert part.members.tolist() == sampler(holdout=9).members.tolist()


def test_processes_share_the_batch_of_one_with_samples_held_out_too():
    whole = sampler(holdout=9).batch(24)
    parts = [sampler(holdout=9, rank=rank, processes=2).batch(24) for rank in (0, 1)]
    assert torch.equal(torch.cat([part.real for part in parts]), whole.real)


def test_nothing_held_out_draws_what_was_always_drawn():
    """The permutation of all samples, place by place."""
    order = permutation(COUNT, 5, 0)
    assert drawn(sampler(holdout=0).batch(8)) == order[8:16].tolist()


@pytest.mark.parametrize("holdout", [COUNT, COUNT + 1])
def test_some_samples_must_be_left_to_train_on(holdout):
    assert len(sampler(holdout=COUNT - 1).members) == 1
    with pytest.raises(InputError, match=f"holdout is {holdout} of {COUNT} samples"):
        sampler(holdout=holdout)


def pairs(is_paired=True, **more):
    """Random samples; sources are their negatives in pairs, and any others apart."""
    samples = np.random.default_rng(3).integers(0, 256, (COUNT, 1, 8, 8), np.uint8)
    sources = 255 - samples if is_paired else np.ascontiguousarray(samples[:13, :, :, ::-1])
    return replace(dataset(), samples=samples, sources=sources, is_paired=is_paired, **more)


@pytest.mark.parametrize("is_paired", [True, False])
def test_a_moved_batch_is_the_plain_one_moved_by_draws_of_its_position(is_paired):
    """The oracle is `paired_augment` of the batch without augmentation."""
    given = pairs(is_paired, masks=np.random.default_rng(1).integers(0, 2, (COUNT, 1, 8, 8)).astype(np.uint8) * 255)
    plain, moved = (
        Sampler(given, 8, 4, 5, masks=box, pair_augmentations=kinds).batch(16, 24) for kinds in ((), PAIRED_KINDS)
    )
    draws = torch.rand(8, 2 * PAIRED_DRAWS, generator=seeded(5, "pairs", 24))
    first, second = draws[:, :PAIRED_DRAWS], draws[:, PAIRED_DRAWS:]
    together = paired_augment(plain.real, first, plain.source if is_paired else None, plain.mask)
    source = together.source if is_paired else paired_augment(plain.source, second).sample
    expected = (together.sample, together.mask, source)
    for name, there in zip(("real", "mask", "source"), expected, strict=True):
        assert torch.equal(getattr(moved, name), there)
        assert not torch.equal(there, getattr(plain, name))
    assert_equal(plain._replace(real=moved.real, mask=moved.mask), moved)


def test_pairs_stay_pairs_when_they_are_moved():
    """Of a source that is the negative of its sample the sum is 0, wherever both go."""
    for at in (0, 8, 40):
        batch = Sampler(pairs(), 8, 4, 5, pair_augmentations=("flip", "shift")).batch(at)
        assert torch.allclose(batch.real + batch.source, torch.zeros_like(batch.real), atol=1e-6)


def test_a_drawn_hole_stays_where_it_is():
    plain, moved = (Sampler(dataset(), 8, 4, 5, masks=box, pair_augmentations=kinds) for kinds in ((), ("flip",)))
    assert torch.equal(plain.batch(8).mask, moved.batch(8).mask)


@pytest.mark.parametrize("is_paired", [True, False])
def test_several_processes_move_what_one_moves(is_paired):
    given, settings = pairs(is_paired), {"masks": box, "pair_augmentations": PAIRED_KINDS}
    whole = Sampler(given, 8, 4, 5, **settings).batch(16, 24)
    parts = [Sampler(given, 8, 4, 5, rank=rank, processes=2, **settings).batch(16, 24) for rank in (0, 1)]
    for name in ("real", "mask", "source"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))


def test_what_is_examined_is_not_moved():
    plain, moved = (Sampler(pairs(), 8, 4, 5, pair_augmentations=kinds) for kinds in ((), PAIRED_KINDS))
    for name in ("real", "source"):
        assert torch.equal(getattr(plain.of_samples(np.arange(5)), name), getattr(moved.of_samples(np.arange(5)), name))
