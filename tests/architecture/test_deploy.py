"""The containers: checked as far as can be without an engine."""

from __future__ import annotations

import copy
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from architecture import compose_checks as checks
from gateway.config import GatewaySettings
from ingest_worker.config import WorkerSettings
from janitor.config import JanitorSettings
from native import nsq, postgres, weaviate
from native.credentials import Credentials
from native.identity import Identity
from native.layout import Layout
from native.ports import Ports
from native.postgres_programs import bin_dir
from result_consumer.config import ConsumerSettings
from shared.contracts.topics import TOPICS
from shared.settings_doc import collect_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.settings_base import Settings

TREE = Path(__file__).resolve().parents[2]
DEPLOY = TREE / "deploy"
SERVICES: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "ingest-worker": WorkerSettings,
    "result-consumer": ConsumerSettings,
    "janitor": JanitorSettings,
}
NOT_SETTINGS = {
    "POSTGRES_PASSWORD",
    "QUERN_SERVICE_PASSWORD",
    "WEAVIATE_CLUSTER_PASSWORD",
    "QUERN_WORKERS",
    "QUERN_CONSUMERS",
    "QUERN_WEAVIATE_MEMORY_MIB",
    "QUERN_IMAGE_TAG",
}
"""Variables of docker-compose.yml that no service reads."""


def load(name: str) -> checks.Compose:
    loaded: checks.Compose = yaml.safe_load((DEPLOY / name).read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def compose() -> checks.Compose:
    return load("docker-compose.yml")


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text("utf-8")


def names_in(path: Path) -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]+)(?:=.*)?$", path.read_text("utf-8"), re.MULTILINE)


def image_environment(dockerfile: str) -> dict[str, str]:
    return dict(re.findall(r"^(?:ENV|   ) ([A-Z_]+)=(\S+)", dockerfile, re.MULTILINE))


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.admin.yml"])
def test_compose_files_are_valid(name: str) -> None:
    schema = json.loads((TREE / "tests/architecture/data/compose-spec.json").read_text("utf-8"))
    jsonschema.validate(load(name), schema)


def complaints(compose: checks.Compose) -> list[str]:
    return [
        *checks.references(compose, DEPLOY),
        *checks.images(compose),
        *checks.published(compose, frozenset({"gateway"})),
        *checks.secrets(compose),
        *checks.confined(compose),
    ]


def test_the_compose_file_keeps_its_rules(compose: checks.Compose) -> None:
    assert complaints(compose) == []


TAMPERED: dict[str, Callable[[Any], object]] = {
    "gateway waits for nobody, which is not there": lambda s: s["gateway"]["depends_on"].update(
        nobody={"condition": "service_started"}
    ),
    "gateway waits for migrate to end, which is started again": lambda s: s["migrate"].update(
        restart="always"
    ),
    "gateway waits for nsqd to be healthy, which has no check": lambda s: s["nsqd"].pop("healthcheck"),
    "volumes: elsewhere is not declared": lambda s: s["janitor"].update(volumes=["elsewhere:/data"]),
    "networks: egress is never used": lambda s: s["ingest-worker"].update(networks=["backend"]),
    "janitor is in the default network": lambda s: s["janitor"].pop("networks"),
    "janitor reads env/nothing.env, which is not there": lambda s: s["janitor"].update(
        env_file=["env/nothing.env"]
    ),
    "nsqd runs nsqio/nsq:latest, whose tag is not pinned": lambda s: s["nsqd"].update(
        image="nsqio/nsq:latest"
    ),
    "weaviate is published": lambda s: s["weaviate"].update(ports=[{"target": 1, "host_ip": "127.0.0.1"}]),
    "gateway is published on every interface": lambda s: s["gateway"].update(ports=["8000:8000"]),
    "POSTGRES_PASSWORD has a default": lambda s: s["postgres"]["environment"].update(
        POSTGRES_PASSWORD="${POSTGRES_PASSWORD:-postgres}"
    ),
    "postgres has POSTGRES_PASSWORD in the file": lambda s: s["postgres"]["environment"].update(
        POSTGRES_PASSWORD="letmein"
    ),
    "janitor has the password of QUERN_DATABASE_URL in the file": lambda s: s["janitor"][
        "environment"
    ].update(QUERN_DATABASE_URL="postgresql://quern:quern@postgres/quern"),
    "janitor is not confined": lambda s: s["janitor"].pop("read_only"),
    "weaviate may gain privileges": lambda s: s["weaviate"].pop("security_opt"),
    "nsqd logs without limit": lambda s: s["nsqd"].pop("logging"),
}


