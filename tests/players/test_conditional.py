"""What every player of translation and completion promises: any channels and sizes, no coupling, right derivatives."""

import itertools
from functools import partial

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from cases import CONDITIONAL_DISCRIMINATORS, CONDITIONAL_GENERATORS
from nablagan.players import conditional, fourier, gated, layers, precision, resnet, unet
from nablagan.players import partial as partial_convolutions
from nablagan.types import InputError

every_generator = pytest.mark.parametrize("case", CONDITIONAL_GENERATORS)
every_discriminator = pytest.mark.parametrize("case", CONDITIONAL_DISCRIMINATORS)
every_size = pytest.mark.parametrize("size", [(1, 1), (5, 3), (37, 53), (16, 16)], ids=str)


def generator_of(case, channels=2, sources=3, side=16, latent_size=0, seed=0, **more):
    """A tiny generator off its special starting point, in float64."""
    torch.manual_seed(seed)
    module, options = CONDITIONAL_GENERATORS[case]
    shapes = {"shape": (channels, side, side), "source_shape": (sources, side, side)}
    made = module.generator(**shapes, latent_size=latent_size, size="tiny", **(options | more))
    return off_start(made).double()


def discriminator_of(case, channels=2, sources=1, classes=0, seed=0, **more):
    torch.manual_seed(seed)
    module, options = CONDITIONAL_DISCRIMINATORS[case]
    source_shape = (sources, 16, 16) if sources else None
    made = module.discriminator((channels, 16, 16), classes, source_shape, size="tiny", **(options | more))
    return off_start(made).double()


def off_start(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return module


def draws(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@every_generator
@every_size
@pytest.mark.parametrize(("channels", "sources"), [(1, 3), (4, 1)])
def test_any_size_and_any_channels(case, size, channels, sources):
    sources = max(sources, 2) if case == "partial" else sources  # a pixel and its mask
    generator = generator_of(case, channels, sources)
    source = draws(2, sources, *size)
    image, maps = generator(source, features=True)
    assert (image.shape, image.dtype) == ((2, channels, *size), torch.float64)
    assert torch.equal(image, generator(source)), "not a function of its source"
    for seen, encoded in zip(maps, generator.encode(source), strict=True):
        assert torch.equal(seen, encoded)
        assert (len(seen), seen.ndim) == (2, 4)


@every_generator
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 8), (2, 24, 40)], ids=str)
def test_any_size_trained_at(case, shape):
    module, options = CONDITIONAL_GENERATORS[case]
    generator = module.generator(shape, (2, *shape[1:]), size="tiny", **options)
    assert generator(torch.zeros(1, 2, *shape[1:])).shape == (1, *shape)


@every_generator
def test_a_size_that_is_no_multiple_is_the_repeated_border_cropped(case):
    generator = generator_of(case)
    source = draws(1, 3, 11, 14)
    repeated = torch.nn.functional.pad(source, (0, -14 % generator.multiple, 0, -11 % generator.multiple), "replicate")
    assert torch.equal(generator(source), generator(repeated)[..., :11, :14])


@every_generator
def test_the_latent_matters_from_the_start_and_never_before_the_encoder(case):
    module, options = CONDITIONAL_GENERATORS[case]
    torch.manual_seed(0)
    generator = module.generator((1, 16, 16), (2, 16, 16), latent_size=5, size="tiny", **options)
    source = draws(2, 2, 16, 16).float()
    first, second = (generator(source, draws(2, 5, seed=seed).float(), features=True) for seed in (1, 2))
    assert (first[0] - second[0]).square().mean() > 0.01 * first[0].square().mean()
    assert all(torch.equal(one, other) for one, other in zip(first[1], second[1], strict=True))


@every_generator
def test_without_latent_size_a_latent_is_ignored(case):
    generator, source = generator_of(case), draws(2, 3, 8, 8)
    assert torch.equal(generator(source, draws(2, 7)), generator(source))


@every_generator
def test_a_generators_gradient_reaches_every_parameter(case):
    generator = generator_of(case, latent_size=4)
    image = generator(draws(2, 3, 16, 16), draws(2, 4))
    gradients = torch.autograd.grad((image * draws(*image.shape, seed=3)).sum(), list(generator.parameters()))
    for (name, _), gradient in zip(generator.named_parameters(), gradients, strict=True):
        if not name.endswith("block.bias") or "instance" not in case:  # instance norm takes constants away
            assert gradient.abs().max() > 0, name


