WITH seen$1 AS MATERIALIZED (
SELECT sessions.session_id AS key FROM sessions WHERE (sessions.user_id = $1::int OR sessions.project_id IN (SELECT projects.id FROM projects WHERE (projects.owner_id = $1::int OR projects.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $1::int)))) OR sessions.session_id IN (SELECT shared.session_id FROM collaboration_sessions AS shared JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id WHERE part.user_id = $1::int AND part.state = 'joined' AND (shared.expires_at IS NULL OR shared.expires_at > now())))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT file_operation$1.file_path AS "filePath"
FROM (
SELECT file_operation$1.*
FROM (
WITH edge$1 AS MATERIALIZED (
SELECT coalesce((
SELECT file_operation$1.created_at
FROM file_operations AS file_operation$1
ORDER BY file_operation$1.created_at DESC
OFFSET 2000 LIMIT 1
), '-infinity') AS at
), near$1 AS MATERIALIZED (
SELECT file_operation$1.*
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE (file_operation$1.session_id = ANY(ARRAY(SELECT key FROM seen$1))) AND ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($2::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    ')))::text[])) AND file_operation$1.created_at >= (SELECT at FROM edge$1) AND file_operation$1.created_at <= 'infinity'
OFFSET 0
) AS file_operation$1
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
LIMIT 10
), edge$2 AS MATERIALIZED (
SELECT CASE WHEN at BETWEEN '1000-01-01' AND '9000-01-01' AND start BETWEEN '1000-01-01' AND '9000-01-01'
THEN at - 32 * least(start - at, interval '1 year') ELSE at END AS at
FROM (
SELECT at, (
SELECT file_operation$1.created_at
FROM file_operations AS file_operation$1
ORDER BY file_operation$1.created_at DESC
LIMIT 1
) AS start FROM edge$1
) AS edge$1
), near$2 AS MATERIALIZED (
SELECT file_operation$1.*
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE (file_operation$1.session_id = ANY(ARRAY(SELECT key FROM seen$1))) AND ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($2::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    ')))::text[])) AND file_operation$1.created_at < (SELECT at FROM edge$1) AND file_operation$1.created_at >= (SELECT at FROM edge$2) AND (SELECT count(*) FROM near$1) < 10
OFFSET 0
) AS file_operation$1
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
LIMIT 10
)
SELECT * FROM near$1
UNION ALL SELECT * FROM near$2
UNION ALL (
SELECT file_operation$1.*
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE (file_operation$1.session_id = ANY(ARRAY(SELECT key FROM seen$1))) AND ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($2::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($2::text, '/._-', '    ')))::text[])) AND (SELECT count(*) FROM near$1) + (SELECT count(*) FROM near$2) < 10
OFFSET 0
) AS file_operation$1
WHERE file_operation$1.created_at < (SELECT at FROM edge$2)
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
LIMIT 10
)
) AS file_operation$1
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
LIMIT 10
) AS file_operation$1
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
) AS item$1
) AS rows$1
) AS root$1
) AS "fileOperations"
-- $1: the viewer
-- $2: fileOperations.search
