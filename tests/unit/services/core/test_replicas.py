"""What is remembered of who wrote, and which replica is chosen for whom."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.core.database import ReadConnection
from services.core.hosts import each_host, of_primary
from services.core.replicas import MOST_WRITERS, Replica, Replicas, ReplicaState, Server, _Place

EPOCH = UUID(int=1)


class NoPool:
    """The pool of a server that is not there."""

    def __init__(self, in_use: int = 0) -> None:
        self.in_use = in_use

    def drop(self) -> None:
        """There is nothing to end."""

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[ReadConnection]:
        """As a server that has just ended."""
        raise asyncpg.ConnectionDoesNotExistError("gone")
        yield

    async def fetchval(self, sql: str, *parameters: object) -> Any:
        """As a server that has just ended."""
        raise asyncpg.ConnectionDoesNotExistError("gone")


async def nowhere() -> ReadConnection:
    """No server answers."""
    raise OSError


def replicas(*positions: int) -> tuple[Replicas, list[Replica]]:
    """Replicas of a primary that is at 100, each at its position."""
    each = [Replica(str(number), nowhere, NoPool(number)) for number in range(len(positions))]
    found = Replicas(Server("primary", nowhere), NoPool(), each, longest_lag=5.0)
    found._note_place(_Place(100, 1, EPOCH))
    for replica, position in zip(each, positions, strict=True):
        found._judge(replica, _Place(position, 1, EPOCH))
    return found, each


async def written(found: Replicas, *people: int, at: int) -> None:
    """These people write, and the primary says that its log is at `at`."""
    for person in people:
        found.note_write(person)
    found._asking |= found._noted
    found._noted = set()
    found._note_place(_Place(at, 1, EPOCH))


async def test_the_replica_with_the_least_to_do_is_chosen() -> None:
    found, each = replicas(100, 100)
    assert found.chosen(7) is each[0]


async def test_until_it_is_known_what_was_written_only_that_person_reads_from_the_primary() -> None:
    found, each = replicas(100)
    found.note_write(7)
    assert found.chosen(7) is None
    assert found.chosen(8) is each[0]
    await written(found, 7, at=110)
    assert found.chosen(7) is None
    found._judge(each[0], _Place(110, 1, EPOCH))
    assert found.chosen(7) is each[0]


async def test_one_that_is_taken_back_has_to_have_what_the_others_had() -> None:
    found, each = replicas(100, 100)
    each[1].leave_out(ReplicaState.AWAY)
    await written(found, 7, at=110)
    found._judge(each[0], _Place(110, 1, EPOCH))
    each[0].leave_out(ReplicaState.AWAY)
    found._judge(each[1], _Place(105, 1, EPOCH))
    assert found.chosen(7) is None
    found._judge(each[1], _Place(110, 1, EPOCH))
    assert found.chosen(7) is each[1]


async def test_of_more_people_than_are_remembered_a_replica_needs_what_all_wrote() -> None:
    found, each = replicas(100)
    await written(found, *range(1, MOST_WRITERS + 2), at=110)
    assert len(found._written) <= MOST_WRITERS
    assert found.chosen(MOST_WRITERS + 500) is None
    found._judge(each[0], _Place(110, 1, EPOCH))
    assert found.chosen(1) is each[0]


@pytest.mark.parametrize("place", [_Place(100, 2, EPOCH), _Place(100, 1, UUID(int=2))])
async def test_a_server_of_another_past_is_left_out(place: _Place) -> None:
    found, each = replicas(100)
    found._judge(each[0], place)
    assert each[0].state is ReplicaState.DIVERGED
    assert found.chosen(7) is None


async def test_what_a_replica_fails_at_is_repeated_once_and_faults_of_the_query_are_not() -> None:
    found, each = replicas(100)
    asked = []

    def failing(error: Exception) -> Callable[[object], Awaitable[None]]:
        async def read(pool: object) -> None:
            asked.append(pool)
            if pool is each[0].pool:
                raise error

        return read

    await found.read(7, failing(asyncpg.ConnectionDoesNotExistError("gone")))
    await found.read(7, failing(asyncpg.SerializationError("canceled by recovery")))
    assert len(asked) == 4
    with pytest.raises(asyncpg.QueryCanceledError):
        await found.read(7, failing(asyncpg.QueryCanceledError("too long")))
    assert len(asked) == 5


def test_hosts_of_a_url() -> None:
    url = "postgresql://a:b%40@[::1]:5433,two/c?sslmode=disable"
    assert each_host(url) == {
        "[::1]:5433": "postgresql://a:b%40@[::1]:5433/c?sslmode=disable",
        "two:5432": "postgresql://a:b%40@two/c?sslmode=disable",
    }
    assert of_primary(url) == f"{url}&target_session_attrs=primary"
    one = "postgresql://a@one/c"
    assert of_primary(one) == one
    said = "postgresql://a@one,two/c?target_session_attrs=any"
    assert of_primary(said) == said
    sockets = "postgresql://a@/c?host=%2Fone,%2Ftwo&port=1,2"
    assert list(each_host(sockets)) == ["/one:1", "/two:2"]
    assert each_host(sockets)["/two:2"] == "postgresql://a@/c?host=%2Ftwo&port=2"


async def test_positions_of_a_primary_that_was_lost_count_for_nothing_at_the_next_one() -> None:
    found, [replica] = replicas(100)
    await written(found, 7, at=5_000)
    assert found.chosen(7) is None
    found._note_place(_Place(300, 2, EPOCH))
    for person in (7, 8):
        assert found.chosen(person) is None, "it may not have what the new primary had"
    found._judge(replica, _Place(300, 2, EPOCH))
    assert (replica.state, replica.lag) == (ReplicaState.FOLLOWING, 0.0)
    for person in (7, 8):
        assert found.chosen(person) is replica