@every_generator
def test_an_image_does_not_depend_on_its_batch(case):
    generator = generator_of(case, latent_size=4)
    source, latent = draws(4, 3, 9, 8).requires_grad_(), draws(4, 4)
    images = generator(source, latent)
    torch.testing.assert_close(generator(source[2:3], latent[2:3]), images[2:3], rtol=1e-10, atol=1e-10)
    (gradient,) = torch.autograd.grad(images[2].sum(), source)
    assert (gradient.abs().amax((1, 2, 3)) > 0).tolist() == [False, False, True, False]


@every_discriminator
def test_logits_do_not_depend_on_their_batch(case):
    discriminator = discriminator_of(case, classes=3)
    images, label = draws(4, 3, 16, 17).requires_grad_(), torch.tensor([0, 1, 2, 0])
    logits = discriminator(images, label)
    torch.testing.assert_close(discriminator(images[2:3], label[2:3]), logits[2:3], rtol=1e-10, atol=1e-10)
    (gradient,) = torch.autograd.grad(logits[2] @ draws(logits.shape[1]), images)
    assert (gradient.abs().amax((1, 2, 3)) > 0).tolist() == [False, False, True, False]


@every_discriminator
@every_size
@pytest.mark.parametrize(("channels", "sources"), [(1, 0), (3, 2)])
def test_logits_of_any_size_and_any_channels(case, size, channels, sources):
    discriminator = discriminator_of(case, channels, sources)
    images = draws(2, channels + sources, *size)
    logits, features = discriminator(images, features=True)
    assert (logits.ndim, len(logits), logits.dtype) == (2, 2, torch.float64)
    assert torch.equal(discriminator(images), logits)
    assert all(map.ndim == 4 and len(map) == 2 for map in features)


@every_discriminator
def test_a_discriminators_gradient_reaches_every_parameter(case):
    discriminator = discriminator_of(case, classes=2)
    logits = discriminator(draws(3, 3, 16, 16), torch.tensor([0, 1, 1]))
    gradients = torch.autograd.grad((logits * draws(*logits.shape)).sum(), list(discriminator.parameters()))
    for (name, _), gradient in zip(discriminator.named_parameters(), gradients, strict=True):
        if not name.endswith("block.bias") or "scales" not in case:  # instance norm takes constants away
            assert gradient.abs().max() > 0, name


@every_discriminator
def test_the_label_matters_with_classes_and_is_ignored_without(case):
    images = draws(2, 3, 16, 16)
    for classes in (0, 3):
        discriminator = discriminator_of(case, classes=classes)
        first, second = (discriminator(images, torch.tensor([label, label])) for label in (0, 1))
        assert torch.equal(first, second) is (classes == 0)


@every_generator
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_derivatives_of_a_generator_against_differences(case, check):
    """Oracle: central differences of torch.autograd, in a random direction (fast mode), by source and latent."""
    narrow = {"widths": (4, 3)} if case != "resnet" else {"widths": (4, 3), "blocks": 2}
    generator = generator_of(case, 1, 2, latent_size=2, **narrow)
    assert check(generator, (draws(2, 2, 3, 4).requires_grad_(), draws(2, 2).requires_grad_()), fast_mode=True)


@every_discriminator
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_derivatives_of_a_discriminator_against_differences(case, check):
    """Oracle: central differences of torch.autograd, in a random direction (fast mode)."""
    discriminator = discriminator_of(case, widths=(3, 4) if "scales" in case else (3, 4, 4))
    assert check(discriminator, (draws(2, 3, 13, 8).requires_grad_(),), fast_mode=True)


every_player = pytest.mark.parametrize(
    ("make", "shapes"),
    [
        *(
            pytest.param(partial(generator_of, case, latent_size=3), ((2, 3, 9, 8), (2, 3)), id=case)
            for case in CONDITIONAL_GENERATORS
        ),
        *(
            pytest.param(partial(discriminator_of, case), ((2, 3, 16, 9),), id=case)
            for case in CONDITIONAL_DISCRIMINATORS
        ),
    ],
)


