"""The adversarial term against closed forms of linear discriminators, and against the game of the same players."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from cases import LOSSES, name_of
from nablagan import losses, penalties
from nablagan.game import held
from nablagan.interface import AdversarialTerm, GradientNormalisation
from nablagan.penalties import aligned_jvp
from nablagan.tasks import generation
from nablagan.types import InputError
from oracle import batch_for, draws, tiny


class Linear(nn.Module):
    """D(x) = w·x, and a label's number on top."""

    def __init__(self, *weights):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float64))

    def forward(self, images, label=None):
        logits = images.flatten(1) @ self.weight
        return logits if label is None else logits + label


def pair(count=4, *shape):
    shape = shape or (2,)
    return draws(count, *shape), draws(count, *shape, seed=2).requires_grad_()


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_both_gradients_are_those_of_the_game(loss):
    """Oracle: the game of the same players, itself held against dense matrices."""
    players, batch, weights = tiny("dcgan"), batch_for("dcgan"), {penalties.r1: 0.7, penalties.wgan_gp: 1.3}
    game, term = generation(*players, loss, weights), AdversarialTerm(players[1], loss, weights)
    generator, discriminator = players
    fake = game.generate(batch)
    expected = [*game.discriminator_gradient(batch, fake).tensors, *game.generator_gradient(batch, fake).tensors]
    fake = generator(batch.latent, batch.label)
    ours = term.discriminator_loss(batch.real, fake, batch.label, key=batch.latent)
    found = torch.autograd.grad(ours, list(discriminator.parameters()), materialize_grads=True)
    theirs = term.generator_loss(batch.real, fake, batch.label)
    found += torch.autograd.grad(theirs, list(generator.parameters()))
    torch.testing.assert_close(found, tuple(expected), rtol=1e-12, atol=1e-14)


def test_a_linear_discriminator_has_the_gradients_of_the_closed_form():
    """Wasserstein, R1: L_G = -weight w·mean(fake), L_D = w·mean(fake - real) + gamma ||w||^2 / 2."""
    discriminator, (real, fake) = Linear(3.0, -4.0), pair()
    term = AdversarialTerm(discriminator, losses.wasserstein, {penalties.r1: 0.5}, weight=2.0)
    theirs, ours = term.generator_loss(real, fake), term.discriminator_loss(real, fake)
    w = torch.tensor([3.0, -4.0]).double()
    torch.testing.assert_close(theirs, -2 * fake.mean(0) @ w)
    torch.testing.assert_close(ours, (fake - real).mean(0) @ w + 0.25 * 25)
    torch.testing.assert_close(torch.autograd.grad(theirs, fake)[0], (-2 * w / 4).expand(4, 2))
    torch.testing.assert_close(torch.autograd.grad(ours, discriminator.weight)[0], (fake - real).mean(0) + 0.5 * w)
    expected = {
        "generator_loss": theirs.detach(),
        "generator_weight": torch.tensor(2.0),
        "discriminator_loss": ours.detach(),
        "real_logits": (real @ w).mean(),
        "fake_logits": (fake @ w).mean().detach(),
        "penalty_r1": torch.tensor(12.5).double(),
    }
    torch.testing.assert_close(term.measures, expected)
    assert not any(value.requires_grad for value in term.measures.values())


def test_each_loss_moves_its_own_player_only():
    term, (real, fake) = AdversarialTerm(Linear(1.0, 2.0), losses.relativistic), pair()
    real.requires_grad_()
    term.generator_loss(real, fake).backward()
    assert fake.grad is not None
    assert real.grad is None
    assert term.discriminator.weight.grad is None
    assert term.discriminator.weight.requires_grad
    fake.grad = None
    term.discriminator_loss(real, fake).backward()
    assert term.discriminator.weight.grad is not None
    assert fake.grad is None
    assert real.grad is None


def test_the_discriminator_may_step_before_the_model_goes_backward():
    discriminator, (real, fake) = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double(), pair()
    term = AdversarialTerm(discriminator, losses.hinge)
    (expected,) = torch.autograd.grad(term.generator_loss(real, fake), fake)
    theirs = term.generator_loss(real, fake)
    term.discriminator_loss(real, fake).backward()
    torch.optim.SGD(discriminator.parameters(), 1.0).step()
    theirs.backward()
    assert torch.equal(fake.grad, expected)
    assert not torch.equal(torch.autograd.grad(term.generator_loss(real, fake), fake)[0], expected)


def test_a_frozen_part_of_the_discriminator_stays_frozen():
    discriminator = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).double()
    discriminator[0].requires_grad_(False)
    term = AdversarialTerm(discriminator, losses.hinge)
    term.generator_loss(*pair()).backward()
    assert [p.requires_grad for p in discriminator.parameters()] == [False, False, True, True]


