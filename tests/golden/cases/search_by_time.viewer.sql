SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes", page_info$1 AS "pageInfo"
FROM (
SELECT coalesce(array_to_json((array_agg(row$1.item$1))[1:least(count(*), 10)]), '[]'::json) AS item$1, count(*) AS count$1
FROM (
SELECT item$1
FROM (
SELECT system_log$1.*
FROM (
SELECT system_log$1.*
FROM system_logs AS system_log$1
WHERE system_log$1.user_id = $1::int AND ccgraph_tsvector(system_log$1.message) @@ (SELECT ccgraph_candidates($2::text)) AND ((SELECT ccgraph_phrases($2::text)) = '{}' OR ccgraph_plain(system_log$1.message) LIKE ALL ((SELECT ccgraph_phrases($2::text))::text[]))
OFFSET 0
) AS system_log$1
ORDER BY system_log$1.created_at DESC, system_log$1.id DESC
LIMIT 11
) AS system_log$1
CROSS JOIN LATERAL (SELECT system_log$1.message AS "message") AS item$1
ORDER BY system_log$1.created_at DESC, system_log$1.id DESC
) AS row$1
) AS rows$1 CROSS JOIN LATERAL (
SELECT rows$1.count$1 > 10 AS "hasNextPage"
) AS page_info$1
) AS root$1
) AS "systemLogs"
-- $1: the viewer
-- $2: systemLogs.search
