"""What is sealed can be opened where it was sealed, with a key that is known, and nowhere else."""

import pytest

from services.secrets.vault import NotSealedByUs, Vault

SERVER = "s" * 32
OLD, NEW = "o" * 32, "n" * 32
PLACE = "projects.environment_vars"


def test_a_value_comes_back_as_it_was_and_no_two_seals_are_alike() -> None:
    vault = Vault.of(SERVER)
    value = {"TOKEN": "秘密", "EMPTY": ""}

    first, second = vault.seal(value, PLACE), vault.seal(value, PLACE)

    assert first != second
    assert "秘密" not in first
    assert vault.open(first, PLACE) == vault.open(second, PLACE) == value


def test_a_sealed_value_opens_at_its_own_place_only() -> None:
    vault = Vault.of(SERVER)

    with pytest.raises(NotSealedByUs):
        vault.open(vault.seal("x", PLACE), "cc_instances.environment_vars")


def test_an_altered_value_does_not_open() -> None:
    vault = Vault.of(SERVER)
    sealed = vault.seal("x", PLACE)

    with pytest.raises(NotSealedByUs):
        vault.open(sealed[:-2] + ("AA" if not sealed.endswith("AA") else "BB"), PLACE)
    with pytest.raises(NotSealedByUs):
        vault.open("plain text", PLACE)


def test_an_older_key_still_opens_and_the_first_one_seals() -> None:
    old = Vault.of(SERVER, {"2025": OLD})
    both = Vault.of(SERVER, {"2026": NEW, "2025": OLD})
    sealed = old.seal("x", PLACE)

    assert both.open(sealed, PLACE) == "x"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("x", PLACE))
    with pytest.raises(NotSealedByUs):
        Vault.of(SERVER, {"2026": NEW}).open(sealed, PLACE)


def test_two_seals_are_compared_by_what_they_hold_also_under_different_keys() -> None:
    old = Vault.of(SERVER, {"2025": OLD})
    both = Vault.of(SERVER, {"2026": NEW, "2025": OLD})
    sealed = old.seal({"A": "x"}, PLACE)

    assert both.is_same(sealed, both.seal({"A": "x"}, PLACE), PLACE)
    assert not both.is_same(sealed, both.seal({"A": "y"}, PLACE), PLACE)
    assert not both.is_same(sealed, None, PLACE)
    assert not both.is_same(None, sealed, PLACE)
    assert both.is_same(None, None, PLACE)


def test_a_keyed_hash_depends_on_the_key_and_not_on_the_encryption_keys() -> None:
    assert Vault.of(SERVER).fingerprint("k") == Vault.of(SERVER, {"2026": NEW}).fingerprint("k")
    assert Vault.of(SERVER).fingerprint("k") != Vault.of(NEW).fingerprint("k")


def test_the_keys_are_those_that_have_sealed_what_is_stored() -> None:
    vault = Vault.of(SERVER)

    assert vault.keys["server"].hex() == "57a8851d353bc043b9f6824fd045a816bbaa9bcdf9169f03ab57d7243d13331f"
    assert vault.hash_key.hex() == "31722ed34a8c26fc065c0c1851bac2629743afc87ec72e8408fec8cbe0773673"
