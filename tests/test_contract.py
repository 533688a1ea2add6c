"""The public contract, frozen: names, signatures, and an import that does not wait for torch.

A red test here is a change that breaks other people's code; adding is free, and needs a row.
"""

import inspect
import subprocess
import sys

import pytest
import torch

import nablagan as ng
from cases import GENERATOR_PENALTIES, LOSSES, PENALTIES, UPDATES

NAMES = {
    "AdversarialTerm",
    "Batch",
    "Game",
    "InputError",
    "Jacobian",
    "Outcome",
    "Pair",
    "PlayerLosses",
    "closed_form",
    "data",
    "diagnostics",
    "interface",
    "latent",
    "load",
    "derivative_check",
    "losses",
    "metrics",
    "optim",
    "penalties",
    "players",
    "recipes",
    "tasks",
    "training",
}

SIGNATURES = {
    "Batch": "real, latent, label=None, mask=None, augmentation=None, images_seen=0, source=None",
    "Pair": "real, fake, label=None, key=None, images_seen=None",
    "Outcome": "loss, measures",
    "PlayerLosses": "generator, discriminator",
    "Game.field": "self, batch",
    "Game.losses": "self, batch",
    "Game.directional_derivatives": "self, batch, direction",
    "Game.jacobian": "self, batch",
    "Game.point": "self",
    "Game.move_to": "self, point",
    "Game.generate": "self, batch",
    "Game.generator_gradient": "self, batch, fake",
    "Game.discriminator_gradient": "self, batch, fake",
    "Jacobian.__matmul__": "self, vector",
    "tasks.adversarial_flow": ("velocity, discriminator, loss, centring=0.001, transport=0.0, time, **options"),
    "tasks.directional_scores": "discriminator, x, t, velocities, label=None",
    "tasks.integrated": "velocity, noise, steps=32, label=None",
    "AdversarialTerm": "discriminator, loss, penalties=None, weight=1.0, start=0, normalisation=None, call",
    "AdversarialTerm.generator_loss": "self, real, fake, label=None",
    "AdversarialTerm.discriminator_loss": "self, real, fake, label=None, key=None",
    "interface.adaptive_weight": ("reconstruction_loss, adversarial_loss, last_layer, bound=10000.0, floor=0.0001"),
    "interface.GradientNormalisation": "decay=0.9, mean",
    "interface.GradientNormalisation.__call__": "self, samples, scale=1.0",
    "tasks.generation": (
        "generator, discriminator, loss, penalties=None, augment=None, generator_penalties=None, **options"
    ),
    "tasks.toys.bilinear": "matrix",
    "tasks.toys.quadratic": "a, b, c",
    "tasks.toys.dirac": "gamma=0.0",
    "closed_form.generator_gradient": "derivatives, generate, judge, theta, psi, real",
    "closed_form.discriminator_gradient": "derivatives, generate, judge, theta, psi, real",
    "closed_form.directional_derivatives": "derivatives, generate, judge, theta, psi, real, direction",
    "diagnostics.eigenvalues": "jacobian, count=6, tolerance=None, iterations=100, basis=None",
    "diagnostics.step_eigenvalues": "jacobian, rates, count=6, tolerance=None, iterations=100, basis=None",
    "diagnostics.alternating_eigenvalues": "jacobian, rates, count=6, tolerance=None, iterations=100, basis=None",
    "diagnostics.alternating_operator": "jacobian, rates",
    "optim.step_sizes": "game, generator_optimizer, discriminator_optimizer",
    "diagnostics.largest_stable_step": "values",
    "diagnostics.linear_operator": "jacobian",
    "diagnostics.step_operator": "jacobian, rates",
    "diagnostics.rotation": "jacobian, probes=16, seed=0",
    "diagnostics.update_audit": "game, start, end, batch",
    "diagnostics.along_path": "game, start, end, batch, positions=None",
    "diagnostics.path_angle": "game, start, end, at, batch",
    "diagnostics.path_norm": "game, start, end, at, batch",
    "diagnostics.duality_gap": "game, batch, steps=20, radius=inf",
    "diagnostics.field_norms": "game, batch",
    "diagnostics.cosine": "first, second",
    "diagnostics.loss_cosine": "first, second, parameters",
    "diagnostics.update_cosine": "game, start, end, batch",
    "diagnostics.successive_cosine": "game, start, end, batch",
    "diagnostics.gradient_parts": "game, batch",
    "diagnostics.noise_scale": "game, batch, parts=8",
    "diagnostics.sub_batches": "batch, parts",
    "diagnostics.embedded": "game, point, player",
    "diagnostics.loss_slice": "game, point, direction, batch, amounts",
    "diagnostics.loss_plane": "game, point, first, second, batch, amounts",
    "diagnostics.filter_normalised_direction": "game, seed, player=None",
    "data.measured_factors": "images",
    "data.open_pairs": (
        "spec, paired=True, resolution=None, channels=None, source_channels=None, fit=None, cache=None, "
        "limit_bad=0.01, progress=None, split='train'"
    ),
    "data.open_masked": (
        "spec, resolution=None, channels=None, fit=None, cache=None, limit_bad=0.01, progress=None, split='train'"
    ),
    "data.reversed_pairs": "dataset",
    "data.paired_augment": "sample, draws, source=None, mask=None, kinds=('flip', 'shift', 'zoom'), probability=1.0",
    "data.masks.box": "random, height, width",
    "data.masks.thin": "random, height, width",
    "data.masks.medium": "random, height, width",
    "data.masks.thick": "random, height, width",
    "data.masks.outpainting": "random, height, width",
    "data.masks.random_mask": "random, height, width",
    "data.masks.strokes": "random, height, width, settings",
    "data.masks.masks": "count, height, width, kind, seed=0, position=0, first=0",
    "data.masks.read_mask": "path, height, width",
    "data.shapes": "count=10000, resolution=32, seed=20170603",
    "latent.condition_number": "generator, latent, label=None",
    "latent.derivative_image": "generator, latent, direction, label=None",
    "latent.edit": "latent, direction, amount",
    "latent.latent_gradient": "generator, latent, image, label=None",
    "latent.leading_directions": "generator, latent, label=None, count=4, oversampling=8, iterations=2, seed=0",
    "latent.path_length": "generator, start, end, label=None, distance, interpolation, step=0.0001, seed=0",
    "latent.principal_directions": "generator, latent, label=None, count=4, layer=None, seed=0",
    "latent.random_directions": "size, count=4, seed=0, dtype=torch.float32",
    "latent.sensitive_directions": "generator, latent, label=None, count=4",
    "latent.strip": "latent, direction, amounts",
    "latent.weight_directions": "generator, latent, label=None, count=4",
    "diagnostics.update_effects": "game, start, end, batch",
    "diagnostics.vital_signs": "game, exam",
    "diagnostics.separability": "first, second",
    "diagnostics.sign_rate": "real_logits",
    "diagnostics.overfitting": "real_logits, heldout_logits, fake_logits",
    "diagnostics.logit_drift": "real_logits, fake_logits",
    "derivative_check": "game, batch, tolerance=1e-05",
    "players.layers.replace_norms": "module",
    "optim.Alternating": "game, generator_optimizer, discriminator_optimizer",
    "optim.Simultaneous": "game, generator_optimizer, discriminator_optimizer",
    "optim.Update.step": "self, batch",
    "optim.Update.state_dict": "self",
    "optim.Update.load_state_dict": "self, state",
    "optim.Cosine": "start, end, images, held=0",
    "optim.constant": "value",
    "metrics.density_coverage": "real, fake, k=5, block=1024",
    "metrics.frechet_distance": "f, g",
    "metrics.frechet_distance_at_infinity": "f, g, parts=(1, 2), seed=0",
    "metrics.frechet_distance_of_moments": "a, b",
    "metrics.gaussian": "bandwidth",
    "metrics.inception_score": "probabilities",
    "metrics.kernel_distance": "f, g, kernel, block=1024",
    "metrics.efficientnet_stages": "device='cpu', file=None",
    "metrics.l1": "first, second, mask=None",
    "metrics.lpips_stages": "file, device='cpu'",
    "metrics.paired_kernel_distance": "f, g, kernel, block=1024",
    "metrics.perceptual_distance": "first, second, features",
    "metrics.perceptual_distances": "first, second, features, batch_size=50, device='cpu'",
    "metrics.psnr": "first, second, mask=None",
    "metrics.ssim": "first, second, mask=None",
    "metrics.vgg_stages": "device='cpu'",
    "metrics.measure": "real, fake, settings=None, probabilities=None, labels=None, classes=0, progress=None",
    "metrics.memorisation": "generated, training, held_out, tail=0.02, seed=0, block=1024",
    "metrics.modes": "labels, classes, expected=None",
    "metrics.nearest_distances": "queries, training, block=1024, name='queries'",
    "metrics.polynomial": "tile",
    "metrics.precision_recall": "real, fake, k=3, block=1024",
    "metrics.sliced_wasserstein": "f, g, projections=128, seed=0",
    "metrics.stacked": "labels, classes=10",
    "metrics.vendi_score": "f",
    "penalties.r1": "discriminator, pair, method",
    "penalties.r2": "discriminator, pair, method",
    "penalties.wgan_gp": "discriminator, pair, method",
    "penalties.dragan": "discriminator, pair, scale=0.5, method",
    "penalties.consistency": "discriminator, pair, change, place",
    "penalties.centring": "discriminator, pair",
    "penalties.aligned_central_fd": "discriminator, points, step=None",
    "penalties.aligned_fd": "discriminator, points, step=None",
    "penalties.random_jvp": "directions=1, distribution",
    "penalties.random_fd": "sigma, distribution",
    "penalties.spectral_norms": "discriminator, pair",
    "penalties.path_length": "generator, batch, target=None",
    "penalties.jacobian_clamping": "generator, batch, least=1.0, most=20.0, step=1.0",
    "penalties.orthogonal_jacobian": "generator, batch, directions=2",
    "penalties.lazily": "penalty, batch_size, every=16",
    "penalties.on_fraction": "penalty, fraction",
    "players.spectral_normalised": "player",
    "players.parameter_count": "module",
    "players.mlp.generator": "shape, latent_size=64, classes=0, size='small', widths=None, activation",
    "players.mlp.discriminator": "shape, classes=0, size='small', widths=None, activation",
    "players.dcgan.generator": (
        "shape, latent_size=64, classes=0, size='small', widths=None, upsampling, normalisation, gains=False, "
        "output, bfloat16_stages=0"
    ),
    "players.dcgan.discriminator": "shape, classes=0, size='small', widths=None, kernel=4, bfloat16_stages=0",
    "players.r3gan.generator": (
        "shape, latent_size=64, classes=0, size='small', widths=None, depth=2, group_size=16, bfloat16_stages=0"
    ),
    "players.r3gan.discriminator": (
        "shape, classes=0, size='small', widths=None, depth=2, group_size=16, bfloat16_stages=0"
    ),
    "players.unet.generator": (
        "shape, source_shape=None, latent_size=0, size='small', widths=None, normalisation, output, bfloat16_stages=0"
    ),
    "players.resnet.generator": (
        "shape, source_shape=None, latent_size=0, size='small', widths=None, blocks=None, normalisation, output, "
        "bfloat16_stages=0"
    ),
    "players.fourier.generator": (
        "shape, source_shape=None, latent_size=0, size='small', widths=None, blocks=None, global_ratio=0.75, "
        "normalisation, output, bfloat16_stages=0"
    ),
    "players.fourier.transform": "x, basis=None",
    "players.gated.generator": (
        "shape, source_shape=None, latent_size=0, size='small', widths=None, normalisation, output, bfloat16_stages=0"
    ),
    "players.partial.generator": (
        "shape, source_shape, latent_size=0, size='small', widths=None, normalisation, output, bfloat16_stages=0"
    ),
    "players.original.unet": (
        "shape, source_shape=None, latent_size=0, halvings=8, width=64, normalisation, bias=True, dropout=False"
    ),
    "players.original.resnet": (
        "shape, source_shape=None, latent_size=0, blocks=9, width=64, normalisation, bias=True, dropout=False"
    ),
    "players.original.unet_128": "shape, source_shape=None, **more",
    "players.original.unet_256": "shape, source_shape=None, **more",
    "players.original.resnet_6blocks": "shape, source_shape=None, **more",
    "players.original.resnet_9blocks": "shape, source_shape=None, **more",
    "players.patch.discriminator": (
        "shape, classes=0, source_shape=None, size='small', layers=3, scales=1, widths=None, normalisation, "
        "bfloat16_stages=0"
    ),
    "players.patch.receptive_field": "layers",
}