@pytest.mark.parametrize("complaint", TAMPERED)
def test_every_rule_can_complain(compose: checks.Compose, complaint: str) -> None:
    tampered = copy.deepcopy(compose)
    TAMPERED[complaint](tampered["services"])
    assert complaint in complaints(tampered)


def test_the_admin_file_publishes_nsqadmin_on_loopback_and_nothing_else() -> None:
    admin = load("docker-compose.admin.yml")
    assert set(admin["services"]) == {"nsqadmin"}
    assert [port["host_ip"] for port in admin["services"]["nsqadmin"]["ports"]] == ["127.0.0.1"]


def test_the_example_lists_exactly_what_exists(compose: checks.Compose) -> None:
    listed = names_in(DEPLOY / ".env.example")
    settings = {doc.variable for doc in collect_settings(*SERVICES.values())}
    assert sorted(listed) == sorted(settings | NOT_SETTINGS)
    assert set(checks.variables(compose)) <= set(listed)


def test_the_example_tells_units_and_defaults() -> None:
    text = (DEPLOY / ".env.example").read_text("utf-8")
    for doc in collect_settings(*SERVICES.values()):
        if doc.variable == "QUERN_WEAVIATE_API_KEY":
            continue
        assert f"\n#{doc.variable}={doc.default}\n" in text
        about = text.split(f"\n#{doc.variable}=")[0].rsplit("\n\n", 1)[1]
        assert " ".join(doc.description.split()[:4]) in about
        assert f"unit: {doc.unit or 'none'}; default: {doc.derived or doc.default or 'empty'}" in about


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_gets_all_of_its_settings_and_no_others(
    compose: checks.Compose, dockerfile: str, service: str
) -> None:
    settings = {doc.variable for doc in collect_settings(SERVICES[service])}
    given = names_in(DEPLOY / "env" / f"{service}.env")
    fixed = set(compose["services"][service]["environment"])
    image = {name for name in image_environment(dockerfile) if name.startswith("QUERN_")}
    assert sorted(given) == sorted(set(given))
    assert set(given) <= settings
    assert not set(given) & fixed, "a value in .env would have no effect"
    assert settings <= set(given) | fixed | image | {"QUERN_INSTANCE", "QUERN_DATA_DIR"}
    shared = {"QUERN_MAX_MPUB_BYTES", "QUERN_MAX_MSG_BYTES", "QUERN_MAX_MSG_TIMEOUT_SECONDS"}
    assert fixed - shared <= settings


def test_services_and_image_say_only_what_exists(dockerfile: str) -> None:
    settings = {doc.variable for doc in collect_settings(*SERVICES.values())}
    named = {name for name in image_environment(dockerfile) if name.startswith("QUERN_")}
    assert named
    assert named - settings == {"QUERN_MIGRATIONS_DIR"}


