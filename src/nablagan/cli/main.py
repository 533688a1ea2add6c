"""Finds the verb, runs it, and turns wrong input into one line and exit code 2."""

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from nablagan.cli import (
    compare,
    complete,
    data,
    diagnose,
    evaluate,
    explain,
    import_,
    report,
    sample,
    train,
    translate,
    verify,
)

VERBS = {
    "train": train,
    "sample": sample,
    "translate": translate,
    "complete": complete,
    "evaluate": evaluate,
    "diagnose": diagnose,
    "explain": explain,
    "compare": compare,
    "data": data,
    "import": import_,
    "report": report,
    "verify": verify,
}
DESCRIPTION = "Train generative adversarial networks and see what the two-player game is doing."
EPILOG = """examples:
  nablagan train                          train on real handwritten digits, then open report.html
  nablagan train --data photos/           train on a folder of your images
  nablagan sample runs/00001-digits-strided --count 64 --out samples
  nablagan VERB --help                    options of a verb, with examples

exit codes: 0 done, 1 a statement of `verify` does not hold, 2 wrong usage or input, 3 training diverged,
130/143 stopped by a signal"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with 2."""
        self.exit(2, f"nablagan: error: {message} (see {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (by default the process's) and return the exit code."""
    arguments = parsed(sys.argv[1:] if argv is None else argv)
    try:
        code = VERBS[arguments.verb].run(arguments)
        print(end="", flush=True)  # a reader that has gone is noticed here, not by the interpreter's end
        return code
    except ValueError as error:
        from nablagan.types import InputError

        if not isinstance(error, InputError):
            raise
        line = " ".join(part.strip() for part in str(error).splitlines())  # torch's own messages have several
        print(f"nablagan: error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def parsed(argv: list[str]) -> argparse.Namespace:
    """The arguments, or exit 2 with one line that names the nearest verb or option."""
    top, verbs = parsers()
    if argv and not argv[0].startswith("-") and argv[0] not in verbs:
        top.error(f"no verb '{argv[0]}': {_nearest(argv[0], verbs)}")
    arguments, unknown = top.parse_known_args(argv)
    if unknown:
        verb = verbs[arguments.verb]
        options = [option for action in verb._actions for option in action.option_strings]
        hint = _nearest(unknown[0], options) if unknown[0].startswith("-") else "put names with spaces in quotes"
        verb.error(f"unknown argument '{unknown[0]}': {hint}")
    return arguments


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the command, and that of each verb."""
    raw = argparse.RawDescriptionHelpFormatter
    top = Parser("nablagan", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw, allow_abbrev=False)
    top.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    group = top.add_subparsers(metavar="VERB", dest="verb", required=True, parser_class=Parser)
    verbs = {}
    for name, module in VERBS.items():
        verbs[name] = group.add_parser(
            name, help=module.HELP, description=module.HELP, formatter_class=raw, allow_abbrev=False
        )
        module.add_arguments(verbs[name])
    return top, verbs


class Version(argparse.Action):
    """Prints the version; it is looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and exit."""
        from nablagan import __version__

        print(f"nablagan {__version__}")
        parser.exit()


def _nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest of the known words, or all of them."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
