"""All subscription fields, and their types in the schema."""

from gql.compat.strawberry_graphql import StrawberryField
from gql.subscriptions.changes import CHANGES
from gql.subscriptions.live import live_field
from gql.subscriptions.logs import LOG_APPENDED
from gql.subscriptions.rendering import EVENT
from gql.subscriptions.rows import ROW_STREAMS
from gql.subscriptions.streams import COMMON_ARGUMENTS, COMMON_FIELDS, EventField, RowField, Stream
from gql.types.builder import NAMES, argument, enum_type, interface_type, object_type, optional, output_field
from models.enums import ChangeOperation

STREAMS = {stream.field: stream for stream in (*ROW_STREAMS, LOG_APPENDED, CHANGES)}


def define_subscription() -> type:
    """The root type Subscription; the types of the tables must be there."""
    enum_type(ChangeOperation)
    interface_type(EVENT, _fields(COMMON_FIELDS), "Something that happened, and its place in the feed.")
    return object_type(
        "Subscription",
        [*(_root(stream) for stream in STREAMS.values()), live_field()],
        "Events as they happen, and queries that are read again when they do.",
    )


def _root(stream: Stream) -> StrawberryField:
    object_type(
        stream.event,
        _fields((*COMMON_FIELDS, *stream.fields)),
        stream.event_description,
        (NAMES[EVENT],),
    )
    arguments = [
        argument(found.name, found.type_text, found.description)
        for found in (*stream.arguments, *COMMON_ARGUMENTS)
    ]
    return output_field(stream.field, stream.event, stream.description, arguments)


def _fields(fields: tuple[EventField, ...]) -> list[StrawberryField]:
    return [
        output_field(field.name, optional(field.type_name), field.description)
        if isinstance(field, RowField)
        else output_field(field.name, field.type_text, field.description)
        for field in fields
    ]