def test_the_written_files_are_current() -> None:
    done = subprocess.run(
        [sys.executable, DEPLOY / "env" / "write.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [program, "--failure-threshold", "style", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_pinned_unprivileged_and_built_from_the_locks(dockerfile: str) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert len(set(bases)) == 1, "the environment is copied to the very Python it was made with"
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", bases[0])
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "apt-get" not in dockerfile
    assert dockerfile.count("--require-hashes") == dockerfile.count("-r /locks/")
    assert "pip install" not in final


def test_the_image_is_made_of_what_the_context_holds(dockerfile: str) -> None:
    lines = (TREE / ".dockerignore").read_text("utf-8").splitlines()
    allowed = tuple(line[1:] for line in lines if line.startswith("!"))
    assert lines[lines.index("*") - 1].startswith("#")
    copied = [
        path
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for path in line.split()
    ]
    assert copied
    assert [path for path in copied if not path.startswith(allowed) or not (TREE / path).exists()] == []


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(tmp_path)


def test_nsqd_is_started_as_natively(compose: checks.Compose, layout: Layout) -> None:
    places = {"tcp-address", "http-address", "lookupd-tcp-address", "broadcast-address", "data-path"}
    ports = Ports(base=18100, http=8000)

    def flags(command: list[str]) -> dict[str, str]:
        pairs = dict(word.removeprefix("--").split("=", 1) for word in command)
        return {name: value for name, value in pairs.items() if name not in places}

    native = flags([str(word) for word in nsq.nsqd(layout, ports, Path("/bin")).argv[1:]])
    service = compose["services"]["nsqd"]
    assert flags(service["command"][1:]) == native
    for name in SERVICES:
        environment = compose["services"][name]["environment"]
        assert environment["QUERN_MAX_MSG_BYTES"] == native["max-msg-size"]
        assert environment["QUERN_MAX_MPUB_BYTES"] == native["max-body-size"]
        assert int(environment["QUERN_MAX_MSG_TIMEOUT_SECONDS"]) == 60 * int(
            native["max-msg-timeout"].removesuffix("m")
        )


def test_topics_and_channels_are_those_of_the_native_stack(compose: checks.Compose) -> None:
    script = compose["services"]["topics"]["command"][0]
    topics = re.findall(r"topic/create\?topic=([a-z.]+)", script)
    channels = re.findall(r"channel/create\?topic=([a-z.]+)&channel=([a-z-]+)", script)
    assert sorted(topics) == sorted(nsq.CHANNELS) == sorted(topic.name for topic in TOPICS)
    assert channels == [(topic, name) for topic, names in nsq.CHANNELS.items() for name in names]


def test_weaviate_is_set_up_as_natively(compose: checks.Compose, layout: Layout) -> None:
    # The disk of a container's volume is its own: Weaviate's own limits are right for it.
    places = re.compile(r"_PORT$|_ADDR$|_PATH$|^RAFT_INTERNAL|^DISK_USE")
    credentials = Credentials.generate()
    native = weaviate.environment(layout, Ports(base=18100, http=8000), credentials, memory_mib=2048)
    ours = compose["services"]["weaviate"]["environment"]
    secret = {"AUTHENTICATION_APIKEY_ALLOWED_KEYS", "CLUSTER_BASIC_AUTH_PASSWORD", "GOMEMLIMIT"}
    secret.add("CLUSTER_BASIC_AUTH_USERNAME")
    here = {name: value for name, value in ours.items() if not places.search(name)}
    there = {name: value for name, value in native.items() if not places.search(name)}
    assert set(here) == set(there)
    assert {n: v for n, v in here.items() if n not in secret} == {
        n: v for n, v in there.items() if n not in secret
    }
    assert ours["GOMEMLIMIT"] == "${QUERN_WEAVIATE_MEMORY_MIB:-2048}MiB"


def test_postgres_is_set_up_as_natively(compose: checks.Compose, layout: Layout) -> None:
    service = compose["services"]["postgres"]
    assert service["volumes"] == ["postgres:/var/lib/postgresql"]
    here = dict(word.removeprefix("-c").split("=", 1) for word in service["command"][1:])
    argv = postgres.process(layout, Ports(base=18100, http=8000), Identity()).argv
    there = dict(word.split("=", 1) for word in argv if "=" in word and not word.startswith("-"))
    places = {"listen_addresses", "port", "unix_socket_directories"}
    assert here == {name: value for name, value in there.items() if name not in places}
    initialise = inspect.getsource(postgres.initialise)
    for word in service["environment"]["POSTGRES_INITDB_ARGS"].split():
        assert f'"{word}"' in initialise


def test_postgres_has_the_version_of_the_native_one(compose: checks.Compose) -> None:
    said = subprocess.run(
        [bin_dir() / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    version = said.split()[-1]
    assert re.match(rf"postgres:{re.escape(version)}-", compose["services"]["postgres"]["image"])


@pytest.mark.parametrize(("server", "image"), [("nsq", "nsqd"), ("weaviate", "weaviate")])
def test_servers_have_the_versions_of_the_native_ones(
    compose: checks.Compose, server: str, image: str
) -> None:
    module = (DEPLOY / "native" / "tools" / server / "go.mod").read_text("utf-8")
    pattern = r"github\.com/(?:nsqio/nsq|weaviate/weaviate) v(\S+)"
    [version] = re.findall(pattern, module)
    assert compose["services"][image]["image"].rsplit(":", 1)[1].removeprefix("v") == version
