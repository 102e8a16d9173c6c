"""All tools, in the order in which clients list them: first what every agent uses."""

from typing import Final

from app.mcp.tool import AnyTool
from app.mcp.tools import children, claims, fleet, instructions, planning, queries, reporting, tasks

TOOLS: Final[dict[str, AnyTool]] = {
    tool.name: tool
    for tool in (
        children.join_project,
        claims.claim_next_task,
        reporting.report_progress,
        claims.complete_task,
        claims.fail_task,
        claims.release_task,
        claims.renew_claim,
        tasks.get_available_tasks,
        tasks.update_task_status,
        planning.add_tasks,
        planning.add_dependency,
        children.create_child_cc,
        instructions.send_instruction,
        instructions.get_instructions,
        instructions.answer_instruction,
        reporting.log,
        fleet.fleet_status,
        queries.query,
    )
}
