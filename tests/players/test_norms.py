"""Composed norms against torch's own modules, and their replacement in place."""

from functools import partial

import pytest
import torch
from torch import nn

from nablagan import penalties
from nablagan.players.layers import ComposedInstanceNorm, ComposedLayerNorm, replace_norms
from nablagan.types import InputError
from slopes import assert_near, draws, gradient, net, pair_of, slope


def shaken(norm):
    """With weights off their special start."""
    torch.manual_seed(0)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm


LAYER_NORMS = {
    "one axis": ((6,), {}),
    "an integer": (6, {"eps": 0.1}),
    "three axes": ((4, 5, 6), {}),
    "no affine": ((5, 6), {"elementwise_affine": False}),
    "no bias": ((5, 6), {"bias": False}),
}


@pytest.mark.parametrize("name", LAYER_NORMS)
def test_layer_norm_is_that_of_torch(name):
    shape, options = LAYER_NORMS[name]
    native, composed = shaken(nn.LayerNorm(shape, **options)).double(), ComposedLayerNorm(shape, **options).double()
    composed.load_state_dict(native.state_dict())
    native.load_state_dict(composed.state_dict())
    x = (3 + 10 * draws(2, 4, 5, 6)).requires_grad_()
    weights = draws(2, 4, 5, 6, seed=2)
    for norm in (composed, replace_norms(native)):
        torch.testing.assert_close(norm(x), native(x), rtol=1e-12, atol=1e-12)
        found, expected = (torch.autograd.grad((f(x) * weights).sum(), x)[0] for f in (norm, native))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("kind", "axes"), [(nn.InstanceNorm1d, 1), (nn.InstanceNorm2d, 2), (nn.InstanceNorm3d, 3)])
def test_instance_norm_is_that_of_torch(kind, axes, affine):
    native = shaken(kind(3, affine=affine)).double()
    composed = replace_norms(native)
    assert isinstance(composed, ComposedInstanceNorm)
    for x in (draws(2, 3, *range(4, 4 + axes)), draws(3, *range(4, 4 + axes))):
        torch.testing.assert_close(composed(x), native(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(composed.eval()(x), native(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_are_in_float32_and_the_result_in_the_input_s_dtype(dtype):
    x = (100 + draws(3, 64)).to(dtype)
    found = ComposedLayerNorm(64)(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found, nn.LayerNorm(64)(x.float()).to(dtype))


def test_replacing_keeps_parameters_names_and_flags():
    shared = nn.LayerNorm(8)
    module = nn.Sequential(nn.Linear(8, 8), shared, nn.Sequential(nn.InstanceNorm1d(4, affine=True), shared)).eval()
    parameters, state, x = list(module.parameters()), module.state_dict(), draws(2, 4, 8).float()
    expected = module(x)
    assert replace_norms(module) is module
    assert all(now is before for now, before in zip(module.parameters(), parameters, strict=True))
    assert list(module.state_dict()) == list(state)
    assert module[1] is module[2][1]
    assert not module[1].training
    torch.testing.assert_close(module(x), expected)
    assert not any(isinstance(part, (nn.LayerNorm, nn.InstanceNorm1d)) for part in module.modules())


def test_what_is_another_function_is_left_alone():
    class Swapped(nn.LayerNorm):
        pass

    kept = [
        Swapped(4),
        nn.BatchNorm1d(4),
        nn.InstanceNorm1d(4, track_running_stats=True),
        nn.GroupNorm(2, 4),
        nn.ReLU(),
    ]
    module = nn.Sequential(*kept)
    replace_norms(module)
    assert all(part is before for part, before in zip(module, kept, strict=True))


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"a layer norm of \(4, 6\) was given \(2, 6, 4\)"):
        ComposedLayerNorm((4, 6))(draws(2, 6, 4))
    with pytest.raises(InputError, match="an instance norm of 3 features and 2 axes was given"):
        ComposedInstanceNorm(3, 2)(draws(2, 4, 5, 5))


def test_an_attention_layer_in_evaluation_still_works():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = draws(2, 5, 8).float()
    with torch.no_grad():
        expected = layer(x)
        torch.testing.assert_close(replace_norms(layer)(x), expected)


@pytest.mark.parametrize("method", [penalties.aligned_jvp, partial(penalties.aligned_fd, step=1e-4)])
def test_a_replaced_norm_is_accepted_and_right(method):
    """Oracle: plain double backward through torch's own, which is right there."""
    native, pair = net(shaken(nn.LayerNorm(8))), pair_of()
    expected = slope(native, pair.real).square().sum(1) / 2
    wanted = gradient(expected, native)
    found = penalties.r1(replace_norms(native), pair, method)
    relative = 1e-10 if method is penalties.aligned_jvp else 1e-7
    assert_near(found, expected, relative)
    assert_near(gradient(found, native), wanted, relative)
