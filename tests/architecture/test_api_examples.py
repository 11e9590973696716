"""Every operation shows what is sent and what comes back, and what it shows is right."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.http.naming import TAGS
from support.described import API, operations

OPERATIONS = dict(operations())
HOW = "give one in gateway/http/examples, or in the model's own json_schema_extra"


def check(schema: dict[str, Any], example: object) -> None:
    whole = {**schema, "components": API["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_body_has_an_example_that_is_valid(name: str) -> None:
    body = OPERATIONS[name].get("requestBody", {"content": {}})
    for content in body["content"].values():
        assert "example" in content, f"the body of {name} has no example: {HOW}"
        check(content["schema"], content["example"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_has_an_example_that_is_valid(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        for content in answer.get("content", {}).values():
            named = [API["components"]["examples"][code] for code in content.get("examples", ())]
            shown = [entry["value"] for entry in named] or [
                content[key] for key in ("example",) if key in content
            ]
            assert shown, f"answer {status} of {name} has no example: {HOW}"
            for example in shown:
                check(content["schema"], example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_has_an_example_that_is_valid(name: str) -> None:
    for parameter in OPERATIONS[name]["parameters"]:
        assert "example" in parameter, (
            f"{name}: {parameter['name']} has no example: give its Field `examples`"
        )
        check(parameter["schema"], parameter["example"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_it_is_and_how_it_is_tried(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert name.replace("_", "").isalnum()
    assert operation["x-codeSamples"][0]["source"].startswith("curl")
    assert set(operation["tags"]) <= set(TAGS), (
        "give the first word of its path a heading in gateway/http/naming.py"
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_refusals_are_problems_with_their_codes(name: str) -> None:
    for status, answer in OPERATIONS[name]["responses"].items():
        if status.startswith("2") or name == "get_readyz":
            continue
        [content] = [answer["content"]["application/problem+json"]]
        examples = [API["components"]["examples"][code]["value"] for code in content["examples"]]
        assert {example["status"] for example in examples} == {int(status)}


def test_every_heading_has_a_description() -> None:
    assert {tag["name"] for tag in API["tags"]} == {tag for op in OPERATIONS.values() for tag in op["tags"]}
    assert all(tag["description"] for tag in API["tags"])


def test_whoever_calls_signs_in_by_cookie_or_token() -> None:
    schemes = API["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "quern_session")
    assert schemes["token"]["scheme"] == "bearer"
    assert API["security"] == [{"session": []}, {"token": []}]
    assert OPERATIONS["get_healthz"]["security"] == []
    assert "401" in OPERATIONS["list_sources"]["responses"]
