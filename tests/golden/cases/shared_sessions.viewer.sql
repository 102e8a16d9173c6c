WITH seen$1 AS MATERIALIZED (
SELECT $1::int AS key
), seen$2 AS MATERIALIZED (
SELECT projects.id AS key FROM projects WHERE (projects.owner_id = $1::int OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))
), seen$3 AS MATERIALIZED (
SELECT shared.session_id AS key FROM collaboration_sessions AS shared JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id WHERE part.user_id = $1::int AND part.state = 'joined' AND (shared.expires_at IS NULL OR shared.expires_at > now())
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT session$1.name AS "name", file_operation$2 AS "fileOperations"
FROM (
WITH few$1 AS MATERIALIZED (
SELECT count(*) <= 200 AS few FROM (SELECT FROM ((SELECT FROM (SELECT key FROM seen$1 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM sessions AS one WHERE one.user_id = led.key LIMIT 201) AS one) UNION ALL (SELECT FROM (SELECT key FROM seen$2 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM sessions AS one WHERE one.project_id = led.key LIMIT 201) AS one) UNION ALL (SELECT FROM (SELECT key FROM seen$3 OFFSET 0) AS led CROSS JOIN LATERAL (SELECT FROM sessions AS one WHERE one.session_id = led.key LIMIT 201) AS one)) AS one LIMIT 201) AS one
)
(SELECT session$1.*
FROM sessions AS session$1
WHERE NOT (SELECT few FROM few$1) AND ((session$1.user_id IN (SELECT key FROM seen$1)) IS TRUE OR (session$1.project_id IN (SELECT key FROM seen$2)) IS TRUE OR (session$1.session_id IN (SELECT key FROM seen$3)) IS TRUE)
ORDER BY session$1.id
LIMIT 2)
UNION ALL
(SELECT session$1.*
FROM (
SELECT session$1.*
FROM sessions AS session$1
WHERE (SELECT few FROM few$1) AND (session$1.user_id = ANY(ARRAY(SELECT key FROM seen$1)) OR session$1.project_id = ANY(ARRAY(SELECT key FROM seen$2)) OR session$1.session_id = ANY(ARRAY(SELECT key FROM seen$3)))
OFFSET 0
) AS session$1
ORDER BY session$1.id
LIMIT 2)
) AS session$1
LEFT JOIN LATERAL (
SELECT rows$2.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT file_operation$1.file_path AS "filePath"
FROM (
SELECT file_operation$1.*
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE file_operation$1.session_id = session$1.session_id
OFFSET 0
) AS file_operation$1
ORDER BY file_operation$1.id, file_operation$1.created_at
LIMIT 2
) AS file_operation$1
ORDER BY file_operation$1.id, file_operation$1.created_at
) AS item$1
) AS rows$2
) AS file_operation$2 ON true
ORDER BY session$1.id
) AS item$2
) AS rows$1
) AS root$1
) AS "sessions"
-- $1: the viewer
