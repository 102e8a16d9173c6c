"""What agents and the server say to each other is written down beside the calls."""

from uuid import uuid4

from app.mcp.recording import TrafficRecorder
from services.core.database import Database
from services.core.principal import Principal
from services.secrets.vault import Vault
from tests.support.factories import make_instance, make_project, make_user

SAID = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "join_project"}}


async def test_what_is_said_before_the_instance_is_there_is_recorded_with_it(database: Database) -> None:
    async with database.transaction() as connection:
        alice = await make_user(connection)
        project = await make_project(connection, owner_id=alice.id)
    recorder = TrafficRecorder(database, Vault.of("k" * 32))
    instance = uuid4()

    async def recorded() -> int:
        async with database.primary.acquire() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM mcp_messages"))

    recorder.note(Principal(alice.id, alice.username, is_admin=False), instance, "client", SAID)
    await recorder.write()
    assert await recorded() == 0
    assert recorder.waiting > 0

    async with database.transaction() as connection:
        await make_instance(connection, id=instance, project_id=project.project_id)
    await recorder.write()
    assert await recorded() == 1
    assert recorder.waiting == 0
