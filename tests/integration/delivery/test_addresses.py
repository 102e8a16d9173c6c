"""Addresses are judged when they are saved, and at every connection to what their names mean then."""

from collections.abc import Sequence

import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from services.core.addresses import NONE_ALLOWED, AllowedAddresses
from services.core.database import Database
from services.core.principal import Principal
from services.delivery.channels.web_push import Vapid
from services.delivery.http_client import Client, NotSent, Request
from services.delivery.sender import Sender
from services.secrets.vault import Vault
from tests.integration.delivery.conftest import Desk, Working
from tests.integration.writing.asking import SECRET_KEY, Caller, mutation
from tests.support.everything import everything
from tests.support.receivers import Receiver, Reply

CREATE = mutation("createNotificationSetting", "notificationSetting { id webhookUrl }")
UPDATE = mutation("updateNotificationSetting", "notificationSetting { id webhookUrl }")
TRY = mutation("testNotificationSetting", "delivered responseCode responseBody errorMessage durationMs")
PRIVATE = "http://169.254.169.254/latest/meta-data"


class Names:
    """A resolver whose answers change from one question to the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return answer


def port_of(receiver: Receiver) -> str:
    return receiver.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"]]
)
async def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str], receiver: Receiver) -> None:
    client = Client(NONE_ALLOWED, 2.0, Names(addresses))
    with pytest.raises(NotSent, match="may not be called") as refused:
        await client.post(Request(f"http://hooks.example.com:{port_of(receiver)}/", {}, b"{}"))
    await client.close()
    assert refused.value.refused
    assert receiver.got == []


async def test_a_name_that_is_bound_anew_leads_nowhere_else(receiver: Receiver) -> None:
    """The name is resolved once for each connection, and the connection goes where that answer led."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    client = Client(AllowedAddresses.of("127.0.0.1"), 2.0, names)
    url = f"http://hooks.example.com:{port_of(receiver)}/"
    assert (await client.post(Request(url, {}, b"{}"))).status == 200
    assert names.asked == 1
    await client.close()
    again = Client(AllowedAddresses.of("127.0.0.1"), 2.0, names)
    with pytest.raises(NotSent, match="may not be called"):
        await again.post(Request(url, {}, b"{}"))
    await again.close()
    assert len(receiver.got) == 1
    assert receiver.got[0].header("host") == f"hooks.example.com:{port_of(receiver)}"


async def test_a_redirect_inside_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(307, b"", (("location", receiver.url + "/inside"),))
    client = Client(AllowedAddresses.of("127.0.0.1"), 2.0)
    assert (await client.post(Request(receiver.url + "/hook", {}, b"{}"))).status == 307
    await client.close()
    assert [got.target for got in receiver.got] == ["/hook"]


async def test_a_row_that_leads_inside_fails_at_once(
    desk: Desk, working: Working, receiver: Receiver
) -> None:
    """By SQL anything can be saved, and a network that was allowed may not be any more."""
    user = await desk.person()
    await desk.setting(user_id=user.id, webhook_url=receiver.url)
    key = await desk.notify(user.id)
    async with working(delivery_allowed=""):
        row = await desk.ended(key, "failed")
    assert receiver.got == []
    assert (row.retry_count, row.response_code) == (0, None)
    assert "CCGRAPH_DELIVERY_ALLOWED" in row.error_message


async def test_a_url_in_other_scripts_is_sent_as_browsers_send_it(receiver: Receiver) -> None:
    client = Client(AllowedAddresses.of("127.0.0.1"), 2.0, Names(["127.0.0.1"]))
    url = f"http://例え.example.com:{port_of(receiver)}/フック%2F?q=é&x=1#part"
    assert (await client.post(Request(url, {}, b"{}"))).status == 200
    await client.close()
    [got] = receiver.got
    assert got.target == "/%E3%83%95%E3%83%83%E3%82%AF%2F?q=%C3%A9&x=1"
    assert got.header("host") == f"xn--r8jz45g.example.com:{port_of(receiver)}"


@pytest.mark.parametrize("value", ["secret\r\nX-Other: 1", "secret\n", " secret", "a\0b"])
async def test_a_header_that_cannot_be_sent_is_told_at_once(value: str, receiver: Receiver) -> None:
    client = Client(AllowedAddresses.of("127.0.0.1"), 2.0, Names(["127.0.0.1"]))
    with pytest.raises(NotSent, match="a header cannot be sent") as refused:
        await client.post(Request(f"{receiver.url}/", {"authorization": value}, b"{}"))
    await client.close()
    assert refused.value.refused
    assert receiver.got == []


