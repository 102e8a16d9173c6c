WITH seen$1 AS MATERIALIZED (
SELECT sessions.session_id AS key FROM sessions WHERE sessions.user_id = $2::int UNION SELECT sessions.session_id AS key FROM sessions WHERE EXISTS (SELECT FROM projects WHERE (projects.owner_id = $2::int OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))) AND projects.id = sessions.project_id) UNION SELECT sessions.session_id AS key FROM sessions WHERE EXISTS (SELECT FROM collaboration_sessions AS shared JOIN collaboration_participants AS part ON part.collaboration_session_id = shared.id WHERE part.user_id = $2::int AND part.state = 'joined' AND (shared.expires_at IS NULL OR shared.expires_at > now()) AND shared.session_id = sessions.session_id)
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes", page_info$1 AS "pageInfo"
FROM (
SELECT coalesce(array_to_json((array_agg(row$1.item$1))[1:least(count(*), 10)]), '[]'::json) AS item$1, (array_agg(row$1.cursor$1))[1] AS cursor$1_start, (array_agg(row$1.cursor$1))[least(count(*), 10)] AS cursor$1_end, count(*) AS count$1
FROM (
SELECT item$1, (SELECT left(encode(sha256(convert_to('4e94450b6816' || body$1.json || $5::text, 'UTF8')), 'hex'), 12) || '.' || translate(encode(convert_to(body$1.json, 'UTF8'), 'base64'), E'\n', '') FROM (SELECT json_build_array(file_operation$1.order$1, file_operation$1.id::text, file_operation$1.created_at)::text AS json) AS body$1) AS cursor$1
FROM (
WITH ranked$1 AS MATERIALIZED (
SELECT DISTINCT hashtextextended(path, 0) AS key, path AS text, ts_rank(words, (SELECT ccgraph_tsquery(translate($3::text, '/._-', '    '))))::double precision AS rank
FROM file_paths
WHERE words @@ (SELECT ccgraph_tsquery(translate($3::text, '/._-', '    ')))
), crowd$1 AS MATERIALIZED (
SELECT max(rank) AS rank
FROM (
SELECT rank, sum(count(*)) OVER (ORDER BY rank DESC) AS texts
FROM ranked$1
GROUP BY rank
) AS crowd$1
WHERE texts * ((SELECT count(*) FROM seen$1)) > 10000
), best$1 AS MATERIALIZED (
SELECT file_operation$1.*, ranked$1.rank AS order$1
FROM (
SELECT *
FROM ranked$1
WHERE rank > coalesce((SELECT rank FROM crowd$1), '-infinity')
ORDER BY rank DESC
) AS ranked$1
CROSS JOIN LATERAL (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE hashtextextended(file_operation$1.file_path, 0) = ranked$1.key AND COALESCE(file_operation$1.file_path = ranked$1.text, false) AND (file_operation$1.session_id = ANY(ARRAY(SELECT key FROM seen$1)))
ORDER BY file_operation$1.id DESC, file_operation$1.created_at DESC
LIMIT 11
) AS file_operation$1
ORDER BY ranked$1.rank DESC, file_operation$1.id DESC, file_operation$1.created_at DESC
LIMIT 11
)
SELECT file_operation$1.*
FROM (
SELECT * FROM best$1
UNION ALL (
SELECT file_operation$1.*, ranked$1.rank AS order$1
FROM (
SELECT file_operation$1.*
FROM file_operations AS file_operation$1
WHERE (file_operation$1.session_id = ANY(ARRAY(SELECT key FROM seen$1))) AND ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')) @@ (SELECT ccgraph_candidates(translate($4::text, '/._-', '    '))) AND ((SELECT ccgraph_phrases(translate($4::text, '/._-', '    '))) = '{}' OR ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')) LIKE ALL ((SELECT ccgraph_phrases(translate($4::text, '/._-', '    ')))::text[]))
OFFSET 0
) AS file_operation$1
CROSS JOIN LATERAL (SELECT (CASE WHEN (SELECT ccgraph_lone_pair(translate($1::text, '/._-', '    '))) IS NOT NULL AND cardinality(string_to_array(ccgraph_plain(translate(file_operation$1.file_path, '/._-', '    ')), (SELECT ccgraph_lone_pair(translate($1::text, '/._-', '    '))))) = 2 THEN ts_rank('a:1'::tsvector, 'a'::tsquery) ELSE ts_rank(ccgraph_tsvector(translate(file_operation$1.file_path, '/._-', '    ')), (SELECT ccgraph_tsquery(translate($1::text, '/._-', '    ')))) END)::double precision AS rank) AS ranked$1
WHERE (SELECT rank FROM crowd$1) IS NOT NULL AND (SELECT count(*) FROM best$1) < 11 AND ranked$1.rank <= (SELECT rank FROM crowd$1)
ORDER BY ranked$1.rank DESC, file_operation$1.id DESC, file_operation$1.created_at DESC
LIMIT 11
)
) AS file_operation$1
ORDER BY file_operation$1.order$1 DESC, file_operation$1.id DESC, file_operation$1.created_at DESC
LIMIT 11
) AS file_operation$1
CROSS JOIN LATERAL (SELECT file_operation$1.file_path AS "filePath") AS item$1
ORDER BY file_operation$1.order$1 DESC, file_operation$1.id DESC, file_operation$1.created_at DESC
) AS row$1
) AS rows$1 CROSS JOIN LATERAL (
SELECT rows$1.count$1 > 10 AS "hasNextPage", rows$1.cursor$1_end AS "endCursor"
) AS page_info$1
) AS root$1
) AS "fileOperations"
-- $1: fileOperations.search
-- $2: the viewer
-- $3: fileOperations.search
-- $4: fileOperations.search
-- $5: fileOperations.search
