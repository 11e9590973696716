"""The import contracts of pyproject.toml hold, and each of them can fail."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

from support.reference_docs import TREE

if TYPE_CHECKING:
    from importlinter import Contract

CONFIGURATION = read_configuration(str(TREE / "pyproject.toml"))
CONTRACTS: dict[str, dict[str, Any]] = {
    options["id"]: options for options in CONFIGURATION["contracts_options"]
}
TYPES: dict[str, type[Contract]] = {
    kind.type_name: kind
    for kind in (LayersContract, ForbiddenContract, ProtectedContract, AcyclicSiblingsContract)
}

BROKEN_BY: dict[str, list[tuple[str, str]]] = {
    "packages": [
        ("gateway.http.front", "janitor.core.auditing"),
        ("shared.dispatch", "gateway.ports"),
        ("quern.client", "native.config"),
    ],
    "client": [("quern.models.jobs", "shared.states")],
    "service": [
        ("gateway.core.runs", "gateway.ports"),
        ("gateway.usecases.search", "gateway.http.front"),
        ("janitor.tasks.check_ledger", "janitor.config"),
        ("ingest_worker.adapters.fetcher", "ingest_worker.config"),
        ("result_consumer.usecases.indexer", "result_consumer.handler"),
        ("gateway.utils", "gateway.core"),
    ],
    "shared": [
        ("shared.postgres.database", "shared.queue.link"),
        ("shared.retry", "shared.clock"),
        ("shared.queue.consumer", "shared.wiring"),
        ("shared.utils", "shared.errors"),
    ],
    "quern": [("quern.client", "quern.cli.main"), ("quern.helpers", "quern.errors")],
    "pure": [
        ("shared.windows", "random"),
        ("shared.contracts.messages", "asyncio"),
        ("gateway.core.runs", "shared.clock"),
        ("ingest_worker.core.robots", "socket"),
        ("janitor.core.auditing", "time"),
        ("result_consumer.core.backlog", "os"),
        ("shared.verdicts", "shared.postgres.database"),
    ],
    "door-nsq": [("ingest_worker.app", "nsq")],
    "no-tornado": [("shared.queue.link", "tornado")],
    "door-asyncpg": [("janitor.tasks.check_ledger", "asyncpg")],
    "door-weaviate": [("gateway.usecases.search", "weaviate"), ("shared.dispatch", "grpc")],
    "door-model": [("result_consumer.usecases.indexer", "tokenizers")],
    "parsers": [("ingest_worker.adapters.parsers.html", "aiohttp")],
    "door-parsers": [("ingest_worker.usecases.file", "pypdfium2")],
    "fakes": [("gateway.app", "shared.testing.queue"), ("shared.wiring", "shared.testing")],
    "cycles": [("shared.addresses", "shared.urls"), ("gateway.http.route", "gateway.http.routes")],
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        *CONFIGURATION["session_options"]["root_packages"], include_external_packages=True, cache_dir=None
    )


def kept(name: str, graph: grimp.ImportGraph) -> bool:
    options = dict(CONTRACTS[name])
    kind = TYPES[options.pop("type")]
    contract = kind(options.pop("name"), CONFIGURATION["session_options"], options)
    return bool(contract.check(copy.deepcopy(graph), verbose=False).kept)


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_code_keeps_its_contracts(graph: grimp.ImportGraph, name: str) -> None:
    assert kept(name, graph), f"`lint-imports --contract {name}` shows the imports"


@pytest.mark.parametrize(
    ("name", "importer", "imported"),
    [(name, *edge) for name, edges in BROKEN_BY.items() for edge in edges],
)
def test_every_contract_can_fail(graph: grimp.ImportGraph, name: str, importer: str, imported: str) -> None:
    tampered = copy.deepcopy(graph)
    for module in (importer, imported):
        if module not in tampered.modules:
            external = module.partition(".")[0] not in CONFIGURATION["session_options"]["root_packages"]
            tampered.add_module(module, is_squashed=external)
    tampered.add_import(importer=importer, imported=imported)
    assert not kept(name, tampered)


def test_no_contract_is_left_untried() -> None:
    assert set(BROKEN_BY) == set(CONTRACTS)


def test_what_is_pure_is_the_lowest_layer_of_shared_and_every_core() -> None:
    lowest = {f"shared.{name}" for name in CONTRACTS["shared"]["layers"][-1].split(" : ")}
    cores = {f"{service}.core" for service in CONTRACTS["service"]["containers"]}
    assert set(CONTRACTS["pure"]["source_modules"]) == lowest | cores