@pytest.mark.parametrize(
    ("service", "given", "field"),
    [
        ("WEBHOOK", {"webhookUrl": PRIVATE}, "webhookUrl"),
        ("WEBHOOK", {"webhookUrl": "http://localhost/"}, "webhookUrl"),
        ("WEB_PUSH", {"pushEndpoint": PRIVATE}, "pushEndpoint"),
        ("WEB_PUSH", {"pushSubscription": {"endpoint": PRIVATE}}, "pushSubscription"),
        ("SLACK", {"serviceConfig": {"webhook_url": PRIVATE}}, "serviceConfig"),
        ("WEBHOOK", {"webhookHeaders": {"Host": "x"}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookHeaders": {"X-A": 1}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookHeaders": {"X-A": " x"}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookHeaders": {"X-A": "x\n"}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookHeaders": {"X-A": "1", "x-a": "2"}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookHeaders": {"Content-Encoding": "gzip"}}, "webhookHeaders"),
        ("WEBHOOK", {"webhookUrl": "http://①②⑦.⓪.⓪.①/"}, "webhookUrl"),
        ("WEBHOOK", {"filterRules": {"quiet_hours": {"from": "22:00"}}}, "filterRules"),
        ("WEBHOOK", {"filterRules": {"quiet_hours": {"from": "22", "to": "x"}}}, "filterRules"),
        (
            "WEBHOOK",
            {"filterRules": {"quiet_hours": {"from": "22:00", "to": "07:00", "timezone": "../etc"}}},
            "filterRules",
        ),
        ("WEBHOOK", {"filterRules": {"summary": "yes"}}, "filterRules"),
    ],
)
async def test_what_leads_inside_is_not_saved(
    service: str, given: dict[str, object], field: str, settings: Settings, desk: Desk
) -> None:
    user = await desk.person()
    principal = Principal(user.id, user.username, False)
    async with open_database(settings.model_copy(update={"delivery_allowed": ""})) as strict:
        caller = Caller(strict)
        whole = {"notificationType": "TASK_COMPLETED", "serviceType": service, **given}
        refusal = await caller.refusal(principal, CREATE, input=whole)
        assert refusal == ("BAD_USER_INPUT", f"input.{field}")
        made = await desk.setting(user_id=user.id)
        before = await desk.one(f"SELECT * FROM notification_settings WHERE id = {made.id}")
        change = {"id": made.id, "patch": given}
        refusal = await caller.refusal(principal, UPDATE, input=change)
        assert refusal == ("BAD_USER_INPUT", f"input.patch.{field}")
    after = await desk.one(f"SELECT * FROM notification_settings WHERE id = {made.id}")
    assert after == before


async def test_a_sealed_configuration_is_tried_at_once(
    database: Database, desk: Desk, receiver: Receiver
) -> None:
    user = await desk.person()
    principal = Principal(user.id, user.username, False)
    client = Client(AllowedAddresses.of("127.0.0.0/8"), 2.0)
    caller = Caller(database, Vault.of(SECRET_KEY), Sender(client, Vapid.derived(SECRET_KEY, "")))
    config = {"webhook_url": receiver.url + "/services/T0/B0/kept-from-readers"}
    given = {"notificationType": "TASK_COMPLETED", "serviceType": "SLACK", "serviceConfig": config}
    made = await caller.data(principal, CREATE, input=given)
    key = {"id": made["createNotificationSetting"]["notificationSetting"]["id"]}

    tried = (await caller.data(principal, TRY, input=key))["testNotificationSetting"]
    await client.close()

    assert tried["delivered"], tried
    assert receiver.got[0].target == "/services/T0/B0/kept-from-readers"
    assert "kept-from-readers" not in str(await everything(database))


async def test_what_is_allowed_is_saved_and_tried_at_once(
    database: Database, desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Reply(418, b"short and stout")
    user = await desk.person(preferences={"language": "ja"})
    principal = Principal(user.id, user.username, False)
    client = Client(AllowedAddresses.of("127.0.0.0/8"), 2.0)
    sender = Sender(client, Vapid.derived(SECRET_KEY, "mailto:o@example.com"))
    caller = Caller(database, Vault.of(SECRET_KEY), sender)
    given = {
        "notificationType": "TASK_COMPLETED",
        "serviceType": "WEBHOOK",
        "webhookUrl": receiver.url,
        "webhookSecret": "one",
    }
    made = await caller.data(principal, CREATE, input=given)
    key = made["createNotificationSetting"]["notificationSetting"]["id"]
    tried = (await caller.data(principal, TRY, input={"id": key}))["testNotificationSetting"]
    assert tried.pop("durationMs") >= 0
    assert tried == {
        "delivered": False,
        "responseCode": 418,
        "responseBody": "short and stout",
        "errorMessage": "The receiver answered with status 418.",
    }
    assert receiver.got[0].json["data"]["title"] == "テスト通知"
    stranger = await desk.person()
    refused = await caller.refusal(Principal(stranger.id, stranger.username, False), TRY, input={"id": key})
    assert refused == ("NOT_FOUND", "input.id")
    assert len(receiver.got) == 1
    # A secret that is replaced signs on, beside the new one.
    await caller.data(principal, UPDATE, input={"id": key, "patch": {"webhookSecret": "two"}})
    await caller.data(principal, TRY, input={"id": key})
    assert len(receiver.got[1].header("webhook-signature").split()) == 2
    assert (await desk.one("SELECT count(*) FROM notification_history"))[0] == 0
    await client.close()
