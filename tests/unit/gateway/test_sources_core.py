from __future__ import annotations

from typing import Any

import pytest

from gateway.core.crawl import check_headers, check_patterns, default_name, read_url
from gateway.core.errors import InvalidRequestError
from gateway.core.sources import SourceStatus, crawl_settings, status_of, without_secrets
from gateway.http.models.sources import Source
from shared.urls import parse_web_url
from unit.gateway.rows import source


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, SourceStatus.IDLE),
        ({"last_run_status": "succeeded"}, SourceStatus.IDLE),
        ({"last_run_status": "skipped"}, SourceStatus.IDLE),
        ({"last_run_status": "cancelled"}, SourceStatus.IDLE),
        ({"last_run_status": "failed"}, SourceStatus.FAILED),
        ({"last_run_status": "queued", "has_queued": True}, SourceStatus.QUEUED),
        ({"last_run_status": "queued", "has_queued": True, "has_running": True}, SourceStatus.INGESTING),
        ({"row_status": "deleting", "has_running": True}, SourceStatus.DELETING),
    ],
)
def test_the_status_follows_from_the_runs(changes: dict[str, Any], status: SourceStatus) -> None:
    assert status_of(source(**changes)) is status


def test_values_of_headers_are_never_shown() -> None:
    settings = crawl_settings(source(header_names=["Authorization", "X-Key"]))
    assert settings is not None
    assert settings["headers"] == {"Authorization": "***", "X-Key": "***"}
    assert without_secrets({"max_depth": 1, "headers": {"A": "secret"}}) == {
        "max_depth": 1,
        "headers": {"A": "***"},
    }


def test_a_file_is_not_crawled() -> None:
    shown = Source.of(source(type="upload", url=None, file_name="a.pdf"))
    assert (shown.crawl, shown.file_name, shown.url) == (None, "a.pdf", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docs.example.org",
        "ftp://x.example/",
        "https://",
        "https://a:b@x.example/",
        "https://x.example:0/",
    ],
)
def test_what_is_no_web_address_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_url(text, ("body", "url"))
    assert [fault.loc for fault in refused.value.faults] == [("body", "url")]


def test_every_pattern_that_cannot_be_used_is_named() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_patterns({"include": ["ok", "(("], "exclude": ["[", "fine", "(?=x)"]})
    assert [fault.loc for fault in refused.value.faults] == [
        ("body", "crawl", "include", 1),
        ("body", "crawl", "exclude", 0),
        ("body", "crawl", "exclude", 2),
    ]


def test_every_header_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_headers({"X-Fine": "1", "Host": "x", "Bad Name": "1", "X-Split": "a\r\nb"})
    assert [fault.loc[-1] for fault in refused.value.faults] == ["Host", "Bad Name", "X-Split"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://docs.example.org/", "docs.example.org"),
        ("https://docs.example.org:8443/a/b/?q=1", "docs.example.org:8443/a/b"),
        ("https://docs.example.org/" + "x" * 400, "docs.example.org/" + "x" * 183),
    ],
)
def test_a_source_without_a_name_is_called_by_its_address(url: str, name: str) -> None:
    assert default_name(parse_web_url(url)) == name
