from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from native import running, stackfile
from native.config import NativeSettings
from native.credentials import Credentials, load_or_create
from native.identity import Identity
from native.layout import Layout
from native.plan import Plan
from native.running import Running
from native.services import processes
from native.stackfile import RunningProcess, StackFile
from native.supervisor_client import ProcessState

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def started(tmp_path: Path) -> Running:
    settings, credentials = NativeSettings(data_dir=tmp_path), Credentials.generate()
    plan = Plan(who=Identity(), processes=tuple(processes(settings, Layout.of(tmp_path), credentials, {})))
    return Running.of(plan, settings, StackFile.of(settings, credentials), {})


def test_file_has_the_fields_that_tools_rely_on(tmp_path: Path) -> None:
    stack = StackFile.of(NativeSettings(), Credentials.generate())
    worker = RunningProcess(name="ingest-worker-1", pid=7, admin_port=18150, log="/l/ingest-worker-1.log")
    server = RunningProcess(name="postgres", pid=8, log="/l/postgres.log")
    stack.with_processes((server, worker)).write(tmp_path / "stack.json")
    content = json.loads((tmp_path / "stack.json").read_text())
    assert content["processes"] == [
        {"name": "postgres", "pid": 8, "log": "/l/postgres.log"},
        {"name": "ingest-worker-1", "pid": 7, "admin_port": 18150, "log": "/l/ingest-worker-1.log"},
    ]
    del content["processes"], content["database_url"], content["weaviate_api_key"]
    assert content == {
        "gateway_url": "http://127.0.0.1:8000",
        "nsqd_http": "http://127.0.0.1:18102",
        "nsqd_tcp": "127.0.0.1:18101",
        "nsqlookupd_http": "http://127.0.0.1:18104",
        "nsqadmin_url": "http://127.0.0.1:18105",
        "weaviate_url": "http://127.0.0.1:18106",
        "weaviate_grpc": "127.0.0.1:18107",
    }
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    assert stackfile.read(tmp_path / "stack.json") == stack.with_processes((server, worker))


def test_only_processes_that_run_are_listed_in_the_order_of_their_start(started: Running) -> None:
    states = [
        ProcessState("gateway", 4, "RUNNING"),
        ProcessState("ingest-worker-2", 0, "BACKOFF"),
        ProcessState("ingest-worker-1", 3, "STARTING"),
        ProcessState("janitor", 2, "RUNNING"),
    ]
    assert [(p.name, p.pid) for p in started.processes(states)] == [
        ("janitor", 2),
        ("ingest-worker-1", 3),
        ("gateway", 4),
    ]
    assert len({process.admin_port for process in started.processes(states)}) == 3


def test_record_survives_being_kept(started: Running, tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.create()
    assert running.load(layout) is None
    started.save(layout)
    assert running.load(layout) == started


def test_changed_settings_are_told_by_name() -> None:
    user = {"QUERN_LEASE_SECONDS": "30", "PATH": "/bin"}
    before = running.chosen_settings(NativeSettings(workers=2), user)
    after = running.chosen_settings(NativeSettings(workers=3), {"PATH": "/usr/bin"})
    assert running.changed(before, after) == ["QUERN_LEASE_SECONDS", "QUERN_WORKERS"]
    assert running.changed(before, before) == []


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = load_or_create(path)
    assert load_or_create(path) == first
    assert len(set(first.model_dump().values())) == 5
    assert path.stat().st_mode & 0o777 == 0o600


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{")
    with pytest.raises(ValidationError):
        load_or_create(path)
    assert path.read_text() == "{"
