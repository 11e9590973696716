"""What must be true of objects and queries before they are sent. Pure.

Weaviate accepts vectors that no search can find (NaN, zero), keeps the last of two equal ids, and takes any
dimension for the first object of a tenant; each would end as a batch that never verifies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from shared.vectors.errors import InvalidBatchError, VectorsRejectedError
from shared.vectors.port import MAX_RESULTS, SearchMode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.vectors.port import SearchQuery, VectorObject

_COLLECTION = re.compile(r"[A-Z][A-Za-z0-9_]{0,254}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_names(collection: str, tenant: str | None = None) -> None:
    """Refuse names that Weaviate refuses, before they get into a URL.

    Raises:
        VectorsRejectedError: one of them is not a name.
    """
    if not _COLLECTION.fullmatch(collection):
        raise VectorsRejectedError(f"{collection!r} is not the name of a collection.")
    if tenant is not None and not _TENANT.fullmatch(tenant):
        raise VectorsRejectedError(f"{tenant!r} is not the name of a tenant.")


def check_objects(objects: Sequence[VectorObject], *, dimensions: int | None) -> None:
    """Refuse what would be stored wrongly.

    Args:
        objects: what is to be sent.
        dimensions: of the collection, where they are known.

    Raises:
        InvalidBatchError: says what is wrong, with the id of an object.
    """
    if not objects:
        return
    if len({one.object_id for one in objects}) != len(objects):
        raise InvalidBatchError("Two objects have the same id.")
    expected = objects[0].vector.shape if dimensions is None else (dimensions,)
    for one in objects:
        if one.vector.shape != expected or one.vector.dtype != np.float32:
            found = f"{one.vector.dtype} {one.vector.shape}"
            raise InvalidBatchError(f"The vector of {one.object_id} is {found}, not float32 {expected}.")
        if "\x00" in one.text or not _is_encodable(one.text):
            raise InvalidBatchError(f"The text of {one.object_id} has a NUL byte or a lone surrogate.")
    _check_directions(objects)


def check_batch(objects: Sequence[VectorObject]) -> UUID:
    """The batch that all objects belong to; there is at least one object.

    Raises:
        InvalidBatchError: they belong to several, or are too many for one answer that verifies them.
    """
    batches = {one.batch_id for one in objects}
    if len(batches) != 1:
        raise InvalidBatchError(f"The objects belong to {len(batches)} index batches instead of one.")
    if len(objects) >= MAX_RESULTS:  # one more is asked for, to see what is there too much
        raise InvalidBatchError(f"An index batch has fewer than {MAX_RESULTS} objects, not {len(objects)}.")
    return batches.pop()


def check_query(query: SearchQuery) -> bool:
    """Whether anything can match the query at all.

    Raises:
        VectorsRejectedError: it contradicts itself or asks for too much.
    """
    if query.limit < 1 or query.offset < 0 or query.limit + query.offset > MAX_RESULTS:
        sentence = f"limit {query.limit} and offset {query.offset} are not within {MAX_RESULTS} results."
        raise VectorsRejectedError(sentence)
    if query.mode is not SearchMode.KEYWORD and query.vector is None:
        raise VectorsRejectedError(f"A search in mode {query.mode} needs a vector.")
    filters = query.filters
    narrow = (filters.source_ids, filters.document_ids, filters.types, filters.languages)
    possible = all(values is None or len(values) > 0 for values in narrow)
    return possible and (query.mode is not SearchMode.KEYWORD or bool(query.text.strip()))


def _check_directions(objects: Sequence[VectorObject]) -> None:
    """A vector has a direction when its length is neither zero nor infinite nor NaN."""
    lengths = np.linalg.norm(np.stack([one.vector for one in objects]), axis=1)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if wrong.size:
        raise InvalidBatchError(f"The vector of {objects[int(wrong[0])].object_id} has no direction.")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
