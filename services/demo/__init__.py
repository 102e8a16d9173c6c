"""A believable year of a fleet at work, for a first look, for tests and for benchmarks; see docs/demo.md."""

from services.demo.known_password import known_hashes, replace_known_password
from services.demo.loading import PASSWORD, Progress, load
from services.demo.people import ADMINISTRATOR, DEMO_USER
from services.demo.row_counts import REFERENCE

__all__ = [
    "ADMINISTRATOR",
    "DEMO_USER",
    "PASSWORD",
    "REFERENCE",
    "Progress",
    "known_hashes",
    "load",
    "replace_known_password",
]
