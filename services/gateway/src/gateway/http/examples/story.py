"""Whom the examples are about: a team crawls a handbook and uploads a price list."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a01"
TABLE: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a02"
GROUP: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a03"
RUN: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a04"
JOB: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a05"
UPLOAD_RUN: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a06"
DOCUMENT: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a07"
TABLE_DOCUMENT: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a08"
VERSION: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a09"
CHUNK: Final = "6f1f7a51-0b0e-5e8c-9a55-5d0a3c1c2b10"
REBUILD: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0b"
MESSAGE: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0c"
OTHER: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0d"
USER: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0f"
API_KEY: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a10"
TENANT: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a11"
WEBHOOK: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a12"
DELIVERY: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a13"
REQUEST: Final = "019a7c1e-5b00-7a10-8c4e-2f6d1b9e0a0e"

HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
URL: Final = "https://docs.example.org/guide/"
PAGE_URL: Final = "https://docs.example.org/guide/install.html"

BEGAN: Final = "2026-03-02T09:15:00.125000Z"
LATER: Final = "2026-03-02T09:15:04.500000Z"
ENDED: Final = "2026-03-02T09:16:31.750000Z"

#: By the name of a parameter in a path.
IDS: Final = {
    "source_id": SOURCE,
    "group_id": GROUP,
    "run_id": RUN,
    "job_id": JOB,
    "document_id": DOCUMENT,
    "rebuild_id": REBUILD,
    "message_id": MESSAGE,
    "parent_id": RUN,
    "user_id": USER,
    "token_id": API_KEY,
    "tenant_id": TENANT,
    "webhook_id": WEBHOOK,
    "delivery_id": DELIVERY,
}
