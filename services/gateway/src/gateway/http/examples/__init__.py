"""What the reference shows: one example of every shape, all from the same small story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from gateway.http.examples import accounts, content, operations, sources, webhooks, work
from gateway.http.models.common import DEFAULT_LIMIT, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

EXAMPLES: Final[Mapping[type[BaseModel], Any]] = {
    **sources.EXAMPLES,
    **content.EXAMPLES,
    **work.EXAMPLES,
    **operations.EXAMPLES,
    **accounts.EXAMPLES,
    **webhooks.EXAMPLES,
}

#: What is streamed, or no JSON, by its media type.
TEXTS: Final[Mapping[str, str]] = {
    "text/markdown": content.MARKDOWN,
    "text/event-stream": work.EVENTS,
}


def example_of(model: type[BaseModel]) -> Any:
    """An example of a shape, or None where nobody has given one.

    It stands in the tables of this package, or in the model's own ``examples``; a list has one item.
    """
    if model in EXAMPLES:
        return EXAMPLES[model]
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict) and extra.get("examples"):
        return extra["examples"][0]  # type: ignore[index]  # typed as any JSON, and a list
    if issubclass(model, Page):
        item = example_of(get_args(model.model_fields["items"].annotation)[0])
        return None if item is None else {"items": [item], "total": 1, "limit": DEFAULT_LIMIT, "offset": 0}
    return None
