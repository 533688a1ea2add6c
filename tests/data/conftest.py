"""Every test has a cache of its own."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The cache directory, also the default one for this test."""
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NABLAGAN_CACHE", str(directory))
    return directory
