"""What is done to the stack, by the seed alone: which documents there are, and what happens to each of them.

Steps lie at positions from 0 to 1 in the time in which faults are made. Whatever order they come to be done in, the
end is the same: what was cancelled is done again, and every site is crawled once more when its pages change no more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SITE_SHARE: Final = 0.6
PAGES_PER_SITE: Final = 250
CHANGING_SHARE: Final = 0.3
LEAST_SITES: Final = 3
FILE_TYPES: Final = ("md", "txt", "csv", "html")


class Role(StrEnum):
    """How a page of a site behaves."""

    PLAIN = "plain"
    CHANGES = "changes"
    STUMBLES = "stumbles"  # answers 500 twice, then its content
    BROKEN = "broken"  # answers 500 for ever
    LATE = "late"  # answers 500 until it is mended
    GOES = "goes"  # answers 404 after a while, though pages still lead there
    UNLINKED = "unlinked"  # no page leads there after a while
    COMES = "comes"  # is linked after a while
    MISSING = "missing"  # answers 404 from the first moment on


SPECIAL: Final = (
    Role.STUMBLES,
    Role.GOES,
    Role.COMES,
    Role.MISSING,
    Role.GOES,
    Role.COMES,
)
FAILING: Final = (Role.BROKEN, Role.LATE, Role.LATE)
"""A crawl that saw a page fail retires none that it did not reach: failing and unlinked pages are kept apart."""
DOCUMENTS: Final = frozenset(Role) - {Role.BROKEN, Role.MISSING}


@dataclass(frozen=True, slots=True)
class PagePlan:
    """A page: its path, and its behaviour."""

    path: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlan:
    """A web site, and when what happens to it.

    Attributes:
        number: from 0; its host follows from it.
        pages: without its start page.
        begins: position of its first crawl.
        is_cancelled: a crawl of it is cancelled.
        is_deleted: it is deleted, and its address is added again at once.
    """

    number: int
    pages: tuple[PagePlan, ...]
    begins: float
    is_cancelled: bool
    is_deleted: bool

    @property
    def host(self) -> str:
        """An address of the loopback network."""
        return f"127.0.0.{self.number + 2}"


class Act(StrEnum):
    """What is done with a file."""

    UPLOAD = "upload"  # the next version under its name
    CANCEL = "cancel"  # upload the next version, and cancel that
    DELETE = "delete"
    DUPLICATE = "duplicate"  # the same bytes under another name
    RETRY = "retry"  # have what failed done again


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """A file, and what is done with it at which position."""

    name: str
    is_damaged: bool = False
    acts: tuple[tuple[float, Act], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it."""

    sites: tuple[SitePlan, ...]
    files: tuple[FilePlan, ...]

    @property
    def documents(self) -> int:
        """How many different documents are ingested."""
        pages = sum(1 + sum(page.role in DOCUMENTS for page in site.pages) for site in self.sites)
        return pages + sum(not file.is_damaged for file in self.files)


def plan(*, seed: int, documents: int) -> Plan:
    """What is done, with at least so many different documents."""
    dice = random.Random(f"work {seed}")
    of_sites = round(documents * SITE_SHARE)
    count = max(LEAST_SITES, -(-of_sites // PAGES_PER_SITE))
    sites = tuple(_site(dice, number, count, -(-of_sites // count)) for number in range(count))
    files = tuple(_file(dice, number) for number in range(documents - of_sites))
    damaged = tuple(_damaged(dice, number) for number in range(max(2, documents // 100)))
    return Plan(sites, files + damaged)


def _site(dice: random.Random, number: int, count: int, documents: int) -> SitePlan:
    special = [*SPECIAL, *(FAILING if number % 2 == 0 else (Role.UNLINKED, Role.UNLINKED))]
    dead = sum(role not in DOCUMENTS for role in special)
    plain = max(0, documents - 1 - (len(special) - dead))
    changing = [Role.CHANGES if dice.random() < CHANGING_SHARE else Role.PLAIN for _ in range(plain - 2)]
    roles = [Role.PLAIN, Role.CHANGES, *changing, *special]
    dice.shuffle(roles)
    pages = tuple(PagePlan(f"/page-{index}.html", role) for index, role in enumerate(roles))
    return SitePlan(
        number=number,
        pages=pages,
        begins=0.3 * number / count + dice.uniform(0, 0.05),
        is_cancelled=number % 3 == 1,
        is_deleted=number % 3 == 2,
    )


def _file(dice: random.Random, number: int) -> FilePlan:
    suffix = dice.choice(FILE_TYPES)
    at = dice.uniform(0.0, 0.6)
    acts = [(at, Act.UPLOAD)]
    more = dice.random()
    if more < 0.30:
        acts += [(at + 0.1, Act.UPLOAD)]
    elif more < 0.40:
        acts += [(at + 0.1, Act.UPLOAD), (at + 0.2, Act.UPLOAD)]
    elif more < 0.55:
        acts += [(at + 0.1, Act.CANCEL), (at + 0.12, Act.UPLOAD)]
    elif more < 0.70:
        acts += [(at + 0.15, Act.DELETE)]
    elif more < 0.80:
        acts += [(at + 0.15, Act.DELETE), (at + 0.16, Act.UPLOAD)]
    elif more < 0.85:
        acts += [(at + 0.1, Act.DUPLICATE)]
    return FilePlan(name=f"file-{number}.{suffix}", acts=tuple(acts))


def _damaged(dice: random.Random, number: int) -> FilePlan:
    at = dice.uniform(0.0, 0.5)
    acts = ((at, Act.UPLOAD), (at + 0.2, Act.RETRY))
    return FilePlan(name=f"damaged-{number}.pdf", is_damaged=True, acts=acts)
