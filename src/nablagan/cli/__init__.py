"""The command line: one verb a file, each with HELP, `add_arguments(parser)` and `run(arguments) -> exit code`."""

from nablagan.cli.main import main

__all__ = ["main"]
