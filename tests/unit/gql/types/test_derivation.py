"""What the schema derives from the models: every readable column, and no hidden one anywhere."""

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType
from sqlalchemy import Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from gql.planner.catalog import build_catalog
from gql.planner.groups import group_keys
from gql.planner.names import constant
from gql.schema import build_schema
from models import Base, metadata
from models.names import camel

SCHEMA, CATALOG = build_schema()
HIDDEN = [
    (table, column.name)
    for table in CATALOG.types.values()
    for column in metadata.tables[table.table].columns
    if column.info.get("hidden")
]


def test_every_type_field_and_argument_says_what_it_is() -> None:
    ours = {name: kind for name, kind in SCHEMA._schema.type_map.items() if not name.startswith("__")}
    for name, kind in ours.items():
        assert kind.description, name
        for field_name, field in getattr(kind, "fields", {}).items():
            assert field.description, f"{name}.{field_name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                assert argument.description, f"{name}.{field_name}({argument_name}:)"


def test_every_value_of_an_enum_says_what_it_means() -> None:
    for name, kind in SCHEMA._schema.type_map.items():
        if isinstance(kind, GraphQLEnumType):
            for member, value in kind.values.items():
                assert value.description, f"{name}.{member}"


def test_a_part_of_a_time_says_which_it_is() -> None:
    for place, kind in (("CREATED_AT_DAY", "TaskGroupBy"), ("createdAtDay", "TaskGroupKey")):
        found = SCHEMA._schema.get_type(kind)
        parts = found.values if isinstance(found, GraphQLEnumType) else getattr(found, "fields", {})
        assert parts[place].description == "The day of `createdAt`, in UTC."


def test_hashes_and_secrets_are_hidden() -> None:
    names = {f"{table.table}.{column}" for table, column in HIDDEN}
    assert {"users.hashed_password", "collaboration_sessions.access_token"} <= names
    assert {"cc_instances.claude_api_key_hash", "notification_settings.webhook_secret"} <= names


def test_no_hidden_column_can_be_shown_filtered_ordered_grouped_measured_or_looked_up_by() -> None:
    for table, column in HIDDEN:
        field = camel(column)
        for suffix in ("", "Where", "Order", "By", "GroupKey", "Sum", "Avg", "Min", "Max"):
            kind = SCHEMA._schema.get_type(table.name + suffix)
            if kind is not None:
                assert isinstance(kind, GraphQLObjectType | GraphQLInputObjectType)
                assert field not in kind.fields, f"{kind.name}.{field}"
        groups = SCHEMA._schema.get_type(f"{table.name}GroupBy")
        assert not isinstance(groups, GraphQLEnumType) or constant(field) not in groups.values


def test_every_other_column_of_every_readable_table_is_a_field() -> None:
    for mapper in Base.registry.mappers:
        table = CATALOG.types.get(mapper.class_.__name__)
        if table is not None:
            readable = {column.name for column in mapper.local_table.columns if not column.info.get("hidden")}
            assert {column.name for column in table.columns.values()} == readable


def test_a_column_that_is_added_to_a_model_appears_by_itself() -> None:
    class Elsewhere(DeclarativeBase):
        """Models of this test, apart from the real ones."""

    class Feature(Elsewhere):
        """A table whose name has rules."""

        __tablename__ = "features"
        id = mapped_column(Text, primary_key=True, doc="Key.")
        new_thing = mapped_column(Text, doc="Something new.")
        new_secret = mapped_column(Text, info={"hidden": True})

    table = build_catalog([Feature.__mapper__]).types["Feature"]
    assert table.columns["newThing"].description == "Something new."
    assert "NEW_THING" in group_keys(table)
    assert "newSecret" not in table.columns
