"""Other people's trained generators, made ours: read without executing anything, recognised, kept as a run."""

from nablagan.importing.directory import import_run
from nablagan.importing.recognising import Architecture, recognised
from nablagan.importing.state import read_generator, read_state

__all__ = ["Architecture", "import_run", "read_generator", "read_state", "recognised"]
