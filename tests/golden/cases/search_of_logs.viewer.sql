WITH seen$1 AS MATERIALIZED (
SELECT cc_instances.id AS key FROM cc_instances WHERE cc_instances.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $2::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))
), seen$2 AS MATERIALIZED (
SELECT tasks.id AS key FROM tasks WHERE tasks.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $2::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))
)
SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT (SELECT count(*) FROM (
SELECT cc_log$2.*
FROM cc_logs AS cc_log$2
WHERE ccgraph_tsvector(cc_log$2.message) @@ (SELECT ccgraph_candidates($4::text))
OFFSET 0
) AS cc_log$2
WHERE ((cc_log$2.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (cc_log$2.task_id IN (SELECT key FROM seen$2)) IS TRUE) AND ((SELECT ccgraph_phrases($4::text)) = '{}' OR ccgraph_plain(cc_log$2.message) LIKE ALL ((SELECT ccgraph_phrases($4::text))::text[]))) AS "totalCount", rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT cc_log$1.message AS "message"
FROM (
SELECT cc_log$1.*, (CASE WHEN (SELECT ccgraph_lone_pair($1::text)) IS NOT NULL AND cardinality(string_to_array(ccgraph_plain(cc_log$1.message), (SELECT ccgraph_lone_pair($1::text)))) = 2 THEN ts_rank('a:1'::tsvector, 'a'::tsquery) ELSE ts_rank(ccgraph_tsvector(cc_log$1.message), (SELECT ccgraph_tsquery($1::text))) END)::double precision AS order$1
FROM (
SELECT cc_log$1.*
FROM cc_logs AS cc_log$1
WHERE ccgraph_tsvector(cc_log$1.message) @@ (SELECT ccgraph_candidates($3::text))
OFFSET 0
) AS cc_log$1
WHERE ((cc_log$1.cc_instance_id IN (SELECT key FROM seen$1)) IS TRUE OR (cc_log$1.task_id IN (SELECT key FROM seen$2)) IS TRUE) AND ((SELECT ccgraph_phrases($3::text)) = '{}' OR ccgraph_plain(cc_log$1.message) LIKE ALL ((SELECT ccgraph_phrases($3::text))::text[]))
ORDER BY (CASE WHEN (SELECT ccgraph_lone_pair($1::text)) IS NOT NULL AND cardinality(string_to_array(ccgraph_plain(cc_log$1.message), (SELECT ccgraph_lone_pair($1::text)))) = 2 THEN ts_rank('a:1'::tsvector, 'a'::tsquery) ELSE ts_rank(ccgraph_tsvector(cc_log$1.message), (SELECT ccgraph_tsquery($1::text))) END)::double precision DESC, cc_log$1.id DESC, cc_log$1.created_at DESC
LIMIT 10
) AS cc_log$1
ORDER BY cc_log$1.order$1 DESC, cc_log$1.id DESC, cc_log$1.created_at DESC
) AS item$1
) AS rows$1
) AS root$1
) AS "ccLogs"
-- $1: ccLogs.search
-- $2: the viewer
-- $3: ccLogs.search
-- $4: ccLogs.search
