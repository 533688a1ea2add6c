"""Fast Fourier convolutions: the transform against PyTorch's, what a block sees, export without any transform."""

import warnings

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu

from nablagan.players import conditional, fourier
from nablagan.types import InputError

SIZES = [(1, 1), (4, 4), (5, 7), (8, 6), (1, 9), (64, 33)]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def draws(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@every_size
def test_the_transform_is_that_of_pytorch(size):
    """Oracle: torch.fft.rfft2, orthonormal, to 1e-12 in float64 and 1e-5 in float32."""
    x = draws(2, 3, *size)
    expected = torch.fft.rfft2(x, norm="ortho")
    real, imaginary = fourier.transform(x)
    torch.testing.assert_close(torch.complex(real, imaginary), expected, rtol=0, atol=1e-12)
    single = torch.complex(*fourier.transform(x.float()))
    torch.testing.assert_close(single.to(expected.dtype), expected, rtol=0, atol=1e-5)


@every_size
def test_the_inverse_is_that_of_pytorch_for_any_spectrum(size):
    """Oracle: torch.fft.irfft2, also for spectra that no real image has, as a convolution of spectra makes them."""
    height, width = size
    real, imaginary = draws(2, 2, 3, height, width // 2 + 1)
    basis = fourier.basis_of(draws(*size))
    expected = torch.fft.irfft2(torch.complex(real, imaginary), s=size, norm="ortho")
    torch.testing.assert_close(fourier.inverse(real, imaginary, basis), expected, rtol=0, atol=1e-12)
    x = draws(2, *size)
    torch.testing.assert_close(fourier.inverse(*fourier.transform(x), basis), x, rtol=0, atol=1e-12)


def test_a_block_sees_the_whole_image_through_its_global_channels_alone():
    torch.manual_seed(0)
    block = fourier.FourierConvolution(6, 4, conditional.without, 1.0).double()
    x = draws(1, 6, 16, 16).requires_grad_()
    basis = fourier.basis_of(x)
    near, far = block(x, basis).split(block.widths, dim=1)
    (of_near,) = torch.autograd.grad(near[0, :, 0, 0].sum(), x, retain_graph=True)
    (of_far,) = torch.autograd.grad(far[0, :, 0, 0].sum(), x)
    assert of_near[0, :, 4:].abs().max() == 0, "local channels come by a 3x3 convolution"
    assert of_far[0, 2:].abs().amin() > 0
    assert of_far[0, :2, 4:].abs().max() == 0, "from local to global channels a 3x3 convolution"


def by_fft(convolution, x):
    """A Fourier convolution of its own weights by torch.fft and torch's convolutions (Chi et al. 2020, figure 2)."""
    near, far = x.split(convolution.widths, dim=1)
    spectral = convolution.spectral
    y = leaky_relu(conv2d(far, spectral.enter.weight), 0.2)
    spectrum = torch.fft.rfft2(y, norm="ortho")
    mixed = leaky_relu(conv2d(torch.cat([spectrum.real, spectrum.imag], 1), spectral.spectrum.weight), 0.2)
    filtered = torch.fft.irfft2(torch.complex(*mixed.chunk(2, 1)), s=x.shape[-2:], norm="ortho")
    filtered = conv2d(y + filtered, spectral.leave.weight) * convolution.gain
    local = conv2d(x, convolution.to_local.weight, padding=1)
    return torch.cat([local, conv2d(near, convolution.to_global.weight, padding=1) + filtered], 1)


def test_a_block_is_its_formula():
    """Oracle: x + F₂ φ(F₁ x) with torch.fft; biases are 0 at the start."""
    torch.manual_seed(0)
    block = fourier.FourierBlock(6, 2, conditional.without, 0, global_ratio=0.7).double()
    x = draws(2, 6, 9, 6)
    expected = x + by_fft(block.second, leaky_relu(by_fft(block.first, x), 0.2))
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_global_ratio():
    with pytest.raises(InputError, match=r"global_ratio=1.0"):
        fourier.generator((1, 32, 32), size="tiny", global_ratio=1.0)
    with pytest.raises(InputError, match="must be 2 or more"):
        fourier.generator((1, 32, 32), widths=(1, 1))
    net = fourier.generator((1, 32, 32), widths=(32, 16), global_ratio=0.75, size="tiny")
    assert net.after[0].first.widths == (8, 24)


def test_an_exported_graph_has_no_transform():
    net = fourier.generator((1, 16, 16), (2, 16, 16), size="tiny", blocks=2).eval()
    x = draws(1, 2, 16, 16).float()
    exported = torch.export.export(net, (x,))
    assert not [node for node in exported.graph.nodes if "fft" in str(node.target)]
    assert torch.equal(exported.module()(x), net(x))


def test_onnx_gives_the_same_image(tmp_path):
    """Oracle: the network itself, against ONNX Runtime on the exported file, also of an odd size."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    net = fourier.generator((1, 16, 16), (2, 16, 16), size="tiny", blocks=2).eval()
    x, file = draws(1, 2, 19, 14).float(), str(tmp_path / "net.onnx")
    with warnings.catch_warnings():  # the exporter's own, and that sizes become constants
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), file, dynamo=False, input_names=["source"], opset_version=17)
    assert not {node.op_type for node in onnx.load(file).graph.node} & {"DFT", "STFT"}
    (image,) = onnxruntime.InferenceSession(file).run(None, {"source": x.numpy()})
    np.testing.assert_allclose(image, net(x).detach().numpy(), rtol=0, atol=1e-5)
