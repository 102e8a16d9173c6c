"""Spells names of the database as the API and its messages do."""

import re
from functools import cache

from models.base import Base


def camel(snake: str) -> str:
    """`cc_instance_id` as the API spells it: `ccInstanceId`."""
    head, *rest = snake.split("_")
    return head + "".join(part.capitalize() for part in rest)


@cache
def noun_of(table_name: str) -> str:
    """The name of a row in messages: `task_dependencies` holds each task dependency, by its class's name."""
    for mapper in Base.registry.mappers:
        if getattr(mapper.local_table, "name", None) == table_name:
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mapper.class_.__name__).lower()
    return table_name.removesuffix("s").replace("_", " ")
