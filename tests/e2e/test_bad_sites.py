"""Sites that cannot or may not be crawled: each is told from the others by a code, and nothing is retried in vain."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from shared.clock import new_id
from support import site_fixtures
from support.client import Client, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.e2e import Truth
    from support.sites import TestSite

MAX_ATTEMPTS = 3
PAGE_MAX_BYTES = 1_000_000
"""As the stack has it."""


def refuse_everything(site: TestSite) -> None:
    site.robots("User-agent: *\nDisallow: /\n")
    site.page("/", site_fixtures.page("Secret", ("Plan", "Nobody reads this.")))


def spin(site: TestSite) -> None:
    site.redirect("/", "/again")
    site.redirect("/again", "/")


#: What the site does, the code, the status that is reported, and the attempts that it costs.
SEEDS: dict[str, tuple[Callable[[TestSite], None], str, int | None, int]] = {
    "gone": (lambda site: None, "http_error", 404, 1),
    "forbidden": (lambda site: site.refuse("/", 403), "http_error", 403, 1),
    "broken": (lambda site: site.refuse("/", 500), "http_error", 500, MAX_ATTEMPTS),
    "busy": (lambda site: site.refuse("/", 429), "rate_limited", 429, MAX_ATTEMPTS),
    "loop": (spin, "too_many_redirects", None, 1),
    "inside": (lambda site: site.redirect("/", "http://10.11.12.13/admin"), "blocked_address", None, 1),
    "metadata": (
        lambda site: site.redirect("/", "http://169.254.169.254/latest/meta-data/"),
        "blocked_address",
        None,
        1,
    ),
    "large": (lambda site: site.page("/", b"<p>" + b"x" * PAGE_MAX_BYTES), "too_large", None, 1),
    "picture": (
        lambda site: site.page("/", b"\x89PNG\r\n\x1a\n" + bytes(500), content_type="image/png"),
        "unsupported_type",
        None,
        1,
    ),
    "empty": (lambda site: site.page("/", "<html><body></body></html>"), "empty_content", None, 1),
    "robots": (refuse_everything, "robots_disallowed", None, 1),
    "robots-broken": (lambda site: site.refuse("/robots.txt", 503), "robots_unavailable", None, MAX_ATTEMPTS),
}


@pytest.mark.parametrize("name", SEEDS)
async def test_seed_that_fails_fails_its_run(quern: Client, truth: Truth, site: TestSite, name: str) -> None:
    prepare, code, status, attempts = SEEDS[name]
    prepare(site)
    source_id, run_id = await quern.add_site(site.url("/"))
    run = await quern.failed(run_id, code)
    (page,) = await quern.children(run_id)
    assert (page["status"], page["error_code"], page["attempt"]) == ("failed", code, attempts)
    if status is not None:
        assert page["http_status"] == status
    (failure,) = await quern.failures(source_id)
    assert (failure["id"], failure["handler"], failure["error_code"]) == (page["id"], "web", code)
    assert failure["payload"]["url"] == site.url("/")
    assert failure["retryable"] == (attempts > 1)
    assert (failure["next_retry_at"] is not None) == failure["retryable"]
    assert (run["progress"]["total"], run["progress"]["failed"]) == (1, 1)
    assert (await quern.get(f"/v1/sources/{source_id}"))["status"] == "failed"
    await quern.delete(source_id)
    await truth.converged()


@pytest.mark.parametrize("url", ["http://{}.invalid/", "http://127.0.0.1:1/{}"])
async def test_host_that_is_not_there_is_tried_and_then_unreachable(quern: Client, url: str) -> None:
    source_id, run_id = await quern.add_site(url.format(new_id()))
    await quern.failed(run_id, "unreachable")
    (page,) = await quern.children(run_id)
    assert page["attempt"] == MAX_ATTEMPTS
    await quern.delete(source_id)


async def test_redirect_of_a_page_to_a_private_address_is_skipped(quern: Client, site: TestSite) -> None:
    site.links("/", "/inside", "/about", text="Start")
    site.redirect("/inside", "http://192.168.1.1/")
    site.page("/about", site_fixtures.page("About", ("Us", "We are here.")))
    source_id, run_id = await quern.add_site(site.url("/"))
    run = await quern.succeeded(run_id)
    assert (run["progress"]["succeeded"], run["progress"]["skipped"]) == (2, 1)
    pages = (await quern.get(f"/v1/sources/{source_id}/pages", status="skipped"))["items"]
    assert site.url("/inside") in {page["url"] for page in pages}


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0xa000001/",
        "http://167772161/",
        "http://0/",
        "http://192.168.0.1.:80/",
    ],
)
async def test_private_addresses_are_refused_in_every_spelling(quern: Client, url: str) -> None:
    body = {"type": "web", "url": url}
    await quern.refused("POST", "/v1/sources", status=422, code="blocked_address", json=body)


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"crawl": {"include": ["("]}}, "include"),
        ({"crawl": {"exclude": ["a{2,1}"]}}, "exclude"),
        ({"crawl": {"max_depth": -1}}, "max_depth"),
        ({"crawl": {"render": "always"}}, "render"),
        ({"crawl": {"depth": 1}}, "depth"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "http://user:password@example.org/"}, "url"),
        ({"type": "s3"}, "type"),
        ({"schedule": "@daily"}, "schedule"),
    ],
)
async def test_what_is_not_understood_is_refused(quern: Client, change: dict[str, Any], loc: str) -> None:
    body = {"type": "web", "url": "http://example.org/"} | change
    problem = await quern.refused("POST", "/v1/sources", status=422, code="validation_error", json=body)
    assert any(loc in error["loc"] for error in problem["errors"]), problem


@pytest.fixture
def strict_url(truth: Truth) -> Iterator[str]:
    """A second gateway on the same servers, for which no network is allowed that is not public."""
    process = json.loads((truth.stack.layout.run / "gateway.json").read_text())
    port = truth.stack.settings.base_port + 98
    own = {
        "CRAWL_ALLOW_NETWORKS": "",
        "HTTP_PORT": str(port),
        "ADMIN_PORT": "0",
        "INSTANCE": "gateway-strict",
    }
    environment = process["env"] | {f"QUERN_{name}": value for name, value in own.items()}
    with (
        (truth.stack.layout.logs / "gateway-strict.log").open("ab") as log,
        subprocess.Popen(
            process["argv"], env=environment, cwd=process["cwd"], stdout=log, stderr=log
        ) as running,
    ):
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(30)


async def test_without_allowed_networks_loopback_is_refused_as_well(
    strict_url: str, http: aiohttp.ClientSession, site: TestSite
) -> None:
    strict = Client(http, strict_url)

    async def ready() -> bool:
        try:
            return (await strict.call("GET", "/readyz")).status == 200
        except aiohttp.ClientConnectionError:
            return False

    await until(ready, "the second gateway is ready")
    for url in (site.url("/"), f"http://localhost:{site.host.rpartition(':')[2]}/", "http://127.1/"):
        body = {"type": "web", "url": url}
        problem = await strict.refused("POST", "/v1/sources", status=422, code="blocked_address", json=body)
        assert "private or reserved" in problem["detail"]
    assert site.hits.total() == 0
