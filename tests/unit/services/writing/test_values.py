"""Values on their way to parameters, one row and many."""

import pytest

from services.core.errors import BadInput
from services.secrets.masking import MASK
from services.writing.tables import TABLES
from services.writing.values import conceal, converted, parameters

LOGS = TABLES["cc_logs"]


async def test_only_the_rows_of_a_call_that_hold_secrets_are_masked() -> None:
    given: list[dict[str, object]] = [
        {"message": "password=hunter2", "details": None},
        {"message": "compiled in 3 s", "details": {"token": "abc", "n": 1}},
        {"message": "完了", "details": {"n": [1, 2.5, None]}},
        {"message": "no details"},
    ]
    rows = [converted(LOGS, row, "input") for row in given]

    await conceal(LOGS, rows)

    assert rows == [await parameters(LOGS, row, "input") for row in given]
    assert rows[0] == {"message": f"password={MASK}", "details": None}
    assert rows[1] == {"message": "compiled in 3 s", "details": f'{{"token":"{MASK}","n":1}}'}
    assert rows[2] == {"message": "完了", "details": '{"n":[1,2.5,null]}'}


A_UUID = "must be a UUID such as 0197a1b2-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"message": None}, "message", "This must not be null."),
        ({"message": "a\0b"}, "message", "This holds the character NUL, which cannot be stored."),
        ({"log_level": "loud"}, "logLevel", "This must be one of DEBUG, INFO, WARN, ERROR, FATAL."),
        ({"message": "fine", "cc_instance_id": "x"}, "ccInstanceId", f"This {A_UUID}."),
    ],
)
def test_the_value_that_cannot_be_stored_is_named(
    given: dict[str, object], field: str, sentence: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        converted(LOGS, given, "input.rows.7")

    assert (refusal.value.field, refusal.value.message) == (f"input.rows.7.{field}", sentence)
