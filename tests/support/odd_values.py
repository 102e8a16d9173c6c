"""Values that a column may hold and that few programs expect, as PostgreSQL reads them, by the column's kind.

A label names a value in messages. Beside each other stand values that are easily confused: `é` composed and
decomposed, JSON's null and the word, the last microsecond of 9999 and infinity.
"""

from collections.abc import Mapping
from typing import Final

from gql.planner.column_types import ColumnType

Odd = Mapping[str, str]
"""By label, the value as text."""

TEXTS: Final[Odd] = {
    "plain": "plain text",
    "empty": "",
    "a blank": " ",
    "emoji": "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "Japanese": "日本語の検索テスト",
    "half-width": "ｶﾀｶﾅ ＡＢＣ １２３",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "combining marks": "a\u0301\u0323\u0308" * 20,
    "right to left": "\u202eשלום مرحبا\u202c",
    "zero width": "a\u200bb\u200d\ufeff\u2060c",
    "no characters": "\ufffe\uffff\U0010ffff",
    "control characters": "\x01\x08\t\x0b\x0c\x1b\x7f\x85",
    "line separators": "a\nb\rc\r\nd\u2028e\u2029f",
    "escapes": "\\u0000 \\n \\\\ \\x00 \\",
    "quotes": "'\"`$$%s{0}${x}",
    "pattern": "100%_\\%",
    "SQL": "'); DROP TABLE tasks; --",
    "the word null": "null",
    "a number": "1e400",
    "case": "İstanbul ß SS ǆ",
    "long": "long \u6771" * 2_000,
}

TIMES: Final[Odd] = {
    "plain": "2026-03-01 12:00:00+00",
    "microseconds": "2026-03-01 12:00:00.123456+00",
    "tenths": "2026-03-01 12:00:00.5+00",
    "leap day": "2024-02-29 23:59:59.999999+00",
    "before 1970": "1969-12-31 23:59:59.999999+00",
    "year 1": "0001-01-01 00:00:00+00",
    "last second of 9999": "9999-12-31 23:59:59+00",
    "next to the last microsecond of 9999": "9999-12-31 23:59:59.999998+00",
    "last microsecond of 9999": "9999-12-31 23:59:59.999999+00",
    "year 10000": "10000-01-01 00:00:00+00",
    "milliseconds by mistake": "58692-11-03 14:13:20+00",
    "last of all": "294276-12-31 23:59:59.999999+00",
    "infinity": "infinity",
    "minus infinity": "-infinity",
    "before Christ": "0044-03-15 12:00:00.25+00 BC",
    "year 1 before Christ": "0001-12-31 23:59:59.999999+00 BC",
    "long before": "4713-01-01 00:00:00+00 BC",
}

JSONS: Final[Odd] = {
    "plain": '{"a": 1, "b": {"c": [true, null]}}',
    "JSON null": "null",
    "false": "false",
    "zero": "0",
    "minus zero": "-0.0",
    "beyond doubles": "1e400",
    "tiny": "1e-400",
    "thirty digits": "123456789012345678901234567890",
    "digits of a fraction": "123456789012345678.25",
    "trailing zeros": "1.500",
    "2^53 + 1": "9007199254740993",
    "text": '"text \\u2028 😀"',
    "empty text": '""',
    "escapes in a text": '"\\\\u0000 \\\\ \\" / \\u001f"',
    "empty array": "[]",
    "empty object": "{}",
    "array of everything": '[1, "x", null, [], {}, true, 1e400]',
    "odd keys": '{"": "", " ": 1, "日本": {"😀": null}, "a.b": 1, "__typename": "x"}',
    "null within": '{"a": null, "limit": 1e400}',
    "deep": "[" * 200 + "]" * 200,
    "deep objects": '{"a":' * 100 + "1" + "}" * 100,
    "people by text": '[{"user_id": "1"}, {"user_id": null}, {}, "1", 1, null, [1]]',
    "people beyond doubles": '[{"user_id": 1e400, "role": "editor"}, {"user_id": 1.5}]',
    "one person twice": '[{"user_id": 2, "role": "viewer"}, {"user_id": 2, "role": "editor"}]',
    "a person, not in a list": '{"user_id": 2, "role": "editor"}',
}

ADDRESSES: Final[Odd] = {
    "v4": "192.0.2.1",
    "v4 again": "192.0.2.1/32",
    "v4 with a network": "192.0.2.1/24",
    "v4 network": "192.0.2.0/24",
    "all": "0.0.0.0/0",
    "broadcast": "255.255.255.255",
    "v6": "2001:db8::1",
    "v6 with a network": "2001:db8::1/64",
    "v6 loopback": "::1",
    "v6 unspecified": "::/0",
    "mapped": "::ffff:192.0.2.1",
    "last": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
}

OF_KIND: Final[Mapping[ColumnType, Odd]] = {
    ColumnType.TEXT: TEXTS,
    ColumnType.DATETIME: TIMES,
    ColumnType.JSON: JSONS,
    ColumnType.ADDRESS: ADDRESSES,
    ColumnType.INT: {
        "plain": "3",
        "zero": "0",
        "minus one": "-1",
        "largest": str(2**31 - 1),
        "smallest": str(-(2**31)),
    },
    ColumnType.BIGINT: {
        "plain": "3",
        "zero": "0",
        "minus one": "-1",
        "2^53 + 1": str(2**53 + 1),
        "largest": str(2**63 - 1),
        "smallest": str(-(2**63)),
    },
    ColumnType.UUID: {
        "plain": "0197a1b2-0000-7000-8000-000000000000",
        "nil": "00000000-0000-0000-0000-000000000000",
        "last": "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "version 4": "5f0c5a52-3a43-4f0e-9e1f-abcdefabcdef",
        "version 7 after 9999": "ffffffff-ffff-7fff-bfff-ffffffffffff",
    },
    ColumnType.BOOLEAN: {"plain": "true", "false": "false"},
}
"""The value labelled "plain" is one that every column of its kind takes, unless the column is unique."""
