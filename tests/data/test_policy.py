"""Which size, channels and fit are chosen, and which requests are refused."""

from collections import Counter

import pytest

from nablagan.data.policy import (
    Request,
    checked_request,
    policy_for_array,
    policy_for_pictures,
)
from nablagan.types import InputError


@pytest.mark.parametrize("resolution", [64, (64, 64), [48, 64]])
def test_requests_that_are_possible(resolution):
    request = checked_request(resolution, 3, "pad")
    assert request.size == ((48, 64) if resolution == [48, 64] else (64, 64))
    assert request[1:] == (3, "pad")


@pytest.mark.parametrize(
    ("resolution", "channels", "fit", "words"),
    [
        (30, None, None, "30x30.*nearest usable size is 32x32"),
        ((64, 102), None, None, "64x102.*nearest usable size is 64x104"),
        (0, None, None, "sides from 8 to 2048"),
        (-8, None, None, "sides from 8 to 2048"),
        (4096, None, None, "sides from 8 to 2048"),
        ((8, 8, 8), None, None, "one number, or height and width"),
        (64.0, None, None, "one number, or height and width"),
        ("64", None, None, "one number, or height and width"),
        (None, 0, None, "channels 0"),
        (None, 65, None, "channels 65"),
        (None, None, "zoom", "'zoom' is unknown; choose one of crop, pad, stretch, border"),
    ],
)
def test_requests_that_are_refused(resolution, channels, fit, words):
    with pytest.raises(InputError, match=words):
        checked_request(resolution, channels, fit)


@pytest.mark.parametrize(
    ("sizes", "grey", "request_", "expected"),
    [
        ({(48, 64): 9}, False, Request(), (48, 64, 3, "crop")),
        ({(28, 28): 9}, True, Request(), (28, 28, 1, "crop")),
        ({(100, 200): 9, (50, 300): 1}, False, Request(), (64, 64, 3, "crop")),
        ({(30, 50): 9}, False, Request(), (16, 16, 3, "crop")),
        ({(3, 3): 9}, False, Request(), (8, 8, 3, "crop")),
        ({(16, 128): 9}, False, Request(), (16, 16, 3, "crop")),  # 4 doublings of one side, 1 of the other
        ({(300, 200): 9}, True, Request((128, 64), 3, "pad"), (128, 64, 3, "pad")),
    ],
)
def test_policy_for_pictures(sizes, grey, request_, expected):
    policy = policy_for_pictures(request_, Counter(sizes), grey)
    assert (policy.height, policy.width, policy.channels, policy.fit) == expected
    assert policy.reason
    assert policy.as_json()["fit"] == expected[3]


@pytest.mark.parametrize(
    ("channels", "height", "width", "request_", "expected"),
    [
        (1, 28, 28, Request(), (32, 32, 1, "border")),
        (3, 32, 32, Request(), (32, 32, 3, "crop")),
        (3, 20, 20, Request(), (20, 20, 3, "crop")),  # 32 would be more than a quarter more
        (3, 100, 100, Request(), (112, 112, 3, "border")),
        (3, 65, 65, Request(), (80, 80, 3, "border")),
        (3, 33, 33, Request(), (32, 32, 3, "crop")),
        (1, 28, 28, Request((32, 32)), (32, 32, 1, "border")),
        (1, 28, 28, Request((64, 64)), (64, 64, 1, "crop")),
        (1, 28, 28, Request((32, 32), 3, "stretch"), (32, 32, 3, "stretch")),
        (5, 16, 16, Request(None, 5), (16, 16, 5, "crop")),
        (3, 16, 16, Request(None, 1), (16, 16, 1, "crop")),
    ],
)
def test_policy_for_arrays(channels, height, width, request_, expected):
    policy = policy_for_array(request_, channels, height, width)
    assert (policy.height, policy.width, policy.channels, policy.fit) == expected


def test_image_files_have_one_channel_or_three():
    with pytest.raises(InputError, match="channels 2 is not possible for image files"):
        policy_for_pictures(Request(None, 2), Counter({(8, 8): 9}), False)


def test_channels_that_cannot_be_made_are_refused():
    with pytest.raises(InputError, match="channels 3 cannot be made from 5"):
        policy_for_array(Request(None, 3), 5, 16, 16)
