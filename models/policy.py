"""Which rows a viewer may see and change, as SQL predicates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever reads: `user_id` is users.id; administrators see every row."""

    user_id: int
    is_admin: bool = False
