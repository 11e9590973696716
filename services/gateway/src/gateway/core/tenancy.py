"""The tenant that every installation begins with (its row is in the first migration)."""

from __future__ import annotations

from typing import Final
from uuid import UUID

DEFAULT_TENANT_ID: Final = UUID("00000000-0000-7000-8000-000000000001")
DEFAULT_TENANT_SLUG: Final = "default"
ANONYMOUS: Final = "anonymous"
