"""Places of instances in the tree, for subscriptions to a subtree."""

from collections.abc import Collection
from uuid import UUID

from services.core.database import ReadConnection
from services.feed.topics import Ancestry

# UNION, not UNION ALL: a cycle that plain SQL has made ends here too.
_LINES = """
WITH RECURSIVE line AS (
  SELECT id AS origin, id, parent_instance_id FROM cc_instances WHERE id = ANY ($1::uuid[])
  UNION
  SELECT line.origin, above.id, above.parent_instance_id
  FROM line JOIN cc_instances above ON above.id = line.parent_instance_id
)
SELECT origin, array_agg(id) AS above FROM line GROUP BY origin
"""


async def ancestry_of(connection: ReadConnection, instances: Collection[UUID]) -> Ancestry:
    """Each instance with itself and all above it; one that is gone is alone with itself."""
    found = {row["origin"]: frozenset(row["above"]) for row in await connection.fetch(_LINES, instances)}
    return {instance: found.get(instance, frozenset([instance])) for instance in instances}
