"""The shapes of reading that are measured: for each server the request, and for the floor the SQL by hand.

Each shape has variables that are drawn from the data (benchmarks/draws.py), so that requests differ.
Aliases make all servers answer in the same form, so their answers can be compared before they are timed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """One request, again and again with other variables.

    `draw` names the variables. `floor` takes them as texts in their order and gives the JSON of `data`. A
    `deep` page begins after row `DEPTH` or later, which each server is told by a cursor of its own making.
    """

    name: str
    title: str
    ccgraph: str
    postgraphile: str
    strawberry: str
    floor: str
    draw: str
    deep: bool = False


_TASK = "id name status priority createdAt"
_RELATIONS = "project { id name isPublic } assignedTo { id name status }"
_LIST_SQL = """
SELECT json_build_object('tasks', json_build_object('nodes', coalesce(json_agg(node), '[]')))::text
FROM (
  SELECT t.id, t.name, t.status, t.priority, t.created_at AS "createdAt", project, assigned AS "assignedTo"
  FROM (SELECT * FROM tasks WHERE id > $1::text::uuid ORDER BY id LIMIT {limit}) t
  LEFT JOIN LATERAL (
    SELECT p.id, p.name, p.is_public AS "isPublic" FROM projects p WHERE p.project_id = t.project_id
  ) project ON true
  LEFT JOIN LATERAL (
    SELECT i.id, i.name, i.status FROM cc_instances i WHERE i.id = t.assigned_to
  ) assigned ON true
  ORDER BY t.id
) node
"""


def _list(name: str, size: int) -> Shape:
    return Shape(
        name=name,
        title=f"{size} rows with two to-one relations",
        ccgraph=f"""query List($from: UUID!) {{
          tasks(first: {size}, orderBy: [{{id: ASC}}], where: {{id: {{gt: $from}}}}) {{
            nodes {{ {_TASK} {_RELATIONS} }} }} }}""",
        postgraphile=f"""query List($from: UUID!) {{
          tasks: allTasks(
            first: {size}, orderBy: [PRIMARY_KEY_ASC], filter: {{rowId: {{greaterThan: $from}}}}
          ) {{ nodes {{
            id: rowId name status priority createdAt
            project: projectByProjectId {{ id: rowId name isPublic }}
            assignedTo: ccInstanceByAssignedTo {{ id: rowId name status }} }} }} }}""",
        strawberry=f"""query List($from: UUID!) {{
          tasks(first: {size}, after: $from) {{ nodes {{ {_TASK} {_RELATIONS} }} }} }}""",
        floor=_LIST_SQL.format(limit=size),
        draw="tasks",
    )


ONE = Shape(
    name="one",
    title="one row by key with a relation",
    ccgraph=f"query One($id: UUID!) {{ task(by: {{id: $id}}) {{ {_TASK} project {{ id name }} }} }}",
    postgraphile="""query One($id: UUID!) { task: taskByRowId(rowId: $id) {
      id: rowId name status priority createdAt project: projectByProjectId { id: rowId name } } }""",
    strawberry=f"query One($id: UUID!) {{ task(id: $id) {{ {_TASK} project {{ id name }} }} }}",
    floor="""
SELECT json_build_object('task', (
  SELECT row_to_json(node) FROM (
    SELECT t.id, t.name, t.status, t.priority, t.created_at AS "createdAt", project
    FROM tasks t
    LEFT JOIN LATERAL (
      SELECT p.id, p.name FROM projects p WHERE p.project_id = t.project_id
    ) project ON true
    WHERE t.id = $1::text::uuid
  ) node
))::text
""",
    draw="task",
)

CHILDREN = Shape(
    name="children",
    title="20 parents with 10 children each",
    ccgraph="""query Children($from: Int!) {
      projects(first: 20, orderBy: [{id: ASC}], where: {id: {gt: $from}}) { nodes { id name isPublic
      tasks(first: 10, orderBy: [{id: ASC}]) { nodes { id name status priority } } } } }""",
    postgraphile="""query Children($from: Int!) { projects: allProjects(
      first: 20, orderBy: [PRIMARY_KEY_ASC], filter: {rowId: {greaterThan: $from}}
    ) { nodes {
      id: rowId name isPublic
      tasks: tasksByProjectId(first: 10, orderBy: [PRIMARY_KEY_ASC]) {
        nodes { id: rowId name status priority } } } } }""",
    strawberry="""query Children($from: Int!) { projects(first: 20, after: $from) { nodes { id name isPublic
      tasks(first: 10) { nodes { id name status priority } } } } }""",
    floor="""
