"""Writes docs/derivatives.md: what the installed PyTorch differentiates right, to which order.

python benchmarks/derivatives.py
"""

from pathlib import Path

from nablagan.checking.orders import page

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "docs/derivatives.md"
    path.write_text(page(), encoding="utf-8")
    print(path)
