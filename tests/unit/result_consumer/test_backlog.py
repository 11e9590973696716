from __future__ import annotations

from uuid import UUID

from result_consumer.core.backlog import Backlog, by_tenant
from shared.postgres.indexing import ChunkToIndex


def uid(number: int) -> UUID:
    return UUID(int=number)


def filled(*sizes: int) -> Backlog:
    backlog = Backlog()
    for number, size in enumerate(sizes):
        backlog.add(uid(number), size)
    return backlog


def test_the_oldest_that_fit_together_go_together() -> None:
    backlog = filled(200, 200, 200, 10)
    assert [p.job_id for p in backlog.take(chunks=500, jobs=10)] == [uid(0), uid(1)]
    assert [p.job_id for p in backlog.take(chunks=500, jobs=10)] == [uid(2), uid(3)]
    assert backlog.take(chunks=500, jobs=10) == []


def test_one_that_is_too_large_goes_all_the_same() -> None:
    assert len(filled(9000, 1).take(chunks=500, jobs=10)) == 1


def test_a_job_is_taken_once() -> None:
    backlog = filled(1)
    taken = backlog.take(chunks=500, jobs=10)
    backlog.add(uid(0), 1)
    assert len(backlog) == 0
    backlog.put_back(taken)
    assert len(backlog) == 1
    backlog.put_back(taken)
    assert len(backlog) == 1


def test_no_more_wait_than_there_is_room_for() -> None:
    backlog = Backlog(most=2)
    for number in range(5):
        backlog.add(uid(number), 1)
    assert backlog.known == [uid(0), uid(1)]
    taken = backlog.take(chunks=1, jobs=1)
    backlog.add(uid(4), 1)
    assert len(backlog) == 2
    backlog.put_back(taken)  # what was in it keeps its place
    assert len(backlog) == 3


def test_what_is_done_does_not_come_back() -> None:
    backlog = filled(1, 1)
    taken = backlog.take(chunks=500, jobs=10)
    backlog.done([uid(0)])
    backlog.put_back(taken)
    assert [p.job_id for p in backlog.take(chunks=500, jobs=10)] == [uid(1)]
    backlog.add(uid(0), 1)
    assert len(backlog) == 1


def test_a_suspect_goes_alone() -> None:
    backlog = filled(1, 1, 1)
    taken = backlog.take(chunks=500, jobs=10)
    taken[1].alone = True
    backlog.put_back(taken)
    sizes = []
    while some := backlog.take(chunks=500, jobs=10):
        sizes.append([p.job_id for p in some])
    assert sizes == [[uid(0)], [uid(1)], [uid(2)]]


def test_batches_are_of_one_tenant_and_bounded() -> None:
    def chunk(number: int, tenant: int) -> ChunkToIndex:
        return ChunkToIndex(uid(number), uid(tenant), uid(1), uid(2), uid(3), "web", None, "text")

    chunks = [chunk(n, 1) for n in range(5)] + [chunk(n, 2) for n in range(5, 7)]
    assert [len(batch) for batch in by_tenant(chunks, at_most=3)] == [3, 2, 2]


def test_what_has_to_wait_lets_others_pass() -> None:
    backlog = filled(1, 1, 1)
    (first,) = backlog.take(chunks=1, jobs=1)
    first.not_before = 10.0
    backlog.put_back([first])
    assert [p.job_id for p in backlog.take(chunks=500, jobs=10, now=9.9)] == [uid(1), uid(2)]
    assert backlog.take(chunks=500, jobs=10, now=9.9) == []
    assert [p.job_id for p in backlog.take(chunks=500, jobs=10, now=10.0)] == [uid(0)]


def test_there_is_room_for_what_does_not_wait_yet() -> None:
    backlog = Backlog(most=2)
    assert backlog.room == 2
    backlog.add(uid(1), 1)
    backlog.add(uid(2), 1)
    assert backlog.room == 0
    backlog.take(chunks=500, jobs=10)
    assert backlog.room == 2
