from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

from native import supervisor_config
from native.layout import Layout
from native.process import ProcessSpec
from native.supervision import stages

if TYPE_CHECKING:
    from pathlib import Path


def specs(root: Path) -> list[ProcessSpec]:
    return [
        ProcessSpec(
            name=name,
            argv=("/bin/true",),
            env={"PASSWORD": "geheim"},
            cwd=root,
            log=root / "logs" / f"{name}.log",
            stop_signal="INT",
            stop_seconds=7,
        )
        for name in ("postgres", "nsqd", "gateway")
    ]


def parse(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser


def test_processes_stop_in_the_order_opposite_to_their_start(tmp_path: Path) -> None:
    config = parse(supervisor_config.render(specs(tmp_path)))
    priorities = {
        name: config.getint(f"program:{name}", "priority") for name in ("postgres", "nsqd", "gateway")
    }
    assert priorities["postgres"] < priorities["nsqd"] < priorities["gateway"]
    listener = config.getint("eventlistener:stack-file", "priority")
    assert listener < min(priorities.values())  # it sees the others end


def test_each_process_is_asked_to_stop_in_its_own_way(tmp_path: Path) -> None:
    section = parse(supervisor_config.render(specs(tmp_path)))["program:postgres"]
    assert (section["stopsignal"], section["stopwaitsecs"]) == ("INT", "7")
    assert (section["autostart"], section["autorestart"]) == ("false", "true")


def test_no_folder_name_and_no_secret_gets_into_the_configuration(tmp_path: Path) -> None:
    root = tmp_path / "odd %(x)s ;name #1"
    layout = Layout.of(root)
    layout.create()
    supervisor_config.write(layout, specs(root))
    text = (layout.run / supervisor_config.CONFIG).read_text()
    assert "odd" not in text
    assert "geheim" not in text
    assert (layout.run / "gateway.json").stat().st_mode & 0o777 == 0o600


def test_copies_of_one_service_stop_together() -> None:
    names = dict.fromkeys(["postgres", "ingest-worker-1", "ingest-worker-2", "gateway"], "")
    assert stages(names) == [["gateway"], ["ingest-worker-2", "ingest-worker-1"], ["postgres"]]
