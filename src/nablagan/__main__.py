"""`python -m nablagan` is the command `nablagan`; torchrun needs it."""

import sys

from nablagan.cli import main

if __name__ == "__main__":
    sys.exit(main())
