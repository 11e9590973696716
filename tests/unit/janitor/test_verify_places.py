"""One place that cannot be asked, and the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from janitor.usecases.verify_places import VerifyPlaces
from shared.clock import new_id
from shared.postgres.upkeep_audit import Broken, Place
from shared.postgres.upkeep_watch import Watch
from shared.vectors import VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

SOUND, ILL, OTHER = (Place(new_id(), name, "Chunks_test") for name in ("sound", "ill", "other"))
PARTS = [(ILL, [new_id()]), (SOUND, [new_id()]), (ILL, [new_id()]), (OTHER, [new_id()])]


@dataclass
class Check:
    """Asks a Weaviate in which one tenant fails."""

    ill: set[Place] = field(default_factory=lambda: {ILL})
    asked: list[Place] = field(default_factory=list)

    async def verify(self, place: Place, object_ids: Collection[UUID]) -> Broken:
        self.asked.append(place)
        if place in self.ill:
            raise VectorsUnavailableError("This shard is broken.")
        return Broken()


@dataclass
class Look:
    """Both stores as a whole."""

    down: bool = False

    async def look(self) -> Watch:
        if self.down:
            raise VectorsUnavailableError("Nothing answers.")
        return Watch(history=new_id(), turn=1, starts="w:1")


def verifier(check: Check, look: Look) -> VerifyPlaces:
    return VerifyPlaces(check=check, watch=look, tries=3)  # type: ignore[arg-type]  # only verify is asked for


async def test_a_place_that_fails_again_and_again_is_passed_over_after_all_others_were_verified() -> None:
    check = Check()
    places = verifier(check, Look())
    for _ in range(2):
        with pytest.raises(VectorsUnavailableError):
            await places.verify(PARTS)
    assert check.asked == [ILL, SOUND, OTHER] * 2
    assert await places.verify(PARTS) == 0
    assert await places.verify(PARTS) == 0, "what comes next does not wait for it anew"


async def test_a_place_that_recovered_has_all_its_tries_again() -> None:
    check = Check()
    places = verifier(check, Look())
    with pytest.raises(VectorsUnavailableError):
        await places.verify(PARTS)
    check.ill.clear()
    await places.verify(PARTS)
    check.ill.add(ILL)
    for _ in range(2):
        with pytest.raises(VectorsUnavailableError):
            await places.verify(PARTS)


async def test_while_nothing_answers_no_place_is_passed_over() -> None:
    check, look = Check({ILL, SOUND, OTHER}), Look(down=True)
    places = verifier(check, look)
    for _ in range(5):
        with pytest.raises(VectorsUnavailableError):
            await places.verify(PARTS)
    assert check.asked == [ILL] * 5
    look.down = False
    with pytest.raises(VectorsUnavailableError):
        await places.verify(PARTS)
