"""Choices depend on the seed and on nothing else; times rise."""

from datetime import UTC, datetime, timedelta

from services.demo.seeded_random import TOKYO, Chance, moments, weighted

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_stream_depends_on_its_seed_and_its_name() -> None:
    first = [Chance(1, "users", 5).below(1_000_000) for _ in range(3)]
    assert len(set(first)) == 1
    assert Chance(2, "users", 5).below(1_000_000) != first[0]
    assert Chance(1, "users", 6).below(1_000_000) != first[0]


def test_limits_are_reached_and_never_passed() -> None:
    chance = Chance(1, "limits")
    assert {chance.between(1, 3) for _ in range(200)} == {1, 2, 3}
    assert {chance.below(3) for _ in range(200)} == {0, 1, 2}


def test_some_choices_are_different_ones() -> None:
    chosen = Chance(1, "some").some("abcdef", 4)
    assert len(chosen) == len(set(chosen)) == 4
    assert sorted(Chance(1, "all").some("abc", 9)) == ["a", "b", "c"]


def test_a_key_is_a_uuid_of_version_7_that_sorts_by_its_time() -> None:
    chance = Chance(1, "keys")
    keys = [chance.uuid(SINCE + timedelta(milliseconds=step)) for step in range(50)]
    assert keys == sorted(keys)
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {"specified in RFC 4122"}


def test_a_weighted_tuple_holds_each_name_as_often_as_its_share() -> None:
    assert weighted(often=3, once=1) == ("often", "often", "often", "once")


def test_moments_are_as_many_as_asked_for_ascending_and_busier_by_day() -> None:
    times = list(moments(5_000, SINCE, SINCE + timedelta(days=28), Chance(1, "moments")))
    assert len(times) == 5_000
    assert times == sorted(times)
    assert times[0] >= SINCE
    assert times[-1] < SINCE + timedelta(days=28)
    by_day = sum(9 <= at.astimezone(TOKYO).hour < 17 for at in times)
    by_night = sum(at.astimezone(TOKYO).hour < 8 for at in times)
    assert by_day > 3 * by_night
