SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$3 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$3), '[]'::json) AS item$3
FROM (
SELECT (WITH RECURSIVE tree AS (SELECT parent.id, parent.parent_instance_id, 1 AS level FROM cc_instances AS parent WHERE parent.id = cc_instance$1.parent_instance_id AND parent.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) UNION ALL SELECT parent.id, parent.parent_instance_id, tree.level + 1 FROM tree JOIN cc_instances AS parent ON parent.id = tree.parent_instance_id AND parent.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) WHERE tree.level < 100) SELECT count(*) FROM tree) AS "depth", cc_instance$3 AS "ancestors", cc_instance$6 AS "descendants"
FROM (
SELECT cc_instance$1.*
FROM cc_instances AS cc_instance$1
WHERE cc_instance$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY cc_instance$1.id
LIMIT 2
) AS cc_instance$1
LEFT JOIN LATERAL (
SELECT rows$2.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT cc_instance$2.name AS "name"
FROM (
SELECT cc_instance$2.*
FROM cc_instances AS cc_instance$2
WHERE cc_instance$2.id IN (WITH RECURSIVE tree AS (SELECT parent.id, parent.parent_instance_id, 1 AS level FROM cc_instances AS parent WHERE parent.id = cc_instance$1.parent_instance_id AND parent.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) UNION ALL SELECT parent.id, parent.parent_instance_id, tree.level + 1 FROM tree JOIN cc_instances AS parent ON parent.id = tree.parent_instance_id AND parent.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) WHERE tree.level < 100) SELECT tree.id FROM tree)
ORDER BY cc_instance$2.id
LIMIT 50
) AS cc_instance$2
ORDER BY cc_instance$2.id
) AS item$1
) AS rows$2
) AS cc_instance$3 ON true
LEFT JOIN LATERAL (
SELECT (SELECT count(*) FROM cc_instances AS cc_instance$5
WHERE cc_instance$5.id IN (WITH RECURSIVE tree AS (SELECT child.id, 1 AS level FROM cc_instances AS child WHERE child.parent_instance_id = cc_instance$1.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) UNION ALL SELECT child.id, tree.level + 1 FROM tree JOIN cc_instances AS child ON child.parent_instance_id = tree.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) WHERE tree.level < 2) SELECT tree.id FROM tree)) AS "totalCount", rows$3.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT cc_instance$4.name AS "name"
FROM (
SELECT cc_instance$4.*
FROM cc_instances AS cc_instance$4
WHERE cc_instance$4.id IN (WITH RECURSIVE tree AS (SELECT child.id, 1 AS level FROM cc_instances AS child WHERE child.parent_instance_id = cc_instance$1.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) UNION ALL SELECT child.id, tree.level + 1 FROM tree JOIN cc_instances AS child ON child.parent_instance_id = tree.id AND child.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) WHERE tree.level < 2) SELECT tree.id FROM tree)
ORDER BY cc_instance$4.id
LIMIT 50
) AS cc_instance$4
ORDER BY cc_instance$4.id
) AS item$2
) AS rows$3
) AS cc_instance$6 ON true
ORDER BY cc_instance$1.id
) AS item$3
) AS rows$1
) AS root$1
) AS "ccInstances"
-- $1: the viewer
