"""What fits in memory."""

import pytest

from nablagan.data import memory


@pytest.mark.parametrize(("limit", "expected"), [("4096\n", 4096), ("max\n", None), (None, None)])
def test_the_container_limit_counts_when_it_is_lower(tmp_path, monkeypatch, limit, expected):
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit)
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", path)
    machine = memory.os.sysconf("SC_PAGE_SIZE") * memory.os.sysconf("SC_PHYS_PAGES")
    assert memory.memory_bytes() == (expected or machine)


def test_a_quarter_fits(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 400)
    assert memory.fits_in_memory(100)
    assert not memory.fits_in_memory(101)