SELECT json_build_object('projects', json_build_object('nodes', coalesce(json_agg(node), '[]')))::text
FROM (
  SELECT p.id, p.name, p.is_public AS "isPublic", tasks
  FROM (SELECT * FROM projects WHERE id > $1::text::int ORDER BY id LIMIT 20) p
  LEFT JOIN LATERAL (
    SELECT coalesce(json_agg(task), '[]') AS nodes FROM (
      SELECT t.id, t.name, t.status, t.priority FROM tasks t
      WHERE t.project_id = p.project_id ORDER BY t.id LIMIT 10
    ) task
  ) tasks ON true
  ORDER BY p.id
) node
""",
    draw="projects",
)

FOUR_LEVELS = Shape(
    name="four-levels",
    title="four levels: 5 projects, 5 instances, 3 tasks, 3 messages",
    ccgraph="""query Levels($from: Int!) {
      projects(first: 5, orderBy: [{id: ASC}], where: {id: {gt: $from}}) { nodes { id name
      ccInstances(first: 5, orderBy: [{id: ASC}]) { nodes { id name status
        assignedTasks(first: 3, orderBy: [{id: ASC}]) { nodes { id name status
          ultrathinkMessages(first: 3, orderBy: [{id: ASC}]) {
            nodes { id instructionContent sentAt } } } } } } } } }""",
    postgraphile="""query Levels($from: Int!) { projects: allProjects(
      first: 5, orderBy: [PRIMARY_KEY_ASC], filter: {rowId: {greaterThan: $from}}
    ) { nodes { id: rowId name
      ccInstances: ccInstancesByProjectId(first: 5, orderBy: [PRIMARY_KEY_ASC]) { nodes {
        id: rowId name status
        assignedTasks: tasksByAssignedTo(first: 3, orderBy: [PRIMARY_KEY_ASC]) { nodes { id: rowId name status
          ultrathinkMessages: ultrathinkMessagesByTaskId(
            first: 3, orderBy: [PRIMARY_KEY_ASC]
          ) {
            nodes { id: rowId instructionContent sentAt } } } } } } } } }""",
    strawberry="""query Levels($from: Int!) { projects(first: 5, after: $from) { nodes { id name
      ccInstances(first: 5) { nodes { id name status
        assignedTasks(first: 3) { nodes { id name status
          ultrathinkMessages(first: 3) { nodes { id instructionContent sentAt } } } } } } } } }""",
    floor="""
SELECT json_build_object('projects', json_build_object('nodes', coalesce(json_agg(node), '[]')))::text
FROM (
  SELECT p.id, p.name, instances AS "ccInstances"
  FROM (SELECT * FROM projects WHERE id > $1::text::int ORDER BY id LIMIT 5) p
  LEFT JOIN LATERAL (
    SELECT coalesce(json_agg(instance), '[]') AS nodes FROM (
      SELECT i.id, i.name, i.status, tasks AS "assignedTasks"
      FROM (SELECT * FROM cc_instances WHERE project_id = p.project_id ORDER BY id LIMIT 5) i
      LEFT JOIN LATERAL (
        SELECT coalesce(json_agg(task), '[]') AS nodes FROM (
          SELECT t.id, t.name, t.status, told AS "ultrathinkMessages"
          FROM (SELECT * FROM tasks WHERE assigned_to = i.id ORDER BY id LIMIT 3) t
          LEFT JOIN LATERAL (
            SELECT coalesce(json_agg(message), '[]') AS nodes FROM (
              SELECT m.id, m.instruction_content AS "instructionContent", m.sent_at AS "sentAt"
              FROM ultrathink_messages m WHERE m.task_id = t.id ORDER BY m.id LIMIT 3
            ) message
          ) told ON true
          ORDER BY t.id
        ) task
      ) tasks ON true
      ORDER BY i.id
    ) instance
  ) instances ON true
  ORDER BY p.id
) node
""",
    draw="projects",
)

FILTERED = Shape(
    name="filtered",
    title="20 filtered rows with the total count",
    ccgraph="""query Filtered($priority: Int!, $since: DateTime!) {
      tasks(first: 20, orderBy: [{id: ASC}], where: {
        status: {eq: COMPLETED}, priority: {eq: $priority}, createdAt: {gte: $since}
      }) {
        totalCount nodes { id name priority createdAt } } }""",
    postgraphile="""query Filtered($priority: Int!, $since: Datetime!) {
      tasks: allTasks(first: 20, orderBy: [PRIMARY_KEY_ASC], filter: {
        status: {equalTo: "COMPLETED"}, priority: {equalTo: $priority}
        createdAt: {greaterThanOrEqualTo: $since}
      }) { totalCount nodes { id: rowId name priority createdAt } } }""",
    strawberry="""query Filtered($priority: Int!, $since: DateTime!) {
      tasks(first: 20, status: "COMPLETED", priority: $priority, since: $since) {
        totalCount nodes { id name priority createdAt } } }""",
    floor="""