def found(path):
    """The object at a dotted path under nablagan."""
    value = ng
    for name in path.split("."):
        value = getattr(value, name)
    return value


def signature(function):
    """Names and plain defaults of the arguments; that a default is a function or class is left out."""
    words = []
    for name, parameter in inspect.signature(function).parameters.items():
        plain = parameter.default is not inspect.Parameter.empty and not callable(parameter.default)
        stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
        words.append(f"{stars}{name}={parameter.default!r}" if plain else f"{stars}{name}")
    return ", ".join(words)


def test_names():
    assert set(ng.__all__) >= NAMES
    assert set(dir(ng)) >= {*NAMES, "__version__"}
    for name in ng.__all__:
        assert getattr(ng, name) is not None
    assert ng.__version__
    with pytest.raises(AttributeError, match="no attribute 'discriminatr'"):
        _ = ng.discriminatr


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures(path):
    assert signature(found(path)) == SIGNATURES[path]


@pytest.mark.parametrize("function", LOSSES, ids=lambda function: function.__name__)
def test_losses_are_called_with_logits(function):
    assert signature(function) == "real_logits, fake_logits"
    assert found(f"losses.{function.__name__}") is function


def test_penalties_and_updates_are_public():
    both = [*PENALTIES, *GENERATOR_PENALTIES]
    assert [found(f"penalties.{function.__name__}") for function in both] == both
    assert [found(f"optim.{update.__name__}") for update in UPDATES] == list(UPDATES)


