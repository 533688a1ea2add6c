"""What environment.json says."""

import json

import torch

from nablagan.training.environment import describe_environment
from runs import ALONE


def test_the_environment_is_plain_json():
    found = json.loads(json.dumps(describe_environment(ALONE)))
    assert found["versions"]["torch"] == torch.__version__
    assert found["machine"]["device"] == "cpu"
    assert found["machine"]["denormals_flushed"] in (True, False)
    assert found["processes"] == 1
