"""Single creates beside those of PostGraphile 5."""

import statistics

from benchmarks import servers
from benchmarks.peers.requests import graphql
from benchmarks.write.bench import Bench, Finding, drive
from benchmarks.wrk import run as wrk

CREATE = """mutation Create($input: CreateTaskInput!) { createTask(input: $input) {
  task { id name status priority createdAt project { name status } } } }"""
CREATE_POSTGRAPHILE = """mutation Create($input: CreateTaskInput!) { createTask(input: $input) {
  task { rowId name status priority createdAt projectByProjectId { name status } } } }"""


async def creates(bench: Bench) -> Finding:
    """createTask with its project in the payload, beside PostGraphile's own mutation on the same table."""
    task = {"projectId": str(bench.fleet.project_id), "name": "One more", "priority": 5}
    ours = bench.ask(CREATE, {**task, "taskType": "DEVELOPMENT"})
    theirs = graphql(
        bench.theirs, CREATE_POSTGRAPHILE, {"input": {"task": {**task, "taskType": "development"}}}
    )
    for request in (ours, theirs):
        await drive([iter([request] * 20) for _ in range(servers.POOL_SIZE)], 10)
    rates, costs, peers = [], [], []
    for _ in range(bench.options.rounds):
        before = bench.spent()
        load = await wrk(ours.url, [ours.body], ours.headers, seconds=bench.options.seconds)
        costs.append(bench.spent().since(before, round(load.rate * bench.options.seconds)))
        rates.append(load.rate)
        load = await wrk(theirs.url, [theirs.body], theirs.headers, seconds=bench.options.seconds)
        peers.append(load.rate)
    rate, peer = statistics.median_low(rates), statistics.median_low(peers)
    return Finding(
        "createTask with payload",
        rate,
        costs[rates.index(rate)],
        "at least 2 times PostGraphile's",
        rate >= 2 * peer,
        "PostGraphile 5",
        peer,
    )
