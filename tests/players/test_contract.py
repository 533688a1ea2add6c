"""What every player promises: shapes, errors, no coupling of samples, derivatives of any order in float64."""

import itertools

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from cases import PLAYERS
from nablagan.penalties import r1
from nablagan.players import dcgan, layers, mlp, r3gan
from nablagan.types import InputError, Pair

SHAPES = [(1, 28, 28), (3, 32, 32), (2, 48, 64), (5, 8, 16), (4, 64, 64), (3, 7, 7)]
every_player = pytest.mark.parametrize("case", PLAYERS)
every_module = pytest.mark.parametrize("module", [mlp, dcgan, r3gan], ids=["mlp", "dcgan", "r3gan"])
with_and_without_classes = pytest.mark.parametrize("classes", [0, 3])


def pair_of(case, shape=(2, 8, 16), classes=0, seed=0):
    """A tiny generator and discriminator, moved off their special starting point."""
    torch.manual_seed(seed)
    module, generator_options, discriminator_options = PLAYERS[case]
    generator = module.generator(shape, latent_size=6, classes=classes, size="tiny", **generator_options)
    discriminator = module.discriminator(shape, classes=classes, size="tiny", **discriminator_options)
    with torch.no_grad():
        for parameter in itertools.chain(generator.parameters(), discriminator.parameters()):
            parameter.add_(0.05 * torch.randn_like(parameter))
    return generator.double(), discriminator.double()


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(count, classes):
    return torch.arange(count) % classes if classes else None


@every_player
@with_and_without_classes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(case, classes, shape):
    generator, discriminator = pair_of(case, shape, classes)
    samples = generator(draws(3, 6), labels(3, classes))
    assert samples.shape == (3, *shape)
    assert discriminator(samples, labels(3, classes)).shape == (3,)


@pytest.mark.parametrize("classes", [0, 3])
def test_points_for_the_multilayer_players(classes):
    generator, discriminator = pair_of("mlp", (2,), classes)
    samples = generator(draws(5, 6), labels(5, classes))
    assert (samples.shape, discriminator(samples, labels(5, classes)).shape) == ((5, 2), (5,))


@every_player
@with_and_without_classes
def test_a_gradient_reaches_every_parameter(case, classes):
    generator, discriminator = pair_of(case, classes=classes)
    samples = generator(draws(6, 6), labels(6, classes))
    logits = discriminator(samples, labels(6, classes))
    for player in (generator, discriminator):
        gradients = torch.autograd.grad(logits @ draws(6), list(player.parameters()), retain_graph=True)
        for (name, _), gradient in zip(player.named_parameters(), gradients, strict=True):
            assert gradient.abs().max() > 0, name


@every_player
@with_and_without_classes
def test_a_sample_does_not_depend_on_its_batch(case, classes):
    generator, discriminator = pair_of(case, classes=classes)
    latent, label = draws(5, 6), labels(5, classes)
    samples = generator(latent, label)
    logits = discriminator(samples, label)
    alone = None if label is None else label[3:4]
    torch.testing.assert_close(generator(latent[3:4], alone), samples[3:4], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(discriminator(samples[3:4], alone), logits[3:4], rtol=1e-10, atol=1e-10)


@every_player
def test_a_logit_has_no_gradient_at_other_samples(case):
    generator, discriminator = pair_of(case)
    latent = draws(5, 6).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(generator(latent, None), None)[3], latent)
    assert (gradient.abs().amax(1) > 0).tolist() == [False, False, False, True, False]


@every_player
def test_label_matters_with_classes_and_is_ignored_without(case):
    for classes in (0, 3):
        generator, discriminator = pair_of(case, classes=classes)
        latent = draws(2, 6)
        first, second = (generator(latent, torch.tensor([label, label])) for label in (0, 1))
        assert torch.equal(first, second) is (classes == 0)
        first, second = (discriminator(first, torch.tensor([label, label])) for label in (0, 1))
        assert torch.equal(first, second) is (classes == 0)


class Bends(TorchFunctionMode):
    """Records on which side of its bend each leaky ReLU is."""

    def __init__(self):
        super().__init__()
        self.sides = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is functional.leaky_relu:
            self.sides.append(args[0] > 0)
        return func(*args, **(kwargs or {}))


def moved(player, direction, distance):
    """The player's parameters at a distance along a direction, by name."""
    return {name: p.detach() + distance * direction[name] for name, p in player.named_parameters()}


def sides(player, parameters, arguments):
    with Bends() as bends:
        functional_call(player, parameters, arguments)
    return bends.sides


