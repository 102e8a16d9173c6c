"""The settings of a connection on which what is written and read depends, and texts above all.

A server, a database or a role may have other defaults of its own. What a client says when it connects comes
before them, and a reset of the connection comes back to it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SESSION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timezone": "UTC",
        "datestyle": "ISO, MDY",
        "intervalstyle": "postgres",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "standard_conforming_strings": "on",
        "transform_null_equals": "off",
        "default_transaction_isolation": "read committed",
    }
)
"""By name."""