@pytest.mark.parametrize(
    "inside", [nn.BatchNorm1d(3), parametrizations.spectral_norm(nn.Linear(3, 3)), spectral_norm(nn.Linear(3, 3))]
)
@pytest.mark.filterwarnings("ignore:.torch.nn.utils.spectral_norm. is now deprecated:FutureWarning")
def test_buffers_move_with_the_discriminator_only(inside):
    """The generator's gradient is that of the live module all the same."""
    discriminator = nn.Sequential(nn.Linear(2, 3), inside, nn.Linear(3, 1)).double()
    term, (real, fake) = AdversarialTerm(discriminator, losses.hinge), pair()

    def buffers():
        return torch.cat([b.flatten().double() for b in discriminator.buffers()])

    before = buffers()
    term.discriminator_loss(real, fake).backward()
    moved = buffers()
    assert not torch.equal(before, moved)
    (found,) = torch.autograd.grad(term.generator_loss(real, fake), fake)
    assert torch.equal(buffers(), moved)
    with held(discriminator):
        (expected,) = torch.autograd.grad(-discriminator(fake).mean(), fake)
    torch.testing.assert_close(found, expected)


def test_a_module_shared_within_the_discriminator_keeps_its_buffers():
    shared = nn.BatchNorm1d(2)
    term = AdversarialTerm(nn.Sequential(shared, shared, nn.Linear(2, 1)).double(), losses.hinge)
    buffer = shared.running_mean
    term.generator_loss(*pair())
    assert shared.running_mean is buffer


def test_patches_are_judged_one_by_one_and_penalised_by_their_mean():
    """D = w x at each of 6 places: grad of a sample's mean logit is w / 6 at each, so R1 is w^2 / 12."""
    discriminator = nn.Conv2d(1, 1, 1, bias=False).double()
    real, fake = pair(4, 1, 2, 3)
    term = AdversarialTerm(discriminator, losses.relativistic, {penalties.r1: 2.0})
    ours, theirs = term.discriminator_loss(real, fake), term.generator_loss(real, fake)
    w = discriminator.weight.flatten()
    margin = w * (real - fake)
    torch.testing.assert_close(ours, (1 + (-margin).exp()).log().mean() + 2 * (w.square() / 12).squeeze())
    torch.testing.assert_close(theirs, (1 + margin.exp()).log().mean())
    aligned = AdversarialTerm(discriminator, losses.relativistic, {_by_aligned_jvp: 2.0})
    torch.testing.assert_close(aligned.discriminator_loss(real, fake), ours)


def _by_aligned_jvp(discriminator, pair):
    return penalties.r1(discriminator, pair, method=aligned_jvp)


def test_terms_of_several_discriminators_add_up():
    (real, fake), weights = pair(3, 1, 8), ((2.0,) * 8, (-1.0,) * 8)
    terms = [AdversarialTerm(Linear(*w), losses.wasserstein, call=lambda d, x, label: (d(x), x)[0]) for w in weights]
    sum(term.generator_loss(real, fake) for term in terms).backward()
    torch.testing.assert_close(fake.grad, torch.full_like(fake, -(2 - 1) / 3))


def test_labels_are_given_to_the_discriminator():
    (real, fake), label = pair(), torch.tensor([1, 0, 2, 5])
    term = AdversarialTerm(Linear(0.0, 0.0), losses.wasserstein)
    assert term.generator_loss(real, fake, label) == -2
    term.discriminator_loss(real, fake, label)
    assert term.measures["real_logits"] == term.measures["fake_logits"] == 2


def test_the_discriminator_learns_before_its_loss_switches_on():
    (real, fake), discriminator, asked = pair(4), Linear(1.0, 1.0), []
    discriminator.register_forward_hook(lambda *given: asked.append(given))
    term = AdversarialTerm(discriminator, losses.hinge, weight=lambda images_seen: images_seen / 4, start=8)
    assert term.generator_loss(real, fake) == 0
    assert not asked
    seen = []
    for _ in range(4):
        loss = term.generator_loss(real, fake)
        seen.append(float(term.measures["generator_weight"]))
        assert (loss == 0) == (seen[-1] == 0)
        (gradient,) = torch.autograd.grad(loss, fake)
        assert bool(gradient.any()) == (seen[-1] > 0)
        ours = term.discriminator_loss(real, fake)
        assert torch.autograd.grad(ours, discriminator.weight)[0].any()
    assert seen == [0, 0, 2, 3]
    with torch.no_grad():
        term.discriminator_loss(real, fake)
    assert term.images_seen == 16


