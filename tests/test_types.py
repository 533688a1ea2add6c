"""The records: their fields in order, their defaults, and the error for wrong input."""

import pytest
import torch

from nablagan.types import Batch, InputError, Outcome, Pair, PlayerLosses


@pytest.mark.parametrize(
    ("record", "fields", "defaults"),
    [
        (
            Batch,
            ("real", "latent", "label", "mask", "augmentation", "images_seen", "source"),
            {"label": None, "mask": None, "augmentation": None, "images_seen": 0, "source": None},
        ),
        (
            Pair,
            ("real", "fake", "label", "key", "images_seen"),
            {"label": None, "key": None, "images_seen": None},
        ),
        (Outcome, ("loss", "measures"), {}),
        (PlayerLosses, ("generator", "discriminator"), {}),
    ],
)
def test_fields_and_defaults(record, fields, defaults):
    assert record._fields == fields
    assert record._field_defaults == defaults


def test_records_are_trees_for_torch():
    """So that a batch passes through torch.func and to another device as a whole."""
    batch = Batch(torch.zeros(2, 3), torch.zeros(2, 1), augmentation=torch.zeros(2, 4))
    leaves, structure = torch.utils._pytree.tree_flatten(batch)
    assert torch.utils._pytree.tree_unflatten(leaves, structure) == batch


def test_wrong_input_is_a_value_error():
    assert issubclass(InputError, ValueError)
