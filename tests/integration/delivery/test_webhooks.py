"""Webhooks by the Standard Webhooks specification, from a row to the receiver's socket."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.delivery.conftest import Desk, Working
from tests.support.receivers import Got, Receiver, Reply

SECRET = "whsec_" + base64.b64encode(b"thirty two bytes of a secret key").decode()


async def test_a_row_is_posted_signed_and_recorded(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person()
    await desk.setting(
        user_id=user.id,
        webhook_url=receiver.url + "/hook?a=b",
        webhook_secret=SECRET,
        webhook_headers={
            "Authorization": "Bearer mine",
            "webhook-id": "forged",
            "Host": "x",
            "X-Team": "検索",
        },
    )
    key = await desk.notify(
        user.id, title="完了", message="すべて成功", payload={"branch": "main"}, priority="high"
    )
    async with working():
        row = await desk.ended(key)
        [got] = receiver.got
    sent = got.json
    assert got.method == "POST"
    assert got.target == "/hook?a=b"
    assert got.header("webhook-id") == str(row.message_id)
    assert got.header("authorization") == "Bearer mine"
    assert got.header("host") == receiver.url.removeprefix("http://")
    assert got.header("content-type") == "application/json"
    assert sent == {
        "type": "task_completed",
        "timestamp": row.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {
            "id": str(key),
            "userId": user.id,
            "title": "完了",
            "message": "すべて成功",
            "priority": "high",
            "sessionId": None,
            "link": f"https://fleet.example/notifications/{key}",
            "payload": {"branch": "main"},
        },
    }
    # By the letter of the specification, without the library that signed it.
    signed = f"{got.header('webhook-id')}.{got.header('webhook-timestamp')}.".encode() + got.body
    expected = hmac.digest(b"thirty two bytes of a secret key", signed, hashlib.sha256)
    assert got.header("webhook-signature") == "v1," + base64.b64encode(expected).decode()
    assert abs(int(got.header("webhook-timestamp")) - datetime.now(UTC).timestamp()) < 60
    assert (row.response_code, row.response_body, row.error_message) == (200, "ok", None)
    assert row.sent_at is not None
    assert row.lease_holder is None


async def test_attempts_keep_the_id_and_stop_after_max_retries(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(500, b"x" * 5_000)
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id, max_retries=2)
    async with working():
        row = await desk.ended(key, "failed")
    assert len(receiver.got) == 3
    assert {got.header("webhook-id") for got in receiver.got} == {str(row.message_id)}
    assert row.retry_count == 2
    assert row.response_code == 500
    assert len(row.response_body) == 2_000
    assert row.error_message == "The receiver answered with status 500."
    assert row.sent_at is None


async def test_a_redirect_is_a_failure_and_is_not_followed(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda got: Reply(302, b"", (("location", receiver.url + "/elsewhere"),))
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url + "/hook")
    key = await desk.notify(user.id, max_retries=0)
    async with working():
        row = await desk.ended(key, "failed")
    assert [got.target for got in receiver.got] == ["/hook"]
    assert row.response_code == 302
    assert "redirect" in row.error_message


async def test_a_receiver_that_is_gone_switches_its_setting_off(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(410)
    user = await desk.person()
    setting = await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    async with working():
        await desk.ended(key, "failed")
        later = await desk.ended(await desk.notify(user.id), "failed")
    assert len(receiver.got) == 1
    assert "no enabled setting" in later.error_message
    assert not (await desk.one(f"SELECT * FROM notification_settings WHERE id = {setting.id}")).is_enabled


async def test_a_replaced_secret_signs_too_for_a_day(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    user = await desk.person()
    other = "any text of a person's own"
    now = datetime.now(UTC)
    setting = await desk.setting(
        user_id=user.id,
        webhook_url=receiver.url,
        webhook_secret=SECRET,
        previous_webhook_secret=other,
        webhook_secret_changed_at=now - timedelta(hours=23),
    )
    async with working():
        await desk.ended(await desk.notify(user.id))
        await desk.execute(
            "UPDATE notification_settings SET webhook_secret_changed_at = now() - interval '25 hours'"
            f" WHERE id = {setting.id}"
        )
        await desk.ended(await desk.notify(user.id))
    both, alone = receiver.got
    assert len(both.header("webhook-signature").split()) == 2
    for secret in (SECRET, other.encode()):
        Webhook(secret).verify(both.body, dict(both.headers))
    Webhook(SECRET).verify(alone.body, dict(alone.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(other.encode()).verify(alone.body, dict(alone.headers))


async def test_a_body_is_capped(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id, message="長" * 30_000, payload={"log": "x" * 100_000})
    async with working():
        await desk.ended(key)
    [got] = receiver.got
    assert len(got.body) <= 20_000
    assert got.json["data"]["truncated"] is True
    assert got.json["data"]["payload"] is None
    assert got.json["data"]["message"].endswith("長…")


@pytest.mark.parametrize("in_seconds", [True, False], ids=["seconds", "date"])
async def test_retry_after_is_honoured(
    in_seconds: bool, desk: Desk, working: Working, receiver: Receiver
) -> None:
    def answer(got: Got) -> Reply:
        if len(receiver.got) > 1:
            return Reply(204, b"")
        later = datetime.now(UTC) + timedelta(seconds=3)
        wait = "2" if in_seconds else later.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Reply(503, b"", (("retry-after", wait),))

    receiver.answer = answer
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    async with working():
        row = await desk.ended(key)
    first, second = receiver.got
    assert second.at - first.at >= 1.8
    assert (row.retry_count, row.response_code) == (1, 204)


async def test_what_is_not_due_or_cancelled_is_not_sent_and_order_is_by_time_and_priority(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    now = datetime.now(UTC)
    later = await desk.notify(user.id, scheduled_at=now + timedelta(hours=1))
    cancelled = await desk.notify(user.id, status="cancelled")
    wanted = [
        await desk.notify(user.id, scheduled_at=now - timedelta(minutes=minutes), priority=priority)
        for minutes, priority in ((1, "low"), (1, "urgent"), (2, "low"), (1, "normal"))
    ]
    async with working(delivery_places=1):
        for key in wanted:
            await desk.ended(key)
    in_order = [int(got.json["data"]["id"]) for got in receiver.got]
    assert in_order == [wanted[2], wanted[1], wanted[3], wanted[0]]
    assert (await desk.row(later)).status == "pending"
    assert (await desk.row(cancelled)).status == "cancelled"


async def test_each_message_has_an_id_of_its_own(desk: Desk, working: Working, receiver: Receiver) -> None:
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    keys = [await desk.notify(user.id) for _ in range(5)]
    async with working():
        for key in keys:
            await desk.ended(key)
    assert len({UUID(got.header("webhook-id")) for got in receiver.got}) == 5
