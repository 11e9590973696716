"""Summaries: of the documents' own sentences, or by an endpoint, kept beside the documents."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from janitor.adapters.summary_endpoint import SummaryEndpoint
from janitor.core.steps import More
from shared.errors import ErrorCode, WorkError
from shared.postgres.reads.documents import DocumentReads
from shared.states import ErrandType
from support.errands import Errands
from support.pipeline import CALLER, DEFAULT_TENANT
from support.rows import add_content
from support.upkeep import one_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from support.pipeline import Pipeline
    from support.rows import Content

KEY = "sk-very-secret"
TEXT = "The kettle boils water for tea. Limescale makes the kettle slow. Vinegar removes limescale from the kettle."


class Model:
    """An endpoint that speaks chat completions."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.refuses: dict[str, int] = {}
        self.redirect = ""
        self.body: bytes | None = None
        self.silent = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.add(request.headers.get("Authorization", ""))
        if self.silent:
            await asyncio.Event().wait()
        text = body["messages"][1]["content"]
        for word, status in self.refuses.items():
            if word in text:
                return web.Response(status=status)
        if self.redirect:
            return web.Response(status=307, headers={"Location": self.redirect})
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        return web.json_response({"choices": [{"message": {"content": f"In short: {text[:20]}"}}]})


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    made = Model()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


def endpoint(model: Model, **more: Any) -> SummaryEndpoint:
    options = {"timeout_seconds": 5.0, "answer_bytes": 10_000} | more
    return SummaryEndpoint(url=model.url, key=SecretStr(KEY), model="small", **options)


async def texts(pipeline: Pipeline, *markdown: str) -> Content:
    made = await add_content(pipeline.database, documents=len(markdown))
    for version_id, text in zip(made.version_ids, markdown, strict=True):
        await pipeline.rows("UPDATE document_versions SET markdown = $2 WHERE id = $1", version_id, text)
    return made


def of_source(made: Content) -> dict[str, Any]:
    return {"source_id": str(made.source_id), "sentences": 2}


async def kept(pipeline: Pipeline, document_id: UUID) -> Any:
    found = await DocumentReads(database=pipeline.gateway).get(DEFAULT_TENANT, document_id)
    assert found is not None
    return found[2]


async def test_the_documents_of_a_source_are_summarised_by_their_own_sentences(pipeline: Pipeline) -> None:
    made = await texts(pipeline, TEXT, "", TEXT.replace("kettle", "boiler"))
    one = Errands(pipeline)
    job_id = await one.run(ErrandType.SUMMARIZER, of_source(made))
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["total"], job["succeeded"], job["skipped"]) == ("succeeded", 3, 2, 1)
    assert (job["stats"]["documents"], job["stats"]["method"]) == (3, "extractive")
    summary = await kept(pipeline, made.document_ids[0])
    assert (summary.method, summary.model, summary.version_id) == ("extractive", None, made.version_ids[0])
    assert summary.text in {
        "The kettle boils water for tea. Limescale makes the kettle slow.",
        "Limescale makes the kettle slow. Vinegar removes limescale from the kettle.",
        "The kettle boils water for tea. Vinegar removes limescale from the kettle.",
    }
    assert await kept(pipeline, made.document_ids[1]) is None
    await pipeline.assert_balanced()


async def test_documents_are_named_in_any_order_and_each_is_summarised_once(pipeline: Pipeline) -> None:
    made = await texts(pipeline, TEXT, TEXT, TEXT)
    ids = [str(made.document_ids[2]), str(made.document_ids[0]), str(made.document_ids[2])]
    job_id = await Errands(pipeline).run(ErrandType.SUMMARIZER, {"document_ids": ids, "sentences": 1})
    job = await one_job(pipeline, job_id)
    assert (job["total"], job["succeeded"]) == (2, 2)
    assert await kept(pipeline, made.document_ids[1]) is None


async def test_a_summary_goes_with_its_document_and_never_to_another_tenant(pipeline: Pipeline) -> None:
    made = await texts(pipeline, TEXT)
    await Errands(pipeline).run(ErrandType.SUMMARIZER, of_source(made))
    other = await pipeline.value(
        "INSERT INTO tenants (id, slug, name) VALUES (uuidv7(), 'other', 'Other') RETURNING id"
    )
    async with pipeline.gateway.transaction(other) as connection:
        assert await connection.fetchval("SELECT count(*) FROM document_summaries") == 0
    await pipeline.rows("DELETE FROM document_versions WHERE document_id = $1", made.document_ids[0])
    await pipeline.rows("DELETE FROM documents WHERE id = $1", made.document_ids[0])
    assert await pipeline.value("SELECT count(*) FROM document_summaries") == 0