def test_penalty_weights_follow_the_images_seen_and_lazy_ones_skip():
    (real, fake), seen = pair(4), []
    lazy = penalties.lazily(penalties.r1, batch_size=4, every=2)
    term = AdversarialTerm(Linear(3.0, 4.0), losses.wasserstein, {lazy: lambda images: seen.append(images) or 1.0})
    found = []
    for _ in range(3):
        term.discriminator_loss(real, fake)
        found.append(float(term.measures["penalty_r1"]))
    assert (seen, found) == ([0, 4, 8], [25.0, 0.0, 25.0])


def test_noise_is_a_function_of_the_samples_or_of_the_key():
    discriminator = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 1), nn.Flatten(0)).double()
    term, (real, fake) = AdversarialTerm(discriminator, losses.hinge, {penalties.dragan: 1.0}), pair()
    first, again, other = (term.discriminator_loss(real, fake, key=key) for key in (None, None, draws(4, 3)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_with_normalisation_the_weight_is_the_gradient_s_size():
    """Hinge on D = w·x: the gradient of L_G is -w / batch everywhere; its root mean square becomes weight / n."""
    (real, fake), n = pair(4, 3), 12
    term = AdversarialTerm(Linear(7.0, 7.0, -7.0), losses.hinge, weight=0.5, normalisation=GradientNormalisation())
    loss = term.generator_loss(real, fake)
    torch.testing.assert_close(loss, -(fake @ term.discriminator.weight).mean())
    (1e3 * loss).backward()
    torch.testing.assert_close(fake.grad, torch.tensor([-0.5, -0.5, 0.5]).double().expand(4, 3) / n)


def test_a_resumed_term_goes_on():
    def made():
        return AdversarialTerm(Linear(1.0, 2.0), losses.relativistic, start=4, normalisation=GradientNormalisation())

    def gradients(term, count):
        found = []
        for seed in range(count):
            real, fake = draws(4, 2, seed=seed), draws(4, 2, seed=seed + 9).requires_grad_()
            found.append(torch.autograd.grad(term.generator_loss(real, fake), fake)[0])
            term.discriminator_loss(real, fake)
        return found

    first, second = made(), made()
    gradients(first, 3)
    second.load_state_dict(first.state_dict())
    assert second.images_seen == 12
    assert torch.equal(torch.stack(gradients(first, 2)), torch.stack(gradients(second, 2)))
    with pytest.raises(InputError, match="make this one with it too"):
        AdversarialTerm(Linear(1.0), losses.hinge).load_state_dict(first.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_of_half_precision_are_compared_in_float32(dtype):
    term = AdversarialTerm(Linear(1.0, 1.0).to(dtype), losses.relativistic)
    loss = term.generator_loss(*(x.to(dtype) for x in pair()))
    assert loss.dtype == torch.float32


def test_wrong_input():
    (real, fake), linear = pair(), Linear(1.0, 1.0)
    with pytest.raises(InputError, match="a list of terms for several"):
        AdversarialTerm([linear, linear], losses.hinge)
    with pytest.raises(InputError, match="the discriminator is a ModuleList"):
        AdversarialTerm(nn.ModuleList([linear]), losses.hinge)
    with pytest.raises(InputError, match=r"has no \['step'\]: give its own state_dict"):
        AdversarialTerm(linear, losses.hinge).load_state_dict({"step": 3})
    with pytest.raises(InputError, match="the adversarial weight is -1: give a number >= 0"):
        AdversarialTerm(linear, losses.hinge, weight=-1)
    with pytest.raises(InputError, match="start is -1"):
        AdversarialTerm(linear, losses.hinge, start=-1)
    with pytest.raises(InputError, match="the weight of penalty r1 is nan"):
        AdversarialTerm(linear, losses.hinge, {penalties.r1: float("nan")})
    with pytest.raises(InputError, match="the discriminator's 0 is a batch normalisation"):
        AdversarialTerm(nn.Sequential(nn.BatchNorm1d(2)), losses.hinge, {penalties.r1: 1.0})
    for wrong in (fake[:3], fake[:, :1], fake.long()):
        with pytest.raises(InputError, match="give floating-point batches of one shape"):
            AdversarialTerm(linear, losses.hinge).discriminator_loss(real, wrong)
    with pytest.raises(InputError, match=r"gave a tuple.*choose one with call="):
        AdversarialTerm(linear, losses.hinge, call=lambda d, x, label: (d(x), x)).generator_loss(real, fake)
    with pytest.raises(InputError, match=r"gave logits \(1, 4\) for samples \(4, 2\)"):
        AdversarialTerm(linear, losses.hinge, call=lambda d, x, label: d(x)[None]).generator_loss(real, fake)
