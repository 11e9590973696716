"""The command line: ``quern``."""

from quern.cli.main import app

__all__ = ["app"]