async def test_a_summarizer_goes_on_where_it_was_cut(pipeline: Pipeline) -> None:
    made = await texts(pipeline, *[TEXT] * 5)
    one, heir = Errands(pipeline), Errands(pipeline)
    job_id = await one.start(ErrandType.SUMMARIZER, of_source(made))
    errand = await one.take()
    for _ in range(3):
        step = await one.step(errand)
        assert isinstance(step, More)
        errand = step.errand
    before = await pipeline.rows("SELECT document_id, created_at FROM document_summaries")
    assert len(before) == 2
    await one.rows.hand_back(errand)
    await heir.finish(await heir.take())
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["succeeded"], job["total"]) == ("succeeded", 5, 5)
    after = await pipeline.rows("SELECT document_id, created_at FROM document_summaries")
    assert set(before) <= set(after), "nothing was summarised twice"


async def test_an_endpoint_writes_them_where_one_is_set(
    pipeline: Pipeline, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await texts(pipeline, TEXT)
    job_id = await Errands(pipeline, writer=endpoint(model)).run(ErrandType.SUMMARIZER, of_source(made))
    summary = await kept(pipeline, made.document_ids[0])
    assert (summary.method, summary.model) == ("model", "small")
    assert summary.text.startswith("In short: ")
    assert model.keys == {f"Bearer {KEY}"}
    job = await one_job(pipeline, job_id)
    assert job["stats"]["method"] == "model"
    lines = await pipeline.rows("SELECT message, fields FROM job_logs")
    assert KEY not in json.dumps([list(map(str, dict(row).values())) for row in [*lines, job]])
    assert KEY not in "".join(capsys.readouterr())


async def test_a_document_that_the_endpoint_refuses_fails_alone(pipeline: Pipeline, model: Model) -> None:
    made = await texts(pipeline, TEXT, "poison " + TEXT, TEXT)
    model.refuses["poison"] = 400
    job_id = await Errands(pipeline, writer=endpoint(model)).run(ErrandType.SUMMARIZER, of_source(made))
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["succeeded"], job["failed"]) == ("succeeded", 2, 1)
    assert await pipeline.value("SELECT count(*) FROM job_logs WHERE level = 'warning'") == 1
    assert await kept(pipeline, made.document_ids[1]) is None


@pytest.mark.parametrize(
    ("broken", "code", "retryable"),
    [
        ({"refuses": {"kettle": 401}}, ErrorCode.SUMMARY_REFUSED, False),
        ({"refuses": {"kettle": 503}}, ErrorCode.SUMMARY_UNAVAILABLE, True),
        ({"redirect": "http://127.0.0.1:9/"}, ErrorCode.SUMMARY_REFUSED, False),
        ({"body": b"x" * 50_000}, ErrorCode.SUMMARY_REFUSED, False),
        ({"silent": True}, ErrorCode.SUMMARY_UNAVAILABLE, True),
    ],
    ids=["wrong key", "down", "redirect", "too long", "silent"],
)
async def test_an_endpoint_that_does_not_answer_as_it_should_says_why(
    model: Model, broken: dict[str, Any], code: ErrorCode, *, retryable: bool
) -> None:
    for name, value in broken.items():
        setattr(model, name, value)
    with pytest.raises(WorkError) as failed:
        await endpoint(model, timeout_seconds=0.5).summarise("t", TEXT, sentences=2)
    assert (failed.value.code, failed.value.retryable) == (code, retryable)
    assert KEY not in str(failed.value)


async def test_nobody_listens_there(model: Model) -> None:
    writer = SummaryEndpoint(
        url="http://127.0.0.1:9/v1", key=SecretStr(""), model=model.url, timeout_seconds=5.0, answer_bytes=10
    )
    with pytest.raises(WorkError) as failed:
        await writer.summarise("t", TEXT, sentences=2)
    assert failed.value.code is ErrorCode.SUMMARY_UNAVAILABLE


async def test_a_summary_of_a_source_that_goes_meanwhile_is_not_kept(pipeline: Pipeline) -> None:
    made = await texts(pipeline, TEXT, TEXT)
    one = Errands(pipeline)
    job_id = await one.start(ErrandType.SUMMARIZER, of_source(made))
    step = await one.step(await one.take())
    assert isinstance(step, More)
    await pipeline.intake.delete_source(caller=CALLER, source_id=made.source_id, force=False)
    await one.finish(step.errand)
    job = await one_job(pipeline, job_id)
    assert (job["status"], job["succeeded"]) == ("succeeded", 0)
    assert await pipeline.value("SELECT count(*) FROM document_summaries") == 0