def test_importing_nablagan_does_not_import_torch():
    command = (
        "import sys, nablagan; sys.exit(sorted({'torch', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_the_contract_runs():
    torch.manual_seed(0)
    x, z = torch.randn(8, 2), torch.randn(8, 4)
    generator, discriminator = ng.players.mlp.generator((2,), latent_size=4), ng.players.mlp.discriminator((2,))
    game = ng.tasks.generation(
        generator,
        discriminator,
        loss=ng.losses.relativistic,
        penalties={ng.penalties.r1: 1.0, ng.penalties.r2: 1.0},
    )
    batch = ng.Batch(real=x, latent=z)
    v = game.field(batch)
    n = sum(p.numel() for player in (generator, discriminator) for p in player.parameters())
    assert v.shape == (n,)
    u = torch.randn(n)
    d = game.directional_derivatives(batch, u)
    assert isinstance(d, ng.PlayerLosses)
    assert d.generator.shape == d.discriminator.shape == ()
    J = game.jacobian(batch)
    assert isinstance(J, ng.Jacobian)
    assert (J @ u).shape == (J.T @ u).shape == J.field.shape == (n,)
    assert torch.equal(J.field, v)
    w = game.point()
    game.move_to(w)
    opt_g, opt_d = (torch.optim.Adam(player.parameters(), lr=1e-3) for player in game.players)
    update = ng.optim.Alternating(game, opt_g, opt_d)
    update.step(batch)
    assert not torch.equal(game.point(), w)
    assert issubclass(ng.InputError, ValueError)
    for toy in (ng.tasks.toys.bilinear(torch.eye(2)), ng.tasks.toys.dirac(0.3), ng.tasks.toys.quadratic(1.0, 1.0, 1.0)):
        assert isinstance(toy, ng.Game)
