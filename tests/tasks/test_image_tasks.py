"""Translation and completion against plain automatic differentiation of their losses as the docstrings state them.

Oracle: the losses written out again on the live modules, torch.autograd for field and dense Jacobian, float64.
"""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize, softplus

from nablagan import losses, penalties
from nablagan.optim import Alternating
from nablagan.players import contrastive as contrastive_players
from nablagan.players import two_ways as two_ways_players
from nablagan.tasks import completion, contrastive, translation, two_ways
from nablagan.tasks.continuation import continued
from nablagan.types import InputError
from translators import LATENT, SHAPE, SOURCE_SHAPE, PatchJudge, Translator, batch_for, draws, players

GAMMA = 0.7
R1_R2 = {penalties.r1: GAMMA, penalties.r2: GAMMA}
SAME = (2, 4, 6)
"""Shape of both domains where one encoder sees both."""


def mean_gap(a, b):
    return (a - b).abs().flatten(1).mean(1)


def penalty(judge, images):
    """gamma / 2 |grad of the mean logit|^2, each sample's."""
    images = images if images.requires_grad else images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(judge(images).mean(1).sum(), images, create_graph=True)
    return GAMMA / 2 * slope.square().flatten(1).sum(1)


def adversarial(judge, real, fake):
    """(for the generator, for the discriminator with R1 + R2), per sample; patch against patch."""
    margin = judge(real) - judge(fake)
    held = penalty(judge, real) + penalty(judge, fake)
    return softplus(margin).mean(1), softplus(-margin).mean(1) + held


class Task:
    """A game and, as functions of nothing, its losses written out."""

    def __init__(self, game, batch, written):
        self.game, self.batch, self.written = game, batch, written


def translation_task(sees_source=True):
    beside = SOURCE_SHAPE if sees_source else (0,)
    generator, judge = players(partial(Translator, SHAPE, SOURCE_SHAPE), partial(PatchJudge, SHAPE, beside))
    batch = batch_for()
    shown = partial(torch.cat, dim=1) if sees_source else lambda both: both[0]
    options = {"reconstruction": 3.0, "feature_matching": 2.0, "perceptual_weight": 4.0, "diversity": 0.5}
    options |= {"perceptual": squared, "sees_source": sees_source}
    game = translation(generator, judge, losses.relativistic, R1_R2, **options)

    def written():
        fake, other = generator(batch.source, batch.latent), generator(batch.source, -batch.latent)
        for_generator, for_judge = adversarial(lambda x: judge(shown([x, batch.source])), batch.real, fake)
        real_features, fake_features = (judge(shown([x, batch.source]), None, True)[1][0] for x in (batch.real, fake))
        spread = mean_gap(fake, other) / (2 * batch.latent).abs().mean(1)
        close = 1 / (spread + 1e-5 / (2 * batch.latent.abs().mean(1)))
        total = for_generator + 3 * mean_gap(fake, batch.real) + 2 * mean_gap(real_features, fake_features)
        return total + 4 * squared(batch.real, fake) + 0.5 * close, for_judge

    return Task(game, batch, written)


def two_ways_task():
    generator, judge = players(
        partial(two_ways_players.generator, SAME, SAME, Translator, LATENT, keeps=True),
        partial(two_ways_players.discriminator, SAME, SAME, PatchJudge),
    )
    batch = batch_for(SAME, SAME)
    game = two_ways(generator, judge, losses.relativistic, R1_R2, cycle=3.0, identity=2.0)

    def written():
        x, y, z = batch.source, batch.real, batch.latent
        there, back = generator.there(x, z), generator.back(y)
        one = adversarial(judge.of_targets, y, there)
        other = adversarial(judge.of_sources, x, back)
        cycle = mean_gap(generator.back(there), x) + mean_gap(generator.there(back, z), y)
        kept = mean_gap(generator.there(y, z), y) + mean_gap(generator.back(x), x)
        return one[0] + other[0] + 3 * cycle + 2 * kept, one[1] + other[1]

    return Task(game, batch, written)


