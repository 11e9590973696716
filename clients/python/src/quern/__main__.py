"""``python -m quern``: the command line."""

from quern.cli import app

if __name__ == "__main__":
    app(prog_name="quern")
