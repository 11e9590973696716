"""Which file of a stack is where, below its data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True)
class Layout:
    """The paths of one stack.

    Attributes:
        root: the data directory, absolute.
    """

    root: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of a data directory that may be given relative to where the user stands."""
        return cls(Path(data_dir).expanduser().resolve())

    @property
    def stack_file(self) -> Path:
        """The processes and addresses of the running stack, for tools."""
        return self.root / "stack.json"

    @property
    def credentials(self) -> Path:
        """The random secrets of this data directory."""
        return self.root / "credentials.json"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "postgres"

    @property
    def nsqd(self) -> Path:
        """The data directory of nsqd."""
        return self.root / "nsqd"

    @property
    def weaviate(self) -> Path:
        """Weaviate's data directory."""
        return self.root / "weaviate"

    @property
    def blobs(self) -> Path:
        """The originals of uploads."""
        return self.root / "blobs"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What the supervisor needs: its configuration, its socket, what it starts."""
        return self.root / "run"

    def log_of(self, name: str) -> Path:
        """The log of one process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folders, closed to other users: they hold documents and secrets."""
        for folder in (self.root, self.nsqd, self.weaviate, self.blobs, self.logs, self.run):
            folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
