WITH seen$1 AS MATERIALIZED (
SELECT cc_instances.id AS key FROM cc_instances WHERE cc_instances.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
), seen$2 AS MATERIALIZED (
SELECT tasks.id AS key FROM tasks WHERE tasks.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT (SELECT coalesce(json_agg(item$1), '[]'::json)
FROM (
SELECT key$1 AS "key", groups$1.count$1 AS "count"
FROM (
SELECT cc_log$1.log_level AS part$1, date_trunc('hour', cc_log$1.created_at, 'UTC') AS part$2, count(*) AS count$1
FROM cc_logs AS cc_log$1
WHERE ((cc_log$1.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (cc_log$1.task_id IN (SELECT key FROM seen$2)) IS TRUE)
GROUP BY 1, 2
ORDER BY 1, 2
LIMIT 100
) AS groups$1
CROSS JOIN LATERAL (SELECT upper(groups$1.part$1 COLLATE "C") AS "logLevel", groups$1.part$2 AS "createdAtHour") AS key$1
ORDER BY groups$1.part$1, groups$1.part$2
) AS item$1) AS "groups"
) AS root$1
) AS "ccLogs"
-- $1: the viewer
