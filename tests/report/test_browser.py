"""The page in a real browser, where one is installed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nablagan.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


def opened(page: Path, scratch: Path, *action: str) -> tuple[str, list[str]]:
    """The page's DOM as the browser sees it, and what it wrote to the console."""
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={scratch / 'profile'}", *action, page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")
def test_the_browser_finds_every_figure_and_nothing_to_complain_of(whole_run: Any, tmp_path: Path) -> None:
    page = write_report(whole_run.directory)
    dom, console = opened(page, tmp_path, "--dump-dom")
    assert console == []
    assert len(re.findall(r'<svg class="plot"', dom)) == 7
    assert len(re.findall(r'<img src="data:image/', dom)) == 14
    assert len(re.findall(r"<details", dom)) == 3
    assert not re.search(r"<(script|iframe|object|embed)", dom)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")
def test_the_policy_stops_whatever_would_be_loaded(whole_run: Any, tmp_path: Path) -> None:
    page = write_report(whole_run.directory)
    content = page.read_text(encoding="utf-8")
    page.write_text(
        content.replace("<main>", '<main><img src="http://127.0.0.1:9/x"><script>document.title = 1</script>')
    )
    dom, console = opened(page, tmp_path, "--dump-dom")
    assert len(console) == 2
    assert all("Content Security Policy" in line for line in console)
    assert "<title>1</title>" not in dom