def contrastive_task():
    generator, judge = players(
        partial(contrastive_players.generator, SAME, SAME, Translator, LATENT, projection=4), partial(PatchJudge, SAME)
    )
    batch = batch_for(SAME, SAME)
    game = contrastive(generator, judge, losses.relativistic, R1_R2, contrast=2.0)

    def nce(given):
        """Every place of these small maps is compared: the order of places does not matter."""
        made, inside = generator.net(given, batch.latent, True)
        total = 0
        for head, query, key in zip(
            generator.heads, [made, *generator.net.encode(made)], [given, *inside], strict=True
        ):
            q, k = (normalize(head(maps.flatten(2).transpose(1, 2)), dim=2) for maps in (query, key))
            total = total - (q @ k.transpose(1, 2) / 0.07).log_softmax(2).diagonal(dim1=1, dim2=2).mean(1)
        return total / len(generator.heads)

    def written():
        fake = generator.net(batch.source, batch.latent)
        for_generator, for_judge = adversarial(judge, batch.real, fake)
        return for_generator + 2 * (nce(batch.source) + nce(batch.real)) / 2, for_judge

    return Task(game, batch, written)


def completion_task():
    generator, judge = players(partial(Translator, SHAPE, (2, 4, 6)), partial(PatchJudge, SHAPE, (1, 4, 6)))
    batch = batch_for()
    options = {"hole": 3.0, "known": 2.0, "feature_matching": 4.0, "perceptual_weight": 5.0, "diversity": 0.5}
    game = completion(generator, judge, losses.relativistic, R1_R2, perceptual=squared, **options)

    def written():
        x, mask = batch.real, batch.mask
        smooth = continued(x, mask).clamp(-1, 1)
        given = torch.cat([x * (1 - mask) + smooth * mask, mask], 1)
        painted, other = generator(given, batch.latent), generator(given, -batch.latent)
        done, other = (x * (1 - mask) + image * mask for image in (painted, other))
        for_generator, for_judge = adversarial(lambda images: judge(torch.cat([images, mask], 1)), x, done)
        real_features, fake_features = (judge(torch.cat([i, mask], 1), None, True)[1][0] for i in (x, done))
        gap = (x - painted).abs()
        hole, known = ((gap * m).flatten(1).sum(1) / m.flatten(1).sum(1) for m in (mask, 1 - mask))
        close = 2 * batch.latent.abs().mean(1) / (mean_gap(done, other) + 1e-5)
        total = for_generator + 3 * hole + 2 * known + 4 * mean_gap(real_features, fake_features)
        return total + 5 * squared(x, done) + 0.5 * close, for_judge

    return Task(game, batch, written)


def squared(first, second):
    return (first - second).square().flatten(1).mean(1)


TASKS = {
    "translation": translation_task,
    "translation judged by images alone": partial(translation_task, sees_source=False),
    "two ways": two_ways_task,
    "contrastive": contrastive_task,
    "completion": completion_task,
}
every_task = pytest.mark.parametrize("make", TASKS.values(), ids=TASKS.keys())


def plain_field(task):
    """The field from the written losses, with its graph, and each loss's whole gradient."""
    theta, psi = (list(player.parameters()) for player in task.game.players)
    found = [value.mean() for value in task.written()]
    whole = [
        torch.cat([g.flatten() for g in torch.autograd.grad(v, theta + psi, create_graph=True, materialize_grads=True)])
        for v in found
    ]
    size = sum(p.numel() for p in theta)
    return found, whole, torch.cat([whole[0][:size], whole[1][size:]])


def dense(field, parameters):
    rows = [torch.autograd.grad(f, parameters, retain_graph=True, materialize_grads=True) for f in field]
    return torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])


@every_task
def test_losses_field_and_products_are_those_of_plain_differentiation(make):
    task = make()
    found, whole, field = plain_field(task)
    parameters = [p for player in task.game.players for p in player.parameters()]
    matrix, u = dense(field, parameters), draws(len(field), seed=9)
    close = partial(torch.testing.assert_close, rtol=1e-8, atol=1e-10)
    close(torch.stack(tuple(task.game.losses(task.batch))), torch.stack(found).detach())
    close(task.game.field(task.batch), field.detach())
    slopes = torch.stack(tuple(task.game.directional_derivatives(task.batch, u)))
    close(slopes, torch.stack([gradient.detach() @ u for gradient in whole]))
    jacobian = task.game.jacobian(task.batch)
    close(jacobian @ u, matrix @ u)
    close(jacobian.T @ u, matrix.T @ u)


@every_task
def test_live_gradients_are_the_halves_of_the_field(make):
    task = make()
    fake = task.game.generate(task.batch)
    parts = (
        task.game.generator_gradient(task.batch, task.game.generate(task.batch)),
        task.game.discriminator_gradient(task.batch, fake),
    )
    live = torch.cat([tensor.flatten() for part in parts for tensor in part.tensors])
    torch.testing.assert_close(live, task.game.field(task.batch), rtol=1e-9, atol=1e-12)


