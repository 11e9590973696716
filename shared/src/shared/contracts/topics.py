"""Which topics exist, who sends, who reads: one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of nsqd with its one reading channel."""

    name: str
    channel: str
    senders: tuple[str, ...]
    reader: str


INGEST_TASK: Final = Topic(
    "ingest.task", "worker", ("gateway", "result-consumer", "janitor"), "ingest-worker"
)
INGEST_RESULT: Final = Topic("ingest.result", "result-consumer", ("ingest-worker",), "result-consumer")
SOURCE_DELETE: Final = Topic("source.delete", "janitor", ("gateway",), "janitor")
#: Messages that could not be understood: kept for an operator, who reads them in nsqadmin.
INGEST_DEAD: Final = Topic(
    "ingest.dead", "operator", ("ingest-worker", "result-consumer", "janitor"), "operator"
)

TOPICS: Final = (INGEST_TASK, INGEST_RESULT, SOURCE_DELETE, INGEST_DEAD)
