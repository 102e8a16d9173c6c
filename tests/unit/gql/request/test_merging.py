"""The linear look for conflicts says what graphql-core's comparison of all pairs says."""

import time

import pytest
from graphql import build_schema as built
from graphql import parse, validate
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.rules import overlapping_fields_can_be_merged
from hypothesis import given, settings
from hypothesis.strategies import DrawFn, composite, integers, sampled_from

from gql.request.limits import Limits
from gql.request.merging import first_conflict
from gql.request.preparation import InvalidDocument, Preparation
from gql.schema import build_schema
from services.core.errors import QueryTooComplex
from tests.support.drawing import examples

SCHEMA = build_schema()[0]._schema
PETS = built(
    """
    interface Pet { name(case: String, deep: Deep): String!  friend: Pet  kind: Int  tags: [String] }
    input Deep { a: Int b: Int }
    type Dog implements Pet { name(case: String, deep: Deep): String!  friend: Pet  kind: Int  tags: [String]
      bone: Bone  size: Int  same: String }
    type Cat implements Pet { name(case: String, deep: Deep): String!  friend: Pet  kind: Int  tags: [String]
      bone: [Bone]  size: Int!  same: String  fur: Bone }
    type Bone { size: Int  name: String  of: Pet }
    union Any = Dog | Cat | Bone
    type Query { pet: Pet  dog: Dog  any: Any  cats: [Cat!] }
    """
)
FIELDS = {
    "Query": ("pet", "dog", "any", "cats"),
    "Pet": ("name", "friend", "kind", "tags", "__typename"),
    "Dog": ("name", "friend", "kind", "tags", "bone", "size", "same"),
    "Cat": ("name", "friend", "kind", "tags", "bone", "size", "same", "fur"),
    "Bone": ("size", "name", "of"),
    "Any": ("__typename",),
}
BELOW = {"pet": "Pet", "dog": "Dog", "any": "Any", "cats": "Cat", "friend": "Pet", "of": "Pet", "fur": "Bone"}
ARGUMENTS = ("", "", '(case: "a")', "(deep: {a: 1, b: 2})", "(deep: {b: 2, a: 1})", "(case: $c)")


def choices(kind: str) -> list[str]:
    """Fields of a type with alias and arguments, each as often as it is to be drawn."""
    return [
        alias + name + (arguments if name == "name" and kind != "Bone" else "")
        for name in FIELDS[kind]
        for alias in ("", "", "", "x: ", "name: ")
        for arguments in ARGUMENTS
    ]


CHOICES = {kind: sampled_from(choices(kind)) for kind in FIELDS}
COUNTS, SORTS, TWICE = integers(1, 4), integers(0, 9), integers(1, 2)
INNER = {kind: sampled_from(("Pet", "Dog", "Cat", "Bone", kind)) for kind in FIELDS}


def drawn(draw: DrawFn, kind: str, depth: int, fragments: dict[str, str]) -> str:
    parts = []
    for _ in range(draw(COUNTS)):
        choice = draw(SORTS)
        if choice >= 7 and depth < 5 and kind != "Query":
            inner = draw(INNER[kind])
            body = drawn(draw, inner, depth + 1, fragments)
            if choice == 9:
                name = f"F{len(fragments)}"
                fragments[name] = f"fragment {name} on {inner} {body}"
                parts += [f"...{name}"] * draw(TWICE)
            else:
                parts.append(f"... on {inner} {body}" if choice == 8 or inner != kind else f"... {body}")
            continue
        field = draw(CHOICES[kind])
        name = field.partition("(")[0].rpartition(" ")[2]
        below = "Bone" if name == "bone" else BELOW.get(name)
        body = drawn(draw, below, depth + 1, fragments) if below and depth < 5 else ""
        parts.append(field + (" " + body if body else "" if not below else " { __typename }"))
    return "{ " + " ".join(parts) + " }"


@composite
def documents(draw: DrawFn) -> str:
    """A query with its fragments."""
    fragments: dict[str, str] = {}
    return f"query ($c: String) {drawn(draw, 'Query', 0, fragments)} {' '.join(fragments.values())}"


@settings(max_examples=examples(1000))
@given(documents())
def test_both_say_the_same_of_any_document(text: str) -> None:
    document = parse(text)

    expected = validate(PETS, document, [OverlappingFieldsCanBeMergedRule], max_errors=1)

    assert (first_conflict(PETS, document) is not None) == bool(expected)


SPREADS = " ".join(f"...F{n}" for n in range(249))
FRAGMENTS = " ".join(f"fragment F{n} on Task {{ id name }}" for n in range(249))
OPERATIONS = " ".join(f"query Q{n} {{ me {{ ...F }} }}" for n in range(50))


@pytest.mark.parametrize(
    "text",
    [
        f"{{ me {{ {'id ' * 4_990} }} }}",
        f"{{ tasks {{ nodes {{ {SPREADS} }} }} }} {FRAGMENTS}",
        f"{OPERATIONS} fragment F on User {{ {'id ' * 4_400} }}",
    ],
    ids=["one field", "many fragments", "many operations"],
)
def test_a_valid_document_within_the_limits_is_ready_in_no_time(text: str) -> None:
    began = time.process_time()
    try:
        Preparation(SCHEMA, Limits()).operation(text, "Q0" if "Q0" in text else None)
    finally:
        took = time.process_time() - began
    assert took < 10, took  # on a busy machine; pair by pair it takes minutes


def test_a_conflict_among_many_fields_is_told_as_one() -> None:
    text = f"{{ me {{ {'id ' * 4_000} id: username }} }}"
    with pytest.raises(InvalidDocument) as refusal:
        Preparation(SCHEMA, Limits()).operation(text, None)
    (error,) = refusal.value.errors
    assert error.message == (
        "The fields of the name 'id' conflict: one is `id` and another `username`, or they differ in "
        "arguments or type. Give them different aliases."
    )
    assert [place.line for place in error.locations or ()] == [1, 1]


def test_a_small_conflict_is_told_in_detail() -> None:
    with pytest.raises(InvalidDocument) as refusal:
        Preparation(SCHEMA, Limits()).operation("{ me { id id: username } }", None)
    assert "'id' and 'username' are different fields" in refusal.value.errors[0].message


def test_what_else_cannot_be_validated_is_told_as_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql.validation.validation_context.MAX_FRAGMENT_WORK", 1)
    text = "query A { ...F } query B { ...F } fragment F on Query { ...G } fragment G on Query { __typename }"
    with pytest.raises(QueryTooComplex, match="share fragments"):
        Preparation(SCHEMA, Limits()).operation(text, "A")


def test_the_budget_of_graphql_core_is_still_read_where_it_is_set() -> None:
    assert overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET == 100_000
