"""Writes ``.env.example`` and ``env/<service>.env`` from the classes of settings: ``python deploy/env/write.py``.

--check    write nothing; exit 1 where a file is not what would be written
"""  # noqa: INP001  (a script)

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config import GatewaySettings
from ingest_worker.config import WorkerSettings
from janitor.config import JanitorSettings
from result_consumer.config import ConsumerSettings
from shared.settings_doc import SettingDoc, collect_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.settings_base import Settings

DEPLOY = Path(__file__).resolve().parents[1]

SERVICES: Mapping[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "ingest-worker": WorkerSettings,
    "result-consumer": ConsumerSettings,
    "janitor": JanitorSettings,
}

FIXED = frozenset(
    {
        "QUERN_ADMIN_HOST",
        "QUERN_ADMIN_PORT",
        "QUERN_BLOB_DIR",
        "QUERN_DATABASE_URL",
        "QUERN_DATA_DIR",
        "QUERN_INSTANCE",
        "QUERN_MAX_MPUB_BYTES",
        "QUERN_MAX_MSG_BYTES",
        "QUERN_MAX_MSG_TIMEOUT_SECONDS",
        "QUERN_NSQD_HTTP",
        "QUERN_NSQD_TCP",
        "QUERN_NSQLOOKUPD_HTTP",
        "QUERN_WEAVIATE_GRPC",
        "QUERN_WEAVIATE_URL",
    }
)
"""What the image or docker-compose.yml says, because it follows from how the containers are put together."""

PUBLISHED = frozenset({"QUERN_HTTP_HOST", "QUERN_HTTP_PORT"})
"""What docker-compose.yml publishes the gateway at; inside its container it listens everywhere on 8000."""

SECRET = frozenset({"QUERN_WEAVIATE_API_KEY"})


@dataclass(frozen=True, slots=True)
class Variable:
    """What only docker-compose.yml reads."""

    name: str
    default: str
    meaning: str


SECRETS = (
    Variable("POSTGRES_PASSWORD", "", "of the owner of the schema; no service knows it"),
    Variable("QUERN_SERVICE_PASSWORD", "", "of the role that the services log in with"),
    Variable("QUERN_WEAVIATE_API_KEY", "", "that Weaviate asks the services for"),
    Variable("WEAVIATE_CLUSTER_PASSWORD", "", "of Weaviate's cluster port"),
)
SIZES = (
    Variable("QUERN_WORKERS", "2", "copies of ingest-worker"),
    Variable("QUERN_CONSUMERS", "1", "copies of result-consumer"),
    Variable("QUERN_WEAVIATE_MEMORY_MIB", "2048", "Weaviate's soft memory limit, in MiB"),
    Variable("QUERN_IMAGE_TAG", "0.1.0", "tag of the image that is built and run"),
)

HEAD = """\
# Copy this file to .env beside docker-compose.yml and fill in the four secrets: there are no defaults for them.
# Letters and digits only, since they become parts of URLs: `openssl rand -hex 24` makes a good one.
# A line that is commented out shows the default. Written by `python deploy/env/write.py`.
"""


def example() -> str:
    """All of ``.env.example``."""
    docs = [doc for doc in collect_settings(*SERVICES.values()) if doc.variable not in SECRET]
    groups = (
        ("Where the API is published", [doc for doc in docs if doc.variable in PUBLISHED]),
        ("Settings of the services", [doc for doc in docs if doc.variable not in PUBLISHED | FIXED]),
        (
            "Fixed by docker-compose.yml and the image: listed for other ways of running, without effect here",
            [doc for doc in docs if doc.variable in FIXED],
        ),
    )
    parts = [HEAD, _title("Secrets")]
    parts += [f"\n# {secret.meaning}\n{secret.name}=\n" for secret in SECRETS]
    parts += ["\n", _title("Sizes")]
    parts += [f"\n# {size.meaning}\n#{size.name}={size.default}\n" for size in SIZES]
    for title, members in groups:
        parts += ["\n", _title(title), *map(_setting, members)]
    return "".join(parts)


def service_file(name: str) -> str:
    """All of ``env/<name>.env``."""
    docs = collect_settings(SERVICES[name])
    names = [doc.variable for doc in docs if doc.variable not in FIXED | PUBLISHED | SECRET]
    module = SERVICES[name].__module__.replace(".", "/") + ".py"
    head = (
        f"# What {name} reads ({module}), as far as docker-compose.yml does not fix it. A name alone takes its value\n"
        "# from .env, where .env.example tells its meaning, unit and default. Written by `python deploy/env/write.py`.\n"
    )
    return head + "\n".join(names) + "\n"


def files() -> dict[Path, str]:
    """Every file with its content."""
    made = {DEPLOY / "env" / f"{name}.env": service_file(name) for name in SERVICES}
    return made | {DEPLOY / ".env.example": example()}


def _title(text: str) -> str:
    return f"# --- {text} ---\n"


def _setting(doc: SettingDoc) -> str:
    readers = [name for name, kind in SERVICES.items() if doc.variable in _variables(kind)]
    about = f"{doc.description} [{'all services' if len(readers) == len(SERVICES) else ', '.join(readers)}]"
    lines = textwrap.wrap(about, width=108, initial_indent="# ", subsequent_indent="# ")
    lines.append(f"# unit: {doc.unit or 'none'}; default: {doc.derived or doc.default or 'empty'}")
    return "\n" + "\n".join(lines) + f"\n#{doc.variable}={doc.default}\n"


def _variables(kind: type[Settings]) -> set[str]:
    return {doc.variable for doc in collect_settings(kind)}


def main() -> int:
    """Write, or compare."""
    stale = [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(
                f"{path.relative_to(DEPLOY.parent)} is not current: run `python deploy/env/write.py`.\n"
            )
        return 1 if stale else 0
    for path in stale:
        path.write_text(files()[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
