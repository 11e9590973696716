"""A file of the work, and what its user does with it."""

from __future__ import annotations

import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from chaos import texts
from chaos.plan import Act

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos.client import Answer, PatientClient
    from chaos.model import Served
    from chaos.pace import Pace
    from chaos.plan import FilePlan

ACCEPTED: Final = 202


class File:
    """The file, and its user.

    Args:
        plan: its name, and what is done when.
        seed: decides what is in it.
        client: the user's.
        served: learns what may be found.
        pace: says when the steps are due.
    """

    def __init__(
        self, *, plan: FilePlan, seed: int, client: PatientClient, served: Served, pace: Pace
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._client = client
        self._served = served
        self._pace = pace
        self._revision = 0
        self._source_id = ""
        self._marker = texts.document_marker(seed, plan.name)
        self._acts: dict[Act, Callable[[], Awaitable[None]]] = {
            Act.UPLOAD: self._upload,
            Act.CANCEL: self._upload_and_cancel,
            Act.DELETE: self._delete,
            Act.DUPLICATE: self._duplicate,
            Act.RETRY: self._retry,
        }

    async def live(self) -> None:
        """All that happens to it."""
        for position, act in self._plan.acts:
            await self._pace.until(position)
            async with self._pace.slots:
                await self._acts[act]()

    async def _upload(self) -> None:
        answer = await self._send_next()
        await self._client.at_rest(self._source_id)
        if self._plan.is_damaged:
            return
        if not answer.was_lost:
            await self._client.has_succeeded(answer.body["run_id"])
        self._served.confirm(self._marker, self._revision, at=time.monotonic())

    async def _upload_and_cancel(self) -> None:
        answer = await self._send_next()
        await self._client.expect("POST", f"/v1/jobs/{answer.body['run_id']}/cancel", 202, 409)
        await self._client.at_rest(self._source_id)

    async def _delete(self) -> None:
        self._served.doubt(self._marker)
        path = f"/v1/sources/{self._source_id}"
        await self._client.expect("DELETE", path, 202, 404, params={"force": "true"})
        now = time.monotonic()
        self._served.deleted(self._source_id, at=now)
        self._served.gone(self._marker, at=now)
        self._revision += 100

    async def _duplicate(self) -> None:
        answer = await self._send(f"copy-of-{self._plan.name}", self._bytes())
        run: dict[str, Any] = answer.body
        while run["status"] in {"queued", "running"}:
            self._client.check_time(f"the copy of {self._plan.name} is not skipped")
            run = await self._client.get(f"/v1/ingestion-runs/{answer.body['run_id']}")

    async def _retry(self) -> None:
        """One by its id, and all of its class."""
        found = await self._client.get("/v1/jobs/failed", handler="file", limit=500)
        for row in found["items"]:
            if row["source_id"] == self._source_id:
                await self._client.expect("POST", f"/v1/jobs/{row['id']}/retry", 202, 404, 409)
        await self._client.expect("POST", "/v1/jobs/failed/retry", 202, json={"error_code": "corrupt_file"})
        await self._client.at_rest(self._source_id)

    async def _send_next(self) -> Answer:
        """Upload the next version; learns the source's id."""
        self._revision += 1
        if not self._plan.is_damaged:
            version = texts.version_marker(self._seed, self._plan.name, self._revision)
            at = time.monotonic()
            self._served.give(self._marker, self._plan.name, version, self._revision, at=at)
        answer = await self._send(self._plan.name, self._bytes())
        if not answer.was_lost:
            self._source_id = answer.body["source_id"]
        else:  # what is answered may be about a repetition, which is a duplicate
            self._source_id = await self._look_up()
        return answer

    async def _send(self, name: str, body: bytes) -> Answer:
        form = partial(_form, name, body)
        return await self._client.expect("POST", "/v1/ingest", ACCEPTED, form=form)

    async def _look_up(self) -> str:
        found = await self._client.get("/v1/sources", q=self._plan.name, type="upload", limit=500)
        names = {source["file_name"]: source["id"] for source in found["items"]}
        if self._plan.name not in names:
            self._client.check_time(f"{self._plan.name} was accepted and is no source")
            return self._source_id
        source_id: str = names[self._plan.name]
        return source_id

    def _bytes(self) -> bytes:
        if self._plan.is_damaged:
            return texts.damaged_pdf(self._plan.name)
        suffix = self._plan.name.rpartition(".")[2]
        return texts.file(texts.text(self._seed, self._plan.name, self._revision), suffix)


def _form(name: str, body: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(body), filename=name, content_type="application/octet-stream")
    return form
