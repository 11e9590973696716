"""The typed client and the command line of Quern.

from quern import Client

async with Client("http://127.0.0.1:8000") as quern:
    added = await quern.sources.add("https://docs.example.org/")
    await quern.runs.wait(added.run.id)
    answer = await quern.search("How do I install it?")
"""

from importlib.metadata import version

from quern.client import Client
from quern.errors import (
    ClientError,
    NoAnswerError,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    UploadFileError,
    WaitTimeoutError,
)

__version__ = version("quern")

__all__ = [
    "Client",
    "ClientError",
    "NoAnswerError",
    "ProblemError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UploadFileError",
    "WaitTimeoutError",
    "__version__",
]