def smooth_segment(player, *arguments, step):
    """(direction, parameters here, there, back): no leaky ReLU bends between here +- step direction.

    Across a bend the player has no derivative to compare with; points and directions are drawn until there is none.
    """
    for seed in range(100):
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in player.parameters():
                parameter.add_(0.01 * torch.randn_like(parameter))
        direction = {name: torch.randn_like(p) for name, p in player.named_parameters()}
        here, there, back = (moved(player, direction, sign * step) for sign in (0, 1, -1))
        pairs = zip(sides(player, there, arguments), sides(player, back, arguments), strict=True)
        if all(torch.equal(first, second) for first, second in pairs):
            return direction, here, there, back
    raise AssertionError(f"no segment of {step} without a bend: choose a smaller step")


@every_player
@with_and_without_classes
def test_second_derivatives_of_the_discriminator_against_finite_differences(case, classes):
    """The derivative of R1 along a direction: forward over reverse, double backward, differences."""
    _, discriminator = pair_of(case, classes=classes)
    pair = Pair(draws(2, 2, 8, 16), draws(2, 2, 8, 16), labels(2, classes))
    step = 1e-6
    direction, here, there, back = smooth_segment(discriminator, pair.real, pair.label, step=step)

    def penalty(parameters):
        return r1(lambda x, y: functional_call(discriminator, parameters, (x, y)), pair).mean()

    forward = torch.func.jvp(penalty, (here,), (direction,))[1]
    gradient = torch.func.grad(penalty)(here)
    backward = sum((gradient[name] * direction[name]).sum() for name in direction)
    torch.testing.assert_close(forward, backward, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(forward, (penalty(there) - penalty(back)) / (2 * step), rtol=1e-6, atol=1e-7)


@every_player
@with_and_without_classes
def test_derivatives_of_the_generator_against_finite_differences(case, classes):
    """J u by forward mode and by differences, and <w, J u> = <J^T w, u> by reverse mode."""
    generator, _ = pair_of(case, classes=classes)
    latent, label = draws(2, 6), labels(2, classes)
    step = 1e-6
    direction, here, there, back = smooth_segment(generator, latent, label, step=step)

    def samples(parameters):
        return functional_call(generator, parameters, (latent, label))

    forward = torch.func.jvp(samples, (here,), (direction,))[1]
    torch.testing.assert_close(forward, (samples(there) - samples(back)) / (2 * step), rtol=1e-6, atol=1e-7)
    covector = draws(*forward.shape)
    pulled = torch.func.vjp(samples, here)[1](covector)[0]
    by_reverse = sum((pulled[name] * direction[name]).sum() for name in direction)
    torch.testing.assert_close((covector * forward).sum(), by_reverse, rtol=1e-10, atol=1e-10)


@every_player
def test_samples_and_logits_have_the_dtype_of_the_parameters(case):
    for dtype in (torch.float32, torch.float64):
        generator, discriminator = (player.to(dtype) for player in pair_of(case))
        for given in (torch.float32, torch.float64):
            samples = generator(draws(2, 6).to(given))
            assert (samples.dtype, discriminator(samples.to(given)).dtype) == (dtype, dtype)


@every_player
def test_a_players_state_survives_a_copy(case):
    (first, _), (second, _) = pair_of(case, seed=0), pair_of(case, seed=1)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(draws(2, 6)), second(draws(2, 6)))


@every_module
def test_sizes_grow(module):
    for make in (module.generator, module.discriminator):
        counts = [layers.parameter_count(make((3, 32, 32), size=size)) for size in ("tiny", "small", "base")]
        assert counts[0] < counts[1] < counts[2]


@every_module
def test_an_unknown_size_names_the_choices(module):
    for make in (module.generator, module.discriminator):
        with pytest.raises(InputError, match=r"'huge'.*tiny, small, base"):
            make((3, 32, 32), size="huge")


@every_module
def test_wrong_samples_and_latents(module):
    generator, discriminator = pair_of(module.__name__.rsplit(".", 1)[1])
    with pytest.raises(InputError, match=r"latent has shape \(3, 5\): this player takes \(batch, 6\)"):
        generator(torch.zeros(3, 5))
    with pytest.raises(InputError, match=r"this player takes \(batch, 2, 8, 16\)"):
        discriminator(torch.zeros(3, 2, 16, 8))
    with pytest.raises(InputError, match=r"this player takes \(batch, 2, 8, 16\)"):
        discriminator(torch.zeros(2, 8, 16))


@pytest.mark.parametrize("module", [dcgan, r3gan], ids=["dcgan", "r3gan"])
def test_shapes_and_widths_that_do_not_fit(module):
    for make in (module.generator, module.discriminator):
        with pytest.raises(InputError, match=r"use players\.mlp for points"):
            make((2,))
        with pytest.raises(InputError, match="nearest usable size is 32x32"):
            make((3, 30, 30))
        with pytest.raises(InputError, match="give 4 positive widths"):
            make((3, 32, 32), widths=(32, 32))
