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
WHERE ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($1::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($1::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($1::text, '/._-', '    ')))::text[])) AND file_operation$1.created_at >= (SELECT at FROM edge$1) AND file_operation$1.created_at <= 'infinity'
OFFSET 0
) AS file_operation$1
ORDER BY file_operation$1.created_at DESC, file_operation$1.id DESC
LIMIT 10
)
SELECT * FROM near$1
UNION ALL (
SELECT file_operation$1.*
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($1::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($1::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($1::text, '/._-', '    ')))::text[])) AND (SELECT count(*) FROM near$1) < 10
OFFSET 0
) AS file_operation$1
WHERE file_operation$1.created_at < (SELECT at FROM edge$1)
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
-- $1: fileOperations.search
