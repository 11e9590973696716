"""The native stack as its users meet it: up and down, side by side, after every kind of crash.

Servers only: what the four services do on top has tests of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from native import identity, leftovers, nsq
from native.errors import NotReadyError, PortInUseError
from native.postgres_programs import psql
from support.stacks import StackUnderTest, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SERVERS = ["postgres", "nsqlookupd", "nsqd", "nsqadmin", "weaviate"]


@pytest.fixture(scope="module")
def shared(make_stack: Callable[..., StackUnderTest]) -> StackUnderTest:
    return make_stack()


@pytest.fixture
def servers_stack(shared: StackUnderTest) -> StackUnderTest:
    shared.up(servers_only=True)
    return shared


def topics(stack: StackUnderTest) -> dict[str, tuple[str, ...]]:
    with urllib.request.urlopen(f"{stack.file.nsqd_http}/stats?format=json", timeout=5) as answer:
        found = json.load(answer)["topics"]
    return {topic["topic_name"]: tuple(c["channel_name"] for c in topic["channels"]) for topic in found}


def nothing_left(stack: StackUnderTest) -> bool:
    return not leftovers.find(stack.layout.root).pids


def test_stack_file_names_every_process_and_address(servers_stack: StackUnderTest) -> None:
    content = json.loads(servers_stack.layout.stack_file.read_text())
    base = servers_stack.settings.base_port
    assert content["gateway_url"] == f"http://127.0.0.1:{servers_stack.settings.http_port}"
    assert content["nsqd_tcp"] == f"127.0.0.1:{base + 1}"
    assert content["weaviate_grpc"] == f"127.0.0.1:{base + 7}"
    assert [process["name"] for process in content["processes"]] == SERVERS
    assert all(Path(process["log"]).is_file() for process in content["processes"])
    assert psql(content["database_url"], "SELECT current_user, current_database();") == "quern|quern"


def test_secrets_are_for_their_owner_alone(servers_stack: StackUnderTest) -> None:
    layout = servers_stack.layout
    private = [
        layout.stack_file,
        layout.credentials,
        *layout.run.glob("*.json"),
        layout.run / "supervisor.sock",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE(layout.root.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", SERVERS)
def test_killed_process_comes_back_and_the_file_follows(servers_stack: StackUnderTest, name: str) -> None:
    old = servers_stack.kill9(name)
    new = servers_stack.wait_replaced(name, old)
    servers_stack.wait_ready(name)
    assert servers_stack.pids[name] == new
    assert servers_stack.pids.keys() == set(SERVERS)


def test_postgres_keeps_what_was_committed_before_a_kill(servers_stack: StackUnderTest) -> None:
    address = servers_stack.file.database_url
    psql(address, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7);")
    servers_stack.wait_replaced("postgres", servers_stack.kill9("postgres"))
    servers_stack.wait_ready("postgres")
    assert psql(address, "SELECT n FROM kept; DROP TABLE kept;") == "7"


def test_wiped_nsqd_gets_its_topics_again(servers_stack: StackUnderTest) -> None:
    wait_until(lambda: topics(servers_stack) == dict(nsq.CHANNELS), "the topics are there")
    for path in servers_stack.layout.nsqd.iterdir():
        path.unlink()
    servers_stack.wait_replaced("nsqd", servers_stack.kill9("nsqd"))
    servers_stack.wait_ready("nsqd")
    wait_until(lambda: topics(servers_stack) == dict(nsq.CHANNELS), "the topics are there again")


def test_weaviate_wants_its_key(servers_stack: StackUnderTest) -> None:
    request = urllib.request.Request(f"{servers_stack.file.weaviate_url}/v1/schema")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=5)
    request.add_header("Authorization", f"Bearer {servers_stack.file.weaviate_api_key}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def test_second_up_changes_nothing(servers_stack: StackUnderTest) -> None:
    before = servers_stack.pids
    servers_stack.up(servers_only=True)
    assert servers_stack.pids == before


def test_up_completes_a_stack_that_lost_a_process(servers_stack: StackUnderTest) -> None:
    servers_stack.stop("nsqadmin")
    servers_stack.up(servers_only=True)
    servers_stack.wait_ready("nsqadmin")
    assert "nsqadmin" in servers_stack.pids


def test_down_leaves_nothing_and_can_be_repeated(servers_stack: StackUnderTest) -> None:
    servers_stack.down()
    assert nothing_left(servers_stack)
    assert servers_stack.file.processes == ()
    servers_stack.down()


def test_down_finds_what_a_killed_supervisor_left(servers_stack: StackUnderTest) -> None:
    supervisor = int((servers_stack.layout.run / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_until(
        lambda: supervisor not in leftovers.find(servers_stack.layout.root).pids, "supervisord is gone"
    )
    assert not nothing_left(servers_stack)
    servers_stack.down()
    assert nothing_left(servers_stack)


def test_supervisor_that_is_asked_to_end_stops_everything_and_says_so(servers_stack: StackUnderTest) -> None:
    os.kill(int((servers_stack.layout.run / "supervisord.pid").read_text()), signal.SIGTERM)
    wait_until(lambda: nothing_left(servers_stack), "everything has ended")
    assert servers_stack.file.processes == ()


def test_interrupted_start_leaves_nothing(make_stack: Callable[..., StackUnderTest]) -> None:
    stack = make_stack()
    settings = stack.settings
    environment = {
        **os.environ,
        "QUERN_DATA_DIR": str(settings.data_dir),
        "QUERN_BASE_PORT": str(settings.base_port),
        "QUERN_HTTP_PORT": str(settings.http_port),
    }
    # A test run in the background of a shell ignores SIGINT, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    up = subprocess.Popen([sys.executable, "-m", "native", "up", "--servers-only"], env=environment)
    signal.signal(signal.SIGINT, before)
    wait_until(lambda: stack.layout.stack_file.exists() and "nsqd" in stack.pids, "it is half up")
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 130
    assert nothing_left(stack)


def test_up_replaces_what_a_killed_supervisor_left(servers_stack: StackUnderTest) -> None:
    before = servers_stack.pids
    os.kill(int((servers_stack.layout.run / "supervisord.pid").read_text()), signal.SIGKILL)
    os.kill(before["postgres"], signal.SIGKILL)
    servers_stack.up(servers_only=True)
    assert servers_stack.pids.keys() == set(SERVERS)
    assert not set(before.values()) & set(servers_stack.pids.values())


def test_down_spares_strangers_that_know_the_data_directory(servers_stack: StackUnderTest) -> None:
    root = servers_stack.layout.root
    stranger = subprocess.Popen(
        ["sleep", "60"], cwd=root / "logs", env={**os.environ, "QUERN_DATA_DIR": str(root)}
    )
    try:
        servers_stack.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_stacks_run_side_by_side(
    servers_stack: StackUnderTest, make_stack: Callable[..., StackUnderTest]
) -> None:
    other = make_stack()
    other.up(servers_only=True)
    assert not set(other.pids.values()) & set(servers_stack.pids.values())
    other.down()
    for name in SERVERS:
        servers_stack.wait_ready(name)


def test_data_directory_may_have_any_name(make_stack: Callable[..., StackUnderTest]) -> None:
    stack = make_stack(folder="100% long; and odd #1 'quoted' " * 4)
    assert len(str(stack.layout.run / "supervisor.sock")) > 108, "shorter than the address of a socket may be"
    stack.up(servers_only=True)
    stack.wait_replaced("nsqd", stack.kill9("nsqd"))
    stack.down()
    assert nothing_left(stack)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity for PostgreSQL")
def test_root_without_user_namespaces_runs_postgres_as_nobody(
    make_stack: Callable[..., StackUnderTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    _namespace, nobody = identity.candidates()
    monkeypatch.setattr(identity, "candidates", lambda: [nobody])
    stack = make_stack()
    stack.up(servers_only=True)
    assert stack.layout.postgres.stat().st_uid == nobody.uid
    stack.wait_replaced("postgres", stack.kill9("postgres"))
    stack.wait_ready("postgres")
    stack.down()
    assert nothing_left(stack)


def test_taken_port_is_refused_with_its_setting(make_stack: Callable[..., StackUnderTest]) -> None:
    stack = make_stack()
    port = stack.settings.base_port + 2
    sentence = rf"Port {port} \(nsqd http, QUERN_BASE_PORT"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortInUseError, match=sentence):
        stack.up(servers_only=True)
    assert nothing_left(stack)


def test_server_that_cannot_start_is_told_with_its_log_and_nothing_stays(
    make_stack: Callable[..., StackUnderTest],
) -> None:
    stack = make_stack()
    stack.layout.create()
    (stack.layout.nsqd / "nsqd.dat").write_text("damaged")
    with pytest.raises(NotReadyError, match=r"(?s)nsqd does not stay up.*failed to load metadata") as failure:
        stack.up(servers_only=True)
    assert failure.value.log == stack.layout.log_of("nsqd")
    assert nothing_left(stack)


def test_killed_test_session_leaves_nothing(make_stack: Callable[..., StackUnderTest]) -> None:
    stack = make_stack()
    stack.up(servers_only=True)
    script = f"from support.watch import Watchdog; from pathlib import Path; Watchdog(Path({str(stack.layout.root)!r}))"
    ended = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", f"{script}; {ended}"], env=environment, check=False, timeout=30)
    wait_until(lambda: nothing_left(stack), "the watchdog has ended everything")
