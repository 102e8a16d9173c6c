SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT cc_instance$1.name AS "name", object$1 AS "subtreeUsage"
FROM (
SELECT cc_instance$1.*
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY cc_instance$1.id
LIMIT 2
) AS cc_instance$1
LEFT JOIN LATERAL (
SELECT figures$1.figure$1 AS "requests", figures$1.figure$2::text AS "inputTokens", figures$1.figure$3::text AS "estimatedCostMicroUsd", figures$1.figure$4 AS "lastRequestedAt"
FROM (
SELECT count(*) AS figure$1, coalesce(sum(cc_usage$1.input_tokens), 0) AS figure$2, coalesce(sum(cc_usage$1.cost_micro_usd) FILTER (WHERE cc_usage$1.cost_is_estimated), 0) AS figure$3, max(cc_usage$1.requested_at) AS figure$4
FROM (SELECT cc_instance$1.id UNION (WITH RECURSIVE tree AS (SELECT child.id, 1 AS level FROM cc_instances AS child WHERE child.parent_instance_id = cc_instance$1.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) UNION ALL SELECT child.id, tree.level + 1 FROM tree JOIN cc_instances AS child ON child.parent_instance_id = tree.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) WHERE tree.level < 100) SELECT tree.id FROM tree)) AS below$1
CROSS JOIN LATERAL (
SELECT cc_usage$1.* FROM cc_usage AS cc_usage$1 WHERE cc_usage$1.cc_instance_id = below$1.id AND (cc_usage$1.user_id = $1::int OR EXISTS (SELECT FROM projects WHERE projects.project_id = cc_usage$1.project_id AND (projects.owner_id = $1::int OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))) OFFSET 0
) AS cc_usage$1
) AS figures$1
) AS object$1 ON true
ORDER BY cc_instance$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "ccInstances"
-- $1: the viewer
