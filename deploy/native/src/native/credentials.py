"""The random secrets of one data directory: made once, readable by its owner only."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from native.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES = 24


class Credentials(BaseModel):
    """Passwords and keys of the servers of one stack, URL-safe texts of 192 random bits each."""

    model_config = ConfigDict(frozen=True)

    postgres_owner: str
    postgres_service: str
    weaviate_api_key: str
    weaviate_cluster_user: str
    weaviate_cluster_password: str

    @classmethod
    def generate(cls) -> Credentials:
        """New secrets."""
        return cls(**{name: secrets.token_urlsafe(SECRET_BYTES) for name in cls.model_fields})


def load_or_create(path: Path) -> Credentials:
    """The secrets kept in ``path``; made there first where the file is missing.

    Raises:
        ValueError: the file is damaged. It is not replaced: the servers' data would be locked out.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        credentials = Credentials.generate()
        write_private(path, json.dumps(credentials.model_dump(), indent=2) + "\n")
        return credentials
    return Credentials.model_validate_json(text)
