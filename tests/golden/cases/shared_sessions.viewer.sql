SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$2 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$2), '[]'::json) AS item$2
FROM (
SELECT session$1.name AS "name", file_operation$2 AS "fileOperations"
FROM (
SELECT session$1.*
FROM sessions AS session$1
WHERE (session$1.user_id = $1::int OR session$1.project_id IN (SELECT projects.id FROM projects WHERE (projects.owner_id = $1::int OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int))))) OR session$1.session_id IN (SELECT shared.session_id FROM collaboration_sessions AS shared JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id WHERE part.user_id = $1::int AND part.state = 'joined' AND (shared.expires_at IS NULL OR shared.expires_at > now())))
ORDER BY session$1.id
LIMIT 2
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