@every_player
def test_forward_over_reverse_is_reverse_over_reverse_and_reverse_over_forward(make, shapes):
    """A Hessian, of a scalar of the output, times a direction in the parameters: three ways, one value."""
    player, inputs = make(), [draws(*shape) for shape in shapes]
    here = {name: parameter.detach() for name, parameter in player.named_parameters()}
    direction = {name: draws(*value.shape, seed=4) for name, value in here.items()}

    def value(parameters):
        return functional_call(player, parameters, tuple(inputs)).square().sum()

    def pulled(parameters):
        outputs, pull = torch.func.vjp(value, parameters)
        return pull(torch.ones_like(outputs))[0]

    def slope(parameters):
        return torch.func.jvp(value, (parameters,), (direction,))[1]

    def along(parameters):
        gradient = torch.func.grad(value)(parameters)
        return sum((gradient[name] * direction[name]).sum() for name in direction)

    forward = torch.func.jvp(pulled, (here,), (direction,))[1]
    backward, over_forward = torch.func.grad(along)(here), torch.func.grad(slope)(here)
    product, *others = (torch.cat([x.flatten() for x in way.values()]) for way in (forward, backward, over_forward))
    for other in others:
        torch.testing.assert_close(product, other, rtol=1e-9, atol=1e-12 * float(product.norm()))


@every_player
def test_bfloat16_stages_give_nearly_the_same_and_float32(make, shapes):
    exact, mixed = (off_start(make(bfloat16_stages=count)).float() for count in (0, 2))
    mixed.load_state_dict(exact.state_dict())
    inputs = [draws(*shape).float() for shape in shapes]
    first, second = (player(*inputs) for player in (exact, mixed))
    assert second.dtype == torch.float32
    assert not torch.equal(first, second)
    assert (first - second).norm() < 0.1 * first.norm()
    with precision.full_precision(mixed):
        assert torch.equal(mixed(*inputs), first)


@every_generator
def test_generators_grow_and_name_their_sizes(case):
    module, options = CONDITIONAL_GENERATORS[case]
    sizes = ("tiny", "small", "base")
    counts = [
        layers.parameter_count(module.generator((3, 16, 16), (4, 16, 16), size=size, **options)) for size in sizes
    ]
    assert all(first < second for first, second in itertools.pairwise(counts))
    with pytest.raises(InputError, match=r"'huge'.*tiny, small, base"):
        module.generator((3, 16, 16), (4, 16, 16), size="huge")


@every_generator
def test_wrong_sources_and_latents(case):
    generator = generator_of(case, latent_size=4)
    with pytest.raises(InputError, match=r"a source has shape \(1, 2, 8, 8\): this player takes \(batch, 3, "):
        generator(draws(1, 2, 8, 8))
    with pytest.raises(InputError, match=r"a source has shape \(3, 8, 8\)"):
        generator.encode(draws(3, 8, 8))
    with pytest.raises(InputError, match=r"no latent: this generator takes one \(batch, 4\)"):
        generator(draws(1, 3, 8, 8))
    with pytest.raises(InputError, match=r"latent has shape \(1, 5\): this player takes \(batch, 4\)"):
        generator(draws(1, 3, 8, 8), draws(1, 5))
    with pytest.raises(InputError, match="1 latents for 2 sources"):
        generator(draws(2, 3, 8, 8), draws(1, 4))
    module, _ = CONDITIONAL_GENERATORS[case]
    with pytest.raises(InputError, match="makes images of shape"):
        module.generator((2,), (2, 8, 8))
    with pytest.raises(InputError, match="latent_size=-1"):
        module.generator((2, 8, 8), (2, 8, 8), latent_size=-1)


@pytest.mark.parametrize("module", [unet, resnet, fourier, gated, partial_convolutions])
def test_an_output_from_the_source_starts_as_the_source(module):
    """Its last convolution is 0 then; what is black or white can still change."""
    source = draws(2, 4, 9, 14).clamp(-1, 1)
    generator = module.generator((3, 16, 16), (4, 16, 16), size="tiny", output=conditional.from_source).double()
    image = generator(source)
    torch.testing.assert_close(image, source[:, :3], rtol=0, atol=1e-6)
    image[source[:, :3].abs() == 1].sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 1e-3 for p in generator.parameters())


@pytest.mark.parametrize(("sources", "taken"), [(1, [0, 0, 0]), (2, [0, 1, 1]), (5, [0, 1, 2])])
def test_which_channels_an_output_starts_from(sources, taken):
    source = draws(2, sources, 8, 8).clamp(-1, 1)
    generator = unet.generator((3, 16, 16), (sources, 16, 16), size="tiny", output=conditional.from_source).double()
    torch.testing.assert_close(generator(source), source[:, taken], rtol=0, atol=1e-6)


def test_padding_repeats_the_border():
    """Oracle: torch's own replicating padding."""
    images = draws(2, 3, 5, 7)
    expected = torch.nn.functional.pad(images, (0, 5, 0, 4), mode="replicate")
    assert torch.equal(conditional.at_least(images, 9, 12), expected)
    assert torch.equal(conditional.at_least(images, 4, 3), images)
