"""Each tool does what its use case does, as the caller, and answers as it says."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from tests.support.agents import NONE_READY, Agent, Person

PLAN: list[dict[str, Any]] = [
    {"label": "a", "name": "Design", "taskType": "DESIGN", "priority": 8},
    {"label": "b", "name": "Build", "taskType": "DEVELOPMENT", "dependsOn": ["a"]},
    {"label": "c", "name": "Try", "taskType": "TESTING", "dependsOn": ["b"]},
]


async def test_a_plan_is_worked_through(lead: Agent) -> None:
    added = await lead.call("add_tasks", tasks=PLAN, idempotencyKey="plan")
    design, build, _ = (task["id"] for task in added["tasks"])
    seen = await lead.call("get_available_tasks")
    assert [task["name"] for task in seen["ready"]] == ["Design"]
    assert {task["name"]: task["why"] for task in seen["blocked"]} == {
        "Build": "it waits for Design is PENDING",
        "Try": "it waits for Build is PENDING",
    }

    claimed = (await lead.call("claim_next_task", leaseSeconds=60))["task"]
    assert claimed["id"] == design
    assert claimed["status"] == "RUNNING"
    none = await lead.call("claim_next_task")
    assert "task" not in none
    assert [held["id"] for held in none["alsoHeld"]] == [design]
    reported = await lead.call("report_progress", taskId=design, message="Half of it", data={"percent": 50})
    assert reported["task"]["leaseExpiresAt"] > claimed["leaseExpiresAt"]
    done = await lead.call("complete_task", taskId=design, outputData={"drawing": "a.svg"})
    assert done["task"]["outputData"] == {"drawing": "a.svg"}
    again = await lead.call("complete_task", taskId=design, outputData={"drawing": "a.svg"})
    assert again == done
    for tool in ("complete_task", "update_task_status"):
        given = {"status": "COMPLETED"} if tool == "update_task_status" else {}
        other = await lead.call(tool, taskId=design, outputData={"drawing": "b.svg"}, **given)
        assert other == {**done, "hint": "The task had ended so before: what the first call said counts."}

    assert (await lead.call("claim_next_task"))["task"]["id"] == build
    assert (await lead.call("release_task", taskId=build))["task"]["status"] == "QUEUED"
    running = await lead.call("update_task_status", taskId=build, status="RUNNING")
    assert running["task"]["assignedToId"] == str(lead.instance)
    failed = await lead.call("fail_task", taskId=build, message="No compiler")
    assert failed["task"]["status"] == "FAILED"
    assert await lead.call("fail_task", taskId=build) == failed
    assert "first call" in (await lead.call("fail_task", taskId=build, message="No linker"))["hint"]
    requeued = await lead.call("update_task_status", taskId=build, status="queued")
    assert requeued["task"]["status"] == "QUEUED"


async def test_a_plan_with_the_same_key_is_stored_once(lead: Agent) -> None:
    first = await lead.call("add_tasks", tasks=PLAN, idempotencyKey="plan")
    second = await lead.call("add_tasks", tasks=PLAN, idempotencyKey="plan")
    assert second == first
    assert (await lead.call("fleet_status"))["tasks"] == {"PENDING": 3}
    other = [{**PLAN[0], "name": "Something else"}, *PLAN[1:]]
    assert "CONFLICT" in await lead.refusal("add_tasks", tasks=other, idempotencyKey="plan")


async def test_a_circle_is_named_and_nothing_is_stored(lead: Agent) -> None:
    circle = [{**PLAN[0], "dependsOn": ["c"]}, *PLAN[1:]]
    assert "Design -> " in await lead.refusal("add_tasks", tasks=circle)
    assert (await lead.call("fleet_status"))["tasks"] == {}


async def test_a_dependency_is_there_once_however_often_it_is_added(lead: Agent) -> None:
    added = await lead.call("add_tasks", tasks=[{**task, "dependsOn": []} for task in PLAN])
    first, second, _ = (task["id"] for task in added["tasks"])
    for _ in range(2):
        await lead.call("add_dependency", taskId=second, dependsOn=first)
    text = await lead.refusal("add_dependency", taskId=first, dependsOn=second)
    assert text == "CONFLICT: This would close a circle: Design -> Build -> Design. (dependsOn)"
    assert "itself" in await lead.refusal("add_dependency", taskId=first, dependsOn=first)


async def test_a_child_is_made_once_and_works_as_itself(lead: Agent) -> None:
    wanted = {
        "name": "Worker",
        "task": {"name": "Build", "taskType": "DEVELOPMENT"},
        "worktree": {"worktreeName": "w", "worktreePath": "/w", "baseBranch": "main"},
        "instruction": "ultrathink: build it",
        "idempotencyKey": "worker-1",
    }
    made = await lead.call("create_child_cc", **wanted)
    assert f"`ccgraph mcp --instance {made['instance']['id']}`" in made["hint"]
    child = Agent(lead.client, lead.url, lead.token, lead.revision, UUID(made["instance"]["id"]))
    assert (await child.call("join_project"))["instance"]["status"] == "RUNNING"
    again = await lead.call("create_child_cc", **wanted)
    assert again == {**made, "instance": again["instance"]}
    assert again["instance"]["id"] == made["instance"]["id"]
    assert "CONFLICT" in await lead.refusal("create_child_cc", **{**wanted, "name": "Another"})

    [message] = (await child.call("get_instructions"))["messages"]
    assert message["id"] == made["messageId"]
    answered = await child.call("answer_instruction", messageId=message["id"], response="Built")
    assert answered["message"]["status"] == "COMPLETED"
    assert answered["message"]["acknowledgedAt"]
    assert await child.call("answer_instruction", messageId=message["id"]) == answered
    assert await child.call("answer_instruction", messageId=message["id"], response="Built") == answered
    other = await child.call("answer_instruction", messageId=message["id"], response="Not yet")
    assert other == {**answered, "hint": "The instruction had come so far before: the first response counts."}
    assert (await child.call("get_instructions"))["count"] == 0
    [sent] = (await lead.call("get_instructions", which="sent"))["messages"]
    assert sent["responseContent"] == "Built"
    assert (await child.call("claim_next_task"))["task"]["id"] == made["taskId"]


async def test_an_instruction_with_the_same_key_is_sent_once(lead: Agent) -> None:
    child = (await lead.call("create_child_cc", name="Worker"))["instance"]["id"]
    given = {"childInstanceId": child, "instruction": "Say how far you are", "type": "PROGRESS_REQUEST"}
    first = await lead.call("send_instruction", **given, idempotencyKey="1")
    assert await lead.call("send_instruction", **given, idempotencyKey="1") == first
    assert (await lead.call("get_instructions", which="sent"))["count"] == 1
    another = (await lead.call("create_child_cc", name="Another"))["instance"]["id"]
    for other in ({"childInstanceId": another}, {"instruction": "Stop"}):
        text = await lead.refusal("send_instruction", **{**given, **other}, idempotencyKey="1")
        assert text.startswith("CONFLICT: ")
        assert text.endswith("(idempotencyKey)")
    assert (await lead.call("get_instructions", which="sent"))["count"] == 1


async def test_the_fleet_says_who_does_what(lead: Agent) -> None:
    await lead.call("add_tasks", tasks=PLAN)
    await lead.call("claim_next_task")
    for number in range(22):
        await lead.call("create_child_cc", name=f"Worker {number}")
    first = await lead.call("fleet_status")
    assert first["count"] == 23
    assert len(first["instances"]) == 20
    assert first["instances"][0]["worksOn"][0]["name"] == "Design"
    rest = await lead.call("fleet_status", after=first["next"])
    assert len(rest["instances"]) == 3
    assert "next" not in rest
    assert first["tasks"] == {"PENDING": 2, "RUNNING": 1}


async def test_rows_that_do_not_fit_are_on_the_next_page(lead: Agent, settings: Settings) -> None:
    async with open_database(settings) as database, database.transaction() as connection:
        await connection.exec_driver_sql(
            "WITH made AS (INSERT INTO cc_instances (project_id, name, type, status, parent_instance_id)"
            " SELECT project_id, repeat('名', 70) || n, 'CHILD', 'RUNNING', id"
            " FROM cc_instances, generate_series(1, 24) n"
            " RETURNING id, project_id, name, parent_instance_id),"
            " told AS (INSERT INTO ultrathink_messages (parent_instance_id, child_instance_id,"
            " instruction_type, instruction_content, status, response_content, acknowledged_at, completed_at)"
            " SELECT parent_instance_id, id, 'progress_request', repeat('\"指示\"', 500), 'completed',"
            " repeat('\"答え\"', 500), now(), now() FROM made)"
            " INSERT INTO tasks"
            " (project_id, name, task_type, status, assigned_to, started_at, lease_expires_at)"
            " SELECT project_id, repeat('仕事', 50) || name, 'testing', 'RUNNING', id, now(),"
            " now() + interval '1 h'"
            " FROM made, generate_series(1, 2)"
        )
    for tool, rows, given in (
        ("fleet_status", "instances", {}),
        ("get_instructions", "messages", {"which": "sent"}),
    ):
        met: list[str] = []
        after: dict[str, Any] = {}
        for _ in range(25):
            page = await lead.call(tool, **given, **after)
            met += [row["id"] for row in page[rows]]
            if "next" not in page:
                break
            after = {"after": page["next"]}
        assert len(met) == len({*met}) == page["count"] >= 24


async def test_lists_are_cut_and_go_on(lead: Agent) -> None:
    plan = [{"name": f"Task {number:02}", "taskType": "TESTING"} for number in range(45)]
    added = await lead.call("add_tasks", tasks=plan)
    assert (added["count"], len(added["tasks"]), added["more"]) == (45, 20, 25)
    names: list[str] = []
    after = None
    for _ in range(3):
        page = await lead.call("get_available_tasks", **({"after": after} if after else {}))
        names += [task["name"] for task in page["ready"]]
        after = page.get("next")
    assert sorted(names) == [task["name"] for task in plan]
    assert after is None


async def test_a_plan_is_bounded(lead: Agent) -> None:
    plan: list[dict[str, Any]] = [{"label": str(n), "name": "x", "taskType": "DESIGN"} for n in range(101)]
    assert "(tasks)" in await lead.refusal("add_tasks", tasks=plan)
    many = [{**task, "dependsOn": [str(n) for n in range(place)]} for place, task in enumerate(plan[:60])]
    assert "1,000 dependencies" in await lead.refusal("add_tasks", tasks=many)
    assert "(waitSeconds)" in await lead.refusal("claim_next_task", waitSeconds=51)


@pytest.mark.parametrize(
    "number",
    [
        *("18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"),
        *("12345678901234567890.5", "1.0000000000000000000001"),
    ],
)
async def test_a_number_that_would_be_rounded_is_refused_by_its_place(lead: Agent, number: str) -> None:
    async def sent(text: str) -> str:
        params = {"name": "add_tasks", "arguments": {"tasks": [{**PLAN[0], "inputData": {"a": [1, "@"]}}]}}
        body = json.dumps(lead.message("tools/call", params)).replace('"@"', text)
        headers = {**lead.headers("tools/call", params), "content-type": "application/json"}
        return (await lead.client.post(lead.url, content=body, headers=headers)).text

    assert "would be rounded: give it as a text. (tasks.0.inputData.a.1)" in await sent(number)
    assert (await lead.call("fleet_status"))["tasks"] == {}
    for kept in ("9007199254740993", "18446744073709551615", f'"{number}"'):
        assert '"count":1' in (await sent(kept)).replace(" ", "")
    found = await lead.call("query", query="{ tasks(first: 9) { nodes { inputData } } }")
    stored = [node["inputData"]["a"][1] for node in found["data"]["tasks"]["nodes"]]
    assert sorted(map(str, stored)) == sorted(["9007199254740993", "18446744073709551615", number])


@pytest.mark.parametrize("given", [True, "60", 1.5, None, [60]])
async def test_a_whole_number_is_given_as_one(lead: Agent, given: object) -> None:
    await lead.call("add_tasks", tasks=[PLAN[0]])
    assert "(leaseSeconds)" in await lead.refusal("claim_next_task", leaseSeconds=given)
    plan = [{**PLAN[0], "priority": given or "5"}]
    assert "(tasks.0.priority)" in await lead.refusal("add_tasks", tasks=plan)
    assert (await lead.call("fleet_status"))["tasks"] == {"PENDING": 1}
    assert (await lead.call("claim_next_task", leaseSeconds=60.0))["task"]["status"] == "RUNNING"


async def test_a_long_task_is_cut_and_whole_as_a_resource(lead: Agent) -> None:
    instruction = "読む。" * 10_000
    data = {"rows": ["x" * 100] * 200}
    plan = [{"name": "Long", "taskType": "DESIGN", "instruction": instruction, "inputData": data}]
    await lead.call("add_tasks", tasks=plan)
    claimed = (await lead.call("claim_next_task"))["task"]
    assert claimed["instruction"].startswith("読む。読む。")
    assert claimed["instruction"].endswith("(cut: the resource has all)")
    [content] = (await lead.ask("resources/read", uri=f"ccgraph://tasks/{claimed['id']}"))["contents"]
    assert instruction in content["text"]


async def test_a_query_is_run_and_nothing_else(lead: Agent, person: Person) -> None:
    answer = await lead.call(
        "query", query="query Q($n: Int!) { projects(first: $n) { nodes { name } } }", variables={"n": 2}
    )
    assert answer == {"data": {"projects": {"nodes": [{"name": "lead's project"}]}}}
    mutation = "mutation { logout { ok: __typename } }"
    assert "runs queries" in await lead.refusal("query", query=mutation)
    assert "runs queries" in await lead.refusal(
        "query", query="subscription { live { projects { totalCount } } }"
    )
    assert "(query)" in await lead.refusal("query", query="{ nothing }")
    assert "select fewer" in await lead.refusal("query", query="{ __schema { types { name description } } }")


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        (
            "claim_next_task",
            {"taskTypes": ["COOKING"]},
            "DEVELOPMENT, DESIGN, TESTING, DOCUMENTATION. (taskTypes.0)",
        ),
        ("claim_next_task", {"lease": 5}, "it has instance, taskTypes, leaseSeconds, waitSeconds. (lease)"),
        ("claim_next_task", {"waitSeconds": -1}, "BAD_USER_INPUT: Give 0 or more. (waitSeconds)"),
        ("claim_next_task", {"waitSeconds": 51}, "BAD_USER_INPUT: Give 50 or less. (waitSeconds)"),
        ("claim_next_task", {"taskTypes": ["DESIGN"] * 5}, "Give 4 of them at most"),
        ("add_tasks", {"tasks": []}, "Give 1 or more of them. (tasks)"),
        (
            "add_tasks",
            {"tasks": [{"name": "", "taskType": "DESIGN"}]},
            "1 or more characters. (tasks.0.name)",
        ),
        ("add_tasks", {"tasks": [{"name": "x", "taskType": "DESIGN", "by": 1}]}, "schema of the tool"),
        ("complete_task", {}, "This must be given. (taskId)"),
        ("complete_task", {"taskId": "5"}, "This is a key that another answer gave: a UUID such as"),
        ("complete_task", {"taskId": str(uuid4())}, "`get_available_tasks` shows those there are. (taskId)"),
        ("claim_next_task", {"instance": str(uuid4())}, "`join_project` registers it. (instance)"),
        ("add_tasks", {"tasks": [{"name": " \n", "taskType": "DESIGN"}]}, "not blanks alone. (tasks.0.name)"),
        ("join_project", {"name": "  "}, "not blanks alone. (name)"),
        ("add_tasks", {"tasks": [{"name": "\x00", "taskType": "DESIGN"}]}, "(tasks.0.name)"),
        (
            "add_tasks",
            {"tasks": [{"name": "x", "taskType": "DESIGN", "dependsOn": ["y"]}]},
            "neither a label",
        ),
        ("join_project", {"project": "No such project"}, "resources/list"),
        ("get_available_tasks", {"after": "nonsense"}, "(after)"),
        ("fleet_status", {"after": "nonsense"}, "CURSOR_INVALID: "),
        ("query", {"query": "{ me { id } }", "variables": "{}"}, "This is an object. (variables)"),
        ("log", {"message": "m", "data": {"a": "\x00"}}, "(data)"),
        ("log", {"message": "m", "instance": str(uuid4())}, "`join_project` registers it. (instance)"),
    ],
)
async def test_what_is_wrong_is_a_sentence_in_the_result(
    lead: Agent, tool: str, arguments: dict[str, Any], told: str
) -> None:
    assert told in await lead.refusal(tool, **arguments)


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        (
            "tools/call",
            {"name": "clam_next_task"},
            "There is no tool 'clam_next_task'; did you mean claim_next_task?",
        ),
        ("tools/call", {"name": "xyz"}, "There is no tool 'xyz'; tools/list shows them."),
        ("tools/call", {}, "`params.name` is the name of a tool, which tools/list shows, a text."),
        ("prompts/get", {}, "`params.name` is the name of a prompt"),
        ("resources/read", {}, "`params.uri`"),
    ],
)
async def test_what_is_asked_for_is_named_where_it_is_missing(
    lead: Agent, method: str, params: dict[str, Any], told: str
) -> None:
    error = await lead.error(method, **params)
    assert error["code"] == -32602
    assert told in error["message"]


async def test_a_revision_that_is_not_spoken_is_told_which_are(lead: Agent) -> None:
    headers = lead.headers("tools/list", {}) | {"mcp-protocol-version": "2031-01-01"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    response = await lead.client.post(lead.url, json=message, headers=headers)
    assert response.status_code == 400
    assert "2025-11-25, 2026-07-28." in response.json()["error"]["message"]


async def test_an_instance_of_another_project_is_told_what_to_do(lead: Agent, settings: Settings) -> None:
    async with open_database(settings) as database, database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO projects (name, owner_id) SELECT 'second', owner_id FROM projects LIMIT 1"
        )
    text = await lead.refusal("join_project", project="second")
    assert "leave the project out" in text
    assert text.endswith("(project)")


async def test_who_does_not_hold_a_task_is_told_what_to_do(lead: Agent) -> None:
    [task] = (await lead.call("add_tasks", tasks=PLAN[:1]))["tasks"]
    text = await lead.refusal("complete_task", taskId=task["id"])
    assert text.startswith("CONFLICT: This instance does not hold the task")
    assert text.endswith("(instance)")


async def test_what_another_person_has_is_not_there(lead: Agent, other: Agent) -> None:
    [task] = (await lead.call("add_tasks", tasks=PLAN[:1]))["tasks"]
    assert "NOT_FOUND" in await other.refusal("update_task_status", taskId=task["id"], status="RUNNING")
    assert "NOT_FOUND" in await other.refusal("claim_next_task", instance=lead.instance)
    assert "NOT_FOUND" in await other.refusal("create_child_cc", name="x", instance=lead.instance)
    error = await other.error("resources/read", uri=f"ccgraph://tasks/{task['id']}")
    assert error["code"] == -32602


async def test_without_an_instance_one_is_asked_for(lead: Agent) -> None:
    nameless = Agent(lead.client, lead.url, lead.token, lead.revision)
    assert "join_project" in await nameless.refusal("claim_next_task")
    joined = await nameless.call("join_project", name="Another")
    assert joined["instance"]["type"] == "PARENT"
    assert (await nameless.call("claim_next_task", instance=joined["instance"]["id"])) == NONE_READY
