"""Fixtures for tests on real servers: each server starts when the first test asks for it, once per session.

Methods of the servers (``kill9``, ``restart``, ``wipe``, ``pause``, ``resume``) block; in a test whose own loop
must go on meanwhile, call them through ``asyncio.to_thread``. After each test, whatever it killed or froze is
brought back.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from support.claims import PortClaims
from support.servers import Servers
from support.stacks import StackUnderTest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.databases import Database
    from support.servers import NsqdServer, PostgresServer, WeaviateServer

KEPT_SETTINGS: Final = {"QUERN_CACHE_DIR", "QUERN_TEST_PORTS", "QUERN_VENV"}
STARTED: pytest.StashKey[Servers] = pytest.StashKey()


def pytest_configure() -> None:
    """Keep the settings of the developer's own stack away from what is tested."""
    for name in [name for name in os.environ if name.startswith("QUERN_") and name not in KEPT_SETTINGS]:
        del os.environ[name]


@pytest.fixture(scope="session")
def port_claims() -> Iterator[PortClaims]:
    """Blocks of ports that no other test session takes."""
    claims = PortClaims()
    yield claims
    claims.release()


@pytest.fixture(scope="session")
def servers(
    tmp_path_factory: pytest.TempPathFactory, port_claims: PortClaims, pytestconfig: pytest.Config
) -> Iterator[Servers]:
    """All servers, each started when its attribute is first read."""
    made = Servers(root=tmp_path_factory.mktemp("s"), ports=port_claims.take())
    pytestconfig.stash[STARTED] = made
    try:
        yield made
    finally:
        del pytestconfig.stash[STARTED]
        made.close()


@pytest.fixture(autouse=True)
def _healed(pytestconfig: pytest.Config) -> Iterator[None]:
    """After each test, bring back the servers that it killed or froze."""
    yield
    started = pytestconfig.stash.get(STARTED, None)
    if started is not None:
        started.heal()


@pytest.fixture(scope="session")
def postgres_server(servers: Servers) -> PostgresServer:
    """PostgreSQL, with ``.url`` of an empty database."""
    return servers.postgres


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh migrated database of this test's own."""
    made = postgres_server.databases.create()
    yield made
    postgres_server.databases.drop(made)


@pytest.fixture(scope="module")
def module_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A migrated database that the tests of one module share."""
    made = postgres_server.databases.create()
    yield made
    postgres_server.databases.drop(made)


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database without any schema, for tests of the migrations themselves."""
    made = postgres_server.databases.create(migrated=False)
    yield made
    postgres_server.databases.drop(made)


@pytest.fixture(scope="session")
def nsqd(servers: Servers) -> NsqdServer:
    """A real nsqd, with its nsqlookupd."""
    return servers.nsqd


@pytest.fixture(scope="session")
def weaviate(servers: Servers) -> WeaviateServer:
    """A real Weaviate."""
    return servers.weaviate


@contextmanager
def making_stacks(
    tmp_path_factory: pytest.TempPathFactory, port_claims: PortClaims
) -> Iterator[Callable[..., StackUnderTest]]:
    """Makes stacks of their own data directories and ports; all are taken down in the end."""
    with ExitStack() as closing:  # each is closed, whatever the others raise

        def make(
            *,
            environment: Mapping[str, str] | None = None,
            workers: int = 2,
            consumers: int = 1,
            folder: str = ".",
        ) -> StackUnderTest:
            stack = StackUnderTest(
                root=tmp_path_factory.mktemp("q") / folder,
                ports=port_claims.take(),
                environment=environment,
                workers=workers,
                consumers=consumers,
            )
            closing.callback(stack.close)
            return stack

        yield make


@pytest.fixture(scope="module")
def make_stack(
    tmp_path_factory: pytest.TempPathFactory, port_claims: PortClaims
) -> Iterator[Callable[..., StackUnderTest]]:
    """Makes stacks of a module's own; they are taken down behind its last test."""
    with making_stacks(tmp_path_factory, port_claims) as make:
        yield make


@pytest.fixture(scope="session")
def stack_environment() -> dict[str, str]:
    """The services' settings in the stack that tests share; a folder's conftest may define it anew."""
    return {"QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8", "QUERN_CRAWL_DELAY_MS": "0"}


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, port_claims: PortClaims, stack_environment: dict[str, str]
) -> Iterator[StackUnderTest]:
    """The whole product, up. A test that breaks a process waits until it is ready again."""
    with making_stacks(tmp_path_factory, port_claims) as make:
        made = make(environment=stack_environment)
        made.up()
        yield made