@every_task
def test_no_loss_couples_samples(make):
    """The field of a batch is the mean of those of its samples: so that processes may share it."""
    task = make()
    each = [task.game.field(task.batch.rows(slice(i, i + 1))) for i in range(len(task.batch.real))]
    torch.testing.assert_close(torch.stack(each).mean(0), task.game.field(task.batch), rtol=1e-9, atol=1e-12)


@every_task
def test_training_brings_the_reconstruction_down(make):
    task = make()
    adam = [torch.optim.Adam(player.parameters(), 2e-2, (0.0, 0.99)) for player in task.game.players]
    update = Alternating(task.game, *adam)
    steps = [update.step(task.batch).measures for _ in range(60)]
    name = next(n for n in ("reconstruction", "cycle", "contrast", "hole") if n in steps[0])
    assert steps[-1][name] < 0.8 * steps[0][name], (steps[0][name], steps[-1][name])


@every_task
def test_averages_of_patches_share_the_loss_passes(make):
    """With R1 and R2 the discriminator judges the real and the fake sample once each (twice for two domains)."""
    task, calls = make(), []
    judge = task.game.discriminator
    for module in getattr(judge, "children", list)() if isinstance(judge, two_ways_players.TwoJudges) else [judge]:
        module.register_forward_pre_hook(lambda *_: calls.append(1))
    fake = task.game.generate(task.batch)
    task.game.discriminator_gradient(task.batch, fake)
    assert len(calls) == (4 if isinstance(judge, two_ways_players.TwoJudges) else 2)


def test_known_pixels_are_copied_bit_for_bit():
    task = completion_task()
    fake, mask = task.game.generate(task.batch), task.batch.mask
    assert torch.equal(fake.images[mask.expand_as(fake.images) == 0], task.batch.real[mask.expand_as(fake.images) == 0])
    assert not torch.equal(fake.images, task.batch.real)


def test_what_lies_in_the_hole_does_not_reach_the_generator():
    task = completion_task()
    mask = task.batch.mask
    other = task.batch._replace(real=torch.where(mask > 0, 99.0, task.batch.real))
    one, two = task.game.generate(task.batch), task.game.generate(other)
    assert torch.equal(one.images, two.images)


@pytest.mark.parametrize("count", [1, 2, 5, 24, 64, 81, 1024, 1369])
def test_places_visit_each_place_at_most_once(count):
    maps = torch.arange(count, dtype=torch.float64).view(1, 1, 1, count).expand(4, -1, -1, -1)
    places = contrastive_players.at_places(maps, torch.tensor([0.0, 0.3, 0.7, 1.0], dtype=torch.float64))
    assert places.shape == (4, min(64, count), 1)
    assert all(len(row.unique()) == min(64, count) for row in places)


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        (translation_task, "source", "no source images"),
        (two_ways_task, "source", "no source images"),
        (contrastive_task, "augmentation", "no draws to choose places by"),
        (completion_task, "mask", "no mask"),
    ],
)
def test_a_batch_that_lacks_something_is_refused(make, field, words):
    task = make()
    with pytest.raises(InputError, match=words):
        task.game.field(task.batch._replace(**{field: None}))


def test_negative_weights_are_refused():
    pair = players(partial(Translator, SHAPE, SOURCE_SHAPE), partial(PatchJudge, SHAPE, SOURCE_SHAPE))
    for game, name in ((translation, "reconstruction"), (two_ways, "cycle"), (contrastive, "contrast")):
        with pytest.raises(InputError, match=f"the weight {name} is -1"):
            game(*pair, losses.relativistic, **{name: -1.0})
    with pytest.raises(InputError, match="the weight perceptual is -1"):
        completion(*pair, losses.relativistic, perceptual_weight=-1.0)


def test_one_encoder_needs_equal_channels():
    with pytest.raises(InputError, match="sources have 2 channels and targets 1"):
        contrastive_players.generator(SHAPE, SOURCE_SHAPE, Translator)


def test_penalties_with_batch_normalisation_are_refused():
    judge = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    with pytest.raises(InputError, match="batch normalisation"):
        translation(Translator(SHAPE, SOURCE_SHAPE), judge, losses.relativistic, R1_R2)
