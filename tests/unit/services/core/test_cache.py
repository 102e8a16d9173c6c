"""The bounded cache: what it keeps, what it forgets, and that threads may share it."""

import random
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.core.cache import BoundedCache


def by_length(entries: int | None = None, *, size: int) -> BoundedCache[str, str]:
    return BoundedCache(entries, size=size, size_of=lambda key, value: len(key) + len(value))


def test_of_many_entries_those_that_were_used_last_are_kept() -> None:
    cache = BoundedCache[int, str](3)
    for number in (1, 2, 3):
        cache[number] = str(number)

    assert cache.get(1) == "1"
    cache[4] = "4"

    assert [*cache] == [3, 1, 4]
    assert cache.get(2) is None
    with pytest.raises(KeyError):
        cache[2]


def test_asking_whether_an_entry_is_there_is_no_use_of_it() -> None:
    cache = BoundedCache[int, str](2)
    cache[1], cache[2] = "1", "2"

    assert 1 in cache
    cache[3] = "3"

    assert 1 not in cache
    assert [*cache] == [2, 3]


def test_sizes_are_bounded_in_sum() -> None:
    cache = by_length(size=10)
    cache["a"], cache["b"] = "1234", "5678"
    assert cache.size == 10

    cache["c"] = "9"

    assert [*cache] == ["b", "c"]
    assert cache.size == 7


def test_both_bounds_hold() -> None:
    cache = by_length(2, size=100)
    for key in "abc":
        cache[key] = key

    assert [*cache] == ["b", "c"]
    assert cache.size == 4


def test_an_entry_that_is_too_large_by_itself_pushes_nothing_out() -> None:
    cache = by_length(size=10)
    cache["a"] = "1"

    cache["b"] = "x" * 10
    assert [*cache] == ["a"]

    cache["a"] = "x" * 10
    assert len(cache) == cache.size == 0


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    cache = by_length(size=10)
    cache["a"], cache["b"] = "1", "2"

    cache["a"] = "333"

    assert [*cache.items()] == [("b", "2"), ("a", "333")]
    assert cache.size == 6


def test_what_is_forgotten_gives_its_size_back() -> None:
    cache = by_length(size=10)
    cache["a"], cache["b"] = "1", "2"

    del cache["a"]
    with pytest.raises(KeyError):
        del cache["a"]
    assert cache.size == 2

    cache.clear()
    assert cache.size == 0


def test_bounds_that_bound_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="Give `entries`"):
        BoundedCache[str, str]()
    with pytest.raises(ValueError, match="together with `size_of`"):
        BoundedCache[str, str](3, size=3)


def test_it_keeps_what_a_simple_one_keeps() -> None:
    chance = random.Random(113)
    cache, simple = by_length(8, size=60), OrderedDict[str, str]()
    for _ in range(5_000):
        key = chance.choice("abcdefghijkl")
        if chance.random() < 0.5:
            if key in simple:
                simple.move_to_end(key)
            assert cache.get(key) == simple.get(key)
            continue
        simple.pop(key, None)
        value = "x" * chance.randrange(12)
        cache[key] = simple[key] = value
        while len(simple) > 8 or sum(len(kept) + 1 for kept in simple.values()) > 60:
            simple.popitem(last=False)

        assert [*cache.items()] == [*simple.items()]
        assert cache.size == sum(len(kept) + 1 for kept in simple.values())


def test_threads_share_it() -> None:
    cache = by_length(50, size=200)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(20_000):
            key = str(chance.randrange(100))
            if chance.random() < 0.5:
                cache[key] = key
            else:
                assert cache.get(key) in (None, key)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    assert cache.size == sum(len(key) + len(value) for key, value in cache.items())
    assert len(cache) <= 50
