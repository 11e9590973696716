from __future__ import annotations

from typing import Any

import pytest

from gateway.core.errors import BlockedUrlError, InvalidRequestError
from gateway.http.handlers.sources import default_settings
from gateway.usecases.jobs import Jobs
from gateway.usecases.sources import CrawlWish, Sources
from shared.net.resolver import HostVerdict
from shared.postgres.intake_errors import NotFoundError, SourceExistsError
from unit.gateway.fakes import FakeAnnouncer, FakeDeletes, FakeHosts, FakeIntake, FakeJobs, FakeSources
from unit.gateway.rows import CALLER, an_id, crawl, job, source

URL = "https://docs.example.org/guide/"


class World:
    def __init__(self, *rows: Any, **verdicts: HostVerdict) -> None:
        self.intake = FakeIntake()
        self.announcer = FakeAnnouncer()
        self.deletes = FakeDeletes()
        self.reader = FakeSources(*rows)
        self.sources = Sources(
            intake=self.intake,
            reader=self.reader,  # type: ignore[arg-type]  # only reads by id
            hosts=FakeHosts(**verdicts),
            announcer=self.announcer,
            deletes=self.deletes,
            default_settings=default_settings(),
        )

    def jobs(self, row: Any) -> Jobs:
        return Jobs(
            intake=self.intake,
            jobs=FakeJobs(row),  # type: ignore[arg-type]  # only reads by id
            source_reader=self.reader,  # type: ignore[arg-type]  # likewise
            sources=self.sources,
            announcer=self.announcer,
        )


async def add(world: World, url: str = URL, wish: CrawlWish | None = None) -> Any:
    chosen = wish or CrawlWish(settings=default_settings(), headers={"X-Key": "secret"})
    return await world.sources.add(CALLER, url=url, name=None, group_id=None, wish=chosen)


async def test_a_site_is_accepted_with_its_identity_and_announced() -> None:
    world = World()
    await add(world, "HTTPS://Docs.Example.org:443/guide/?utm_source=x#top")
    [(_, arguments)] = world.intake.calls
    assert arguments["seed"].url_key == URL
    assert arguments["seed"].host == "https://docs.example.org:443"
    assert arguments["name"] == "docs.example.org/guide"
    assert arguments["secret_headers"] == {"X-Key": "secret"}
    assert "headers" not in arguments["config"]
    assert world.announcer.wishes == 1


def test_headers_are_not_in_the_representation() -> None:
    assert "secret" not in repr(CrawlWish(settings={}, headers={"X-Key": "secret"}))


@pytest.mark.parametrize("verdict", [HostVerdict.ALLOWED, HostVerdict.UNRESOLVED])
async def test_a_host_that_does_not_resolve_is_accepted(verdict: HostVerdict) -> None:
    world = World(docs_example_org=verdict)
    await add(world)
    assert world.announcer.wishes == 1


async def test_a_host_inside_is_refused_before_anything_is_written() -> None:
    world = World(docs_example_org=HostVerdict.BLOCKED)
    with pytest.raises(BlockedUrlError):
        await add(world)
    assert (world.intake.calls, world.announcer.wishes) == ([], 0)


async def test_what_cannot_be_used_is_refused_before_anybody_is_asked() -> None:
    world = World()
    with pytest.raises(InvalidRequestError):
        await add(world, wish=CrawlWish(settings={"include": ["(("]}))
    with pytest.raises(InvalidRequestError):
        await add(world, wish=CrawlWish(settings={}, headers={"Host": "x"}))
    assert world.intake.calls == []


async def test_an_existing_source_is_not_announced() -> None:
    world = World()
    world.intake.existing[URL] = an_id(9)
    with pytest.raises(SourceExistsError):
        await add(world)
    assert world.announcer.wishes == 0


async def test_a_change_keeps_what_is_not_given() -> None:
    world = World(source(config={"max_depth": 2, "include": ["a"], "render": "never"}))
    await world.sources.change(
        CALLER, an_id(2), name=None, group_id=None, wish=CrawlWish(settings={"max_depth": 5})
    )
    [(_, arguments)] = world.intake.calls
    assert arguments["config"] == {"max_depth": 5, "include": ["a"], "render": "never"}
    assert arguments["secret_headers"] is None


async def test_a_file_has_no_crawl_to_change() -> None:
    world = World(source(type="upload", url=None, file_name="a.pdf"))
    with pytest.raises(InvalidRequestError):
        await world.sources.change(
            CALLER, an_id(2), name=None, group_id=None, wish=CrawlWish(settings={"max_depth": 5})
        )
    await world.sources.change(CALLER, an_id(2), name="Handbook", group_id=None, wish=None)
    assert [arguments["name"] for _, arguments in world.intake.calls] == ["Handbook"]


@pytest.mark.parametrize(
    "row", [source(row_status="deleting"), source(type="upload", url=None), source(id=an_id(99))]
)
async def test_only_live_web_sources_are_crawled_again(row: Any) -> None:
    world = World(row)
    with pytest.raises(NotFoundError):
        await world.sources.sync(CALLER, an_id(2))


async def test_a_crawler_job_for_a_new_url_makes_a_source_with_that_depth() -> None:
    world = World()
    await world.sources.crawl(CALLER, url=URL, depth=7)
    [(name, arguments)] = world.intake.calls
    assert (name, arguments["config"]) == ("accept_web", {**default_settings(), "max_depth": 7})


@pytest.mark.parametrize(
    ("depth", "config"), [(None, None), (7, {"max_depth": 7, "include": ["guide"], "render": "never"})]
)
async def test_a_crawler_job_for_a_known_url_is_a_sync_with_its_settings(
    depth: int | None, config: Any
) -> None:
    world = World()
    world.intake.existing[URL] = an_id(2)
    await world.sources.crawl(CALLER, url=URL, depth=depth)
    name, arguments = world.intake.calls[-1]
    assert (name, arguments["source_id"], arguments["config"]) == ("sync", an_id(2), config)
    assert world.announcer.wishes == 1


async def test_a_removed_source_is_announced_to_the_janitor() -> None:
    world = World()
    await world.sources.remove(CALLER, an_id(2), force=True)
    assert world.deletes.sources == [an_id(2)]


async def test_a_copy_takes_the_runs_settings_and_nothing_that_the_run_noted() -> None:
    world = World()
    run = crawl(config={"max_depth": 1, "include": ["a"], "moved_to": "https://elsewhere.example"})
    await world.jobs(run).copy_crawl(CALLER, an_id(1), url="https://other.example/", depth=None)
    [(name, arguments)] = world.intake.calls
    assert name == "accept_web"
    assert arguments["seed"].url_key == "https://other.example/"
    assert arguments["config"] == {**default_settings(), "max_depth": 1, "include": ["a"]}


async def test_a_copy_without_a_url_crawls_the_same_source() -> None:
    world = World()
    world.intake.existing[URL] = an_id(2)
    await world.jobs(crawl(config={"max_depth": 1})).copy_crawl(CALLER, an_id(1), url=None, depth=4)
    name, arguments = world.intake.calls[-1]
    assert (name, arguments["config"]["max_depth"]) == ("sync", 4)


async def test_the_payload_of_an_upload_cannot_be_replaced() -> None:
    world = World()
    with pytest.raises(InvalidRequestError):
        await world.jobs(job()).copy_crawl(CALLER, an_id(1), url="https://other.example/", depth=None)
    assert world.intake.calls == []
