"""Who sends to and reads from each topic, as the code does it, is what the table of topics says."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from shared.contracts import topics
from shared.contracts.topics import TOPICS, Topic
from support.reference_docs import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BY_CONSTANT = {name: value for name, value in vars(topics).items() if isinstance(value, Topic)}
SERVICES = {path.name: path / "src" for path in (TREE / "services").iterdir() if (path / "src").is_dir()}
SHARED = TREE / "shared" / "src"
NOBODY = "operator"


def calls(root: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Every call of a method: its name, where, and the constants of topics among its arguments."""
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                yield node.func.attr, path, [name for argument in arguments for name in constants(argument)]


def constants(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in BY_CONSTANT:
        return [f"{node.value.id}.{node.attr}"]
    return []


def imports(root: Path, module: str) -> bool:
    return any(f"from {module} import" in path.read_text("utf-8") for path in root.rglob("*.py"))


def test_every_topic_is_in_the_table_once() -> None:
    assert list(BY_CONSTANT.values()) == list(TOPICS)
    names = [topic.name for topic in TOPICS]
    assert len(names) == len(set(names))


def test_every_topic_has_one_reader_on_its_one_channel() -> None:
    readers = defaultdict(list)
    for service, root in SERVICES.items():
        for method, _path, used in calls(root):
            if method == "consumer":
                assert len(used) == 2, "a consumer takes its topic and its channel from the table"
                topic, channel = used
                assert topic.removesuffix(".name") == channel.removesuffix(".channel")
                readers[BY_CONSTANT[topic.removesuffix(".name")].name].append(service)
    expected = {topic.name: [topic.reader] for topic in TOPICS if topic.reader != NOBODY}
    assert dict(readers) == expected


def test_senders_are_those_of_the_table() -> None:
    senders = defaultdict(set)
    for service, root in SERVICES.items():
        for method, _path, used in calls(root):
            if method.startswith("publish"):
                for constant in used:
                    senders[BY_CONSTANT[constant.removesuffix(".name")].name].add(service)
    for method, path, used in calls(SHARED):
        if method.startswith("publish") and used:
            module = ".".join(path.relative_to(SHARED).with_suffix("").parts)
            users = {service for service, root in SERVICES.items() if imports(root, module)}
            for constant in used:
                senders[BY_CONSTANT[constant.removesuffix(".name")].name] |= users
    assert {topic.name: set(topic.senders) for topic in TOPICS} == dict(senders)


def test_nobody_spells_a_topic_himself() -> None:
    names = {topic.name for topic in TOPICS}
    spelled = [
        f"{path.relative_to(TREE)}:{node.lineno}"
        for root in (*SERVICES.values(), SHARED)
        for path in root.rglob("*.py")
        if path.name != "topics.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    # The audit log has an action of the same name.
    assert [place for place in spelled if "/postgres/steering.py:" not in place] == []