SELECT json_build_object('tasks', json_build_object(
  'totalCount', (
    SELECT count(*) FROM tasks
    WHERE status = 'COMPLETED' AND priority = $1::text::int AND created_at >= $2::text::timestamptz
  ),
  'nodes', (SELECT coalesce(json_agg(node), '[]') FROM (
    SELECT id, name, priority, created_at AS "createdAt" FROM tasks
    WHERE status = 'COMPLETED' AND priority = $1::text::int AND created_at >= $2::text::timestamptz
    ORDER BY id LIMIT 20
  ) node)
))::text
""",
    draw="priority-since",
)

GROUPS = Shape(
    name="groups",
    title="10,000 tasks grouped by status",
    ccgraph="""query Groups($since: DateTime!) { tasks(where: {createdAt: {gte: $since}}) {
      groups(by: [STATUS]) { key { status } max { priority actualDurationMinutes } } } }""",
    postgraphile="""query Groups($since: Datetime!) {
      tasks: allTasks(filter: {createdAt: {greaterThanOrEqualTo: $since}}) {
      groups: groupedAggregates(groupBy: [STATUS]) {
      key: keys max { priority actualDurationMinutes } } } }""",
    strawberry="""query Groups($since: DateTime!) { tasks(since: $since) {
      groups { key { status } max { priority actualDurationMinutes } } } }""",
    floor="""
SELECT json_build_object('tasks', json_build_object('groups', json_agg(node)))::text
FROM (
  SELECT json_build_object('status', status) AS key,
    json_build_object(
      'priority', max(priority), 'actualDurationMinutes', max(actual_duration_minutes)
    ) AS max
  FROM tasks WHERE created_at >= $1::text::timestamptz GROUP BY status ORDER BY status
) node
""",
    draw="since",
)


def _page(name: str, title: str, *, deep: bool) -> Shape:
    """A page of messages by time: of those since some time, or after some row."""
    if deep:
        head = {
            "ccgraph": "$after: String!",
            "postgraphile": "$after: Cursor!",
            "strawberry": "$after: String!",
        }
        used = dict.fromkeys(head, "after: $after")
    else:
        head = {
            "ccgraph": "$since: DateTime!",
            "postgraphile": "$since: Datetime!",
            "strawberry": "$since: DateTime!",
        }
        used = {
            "ccgraph": "where: {createdAt: {gte: $since}}",
            "postgraphile": "filter: {createdAt: {greaterThanOrEqualTo: $since}}",
            "strawberry": "since: $since",
        }
    condition = (
        "(created_at, id) > ($1::text::timestamptz, $2::text::uuid)"
        if deep
        else "created_at >= $1::text::timestamptz"
    )
    return Shape(
        name=name,
        title=title,
        ccgraph=f"""query Page({head["ccgraph"]}) {{
          mcpMessages(first: 50, orderBy: [{{createdAt: ASC}}], {used["ccgraph"]}) {{
          nodes {{ id method createdAt }} pageInfo {{ hasNextPage }} }} }}""",
        postgraphile=f"""query Page({head["postgraphile"]}) {{
          mcpMessages: allMcpMessages(first: 50, orderBy: [CREATED_AT_ASC], {used["postgraphile"]}) {{
          nodes {{ id: rowId method createdAt }} pageInfo {{ hasNextPage }} }} }}""",
        strawberry=f"""query Page({head["strawberry"]}) {{ mcpMessages(first: 50, {used["strawberry"]}) {{
          nodes {{ id method createdAt }} pageInfo {{ hasNextPage }} }} }}""",
        floor=f"""
SELECT json_build_object('mcpMessages', json_build_object(
  'nodes', coalesce(json_agg(node) FILTER (WHERE place <= 50), '[]'),
  'pageInfo', json_build_object('hasNextPage', count(*) > 50)
))::text
FROM (
  SELECT node, row_number() OVER () AS place FROM (
    SELECT id, method, created_at AS "createdAt" FROM mcp_messages
    WHERE {condition} ORDER BY created_at, id LIMIT 51
  ) node
) found
""",
        draw="messages-after" if deep else "messages-since",
        deep=deep,
    )


DEPTH = 100_000
FIRST_PAGE = _page("first-page", "the first page of 50", deep=False)
DEEP_PAGE = _page("deep-page", f"a page of 50 after {DEPTH:,} rows", deep=True)

SHAPES = (
    ONE,
    _list("list-20", 20),
    _list("list-100", 100),
    CHILDREN,
    FOUR_LEVELS,
    FILTERED,
    GROUPS,
    FIRST_PAGE,
    DEEP_PAGE,
)
