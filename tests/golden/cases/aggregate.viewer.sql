SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT aggregate$1 AS "aggregate"
FROM LATERAL (
SELECT figures$1.count$1 AS "count", avg$1 AS "avg", max$1 AS "max"
FROM (
SELECT count(*) AS count$1, avg(task$1.actual_duration_minutes) AS figure$1, max(task$1.completed_at) AS figure$2
FROM tasks AS task$1
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) AND task$1.status = 'COMPLETED'::text
) AS figures$1
CROSS JOIN LATERAL (SELECT figures$1.figure$1::double precision AS "actualDurationMinutes") AS avg$1
CROSS JOIN LATERAL (SELECT figures$1.figure$2 AS "completedAt") AS max$1
) AS aggregate$1
) AS root$1
) AS "tasks"
-- $1: the viewer
