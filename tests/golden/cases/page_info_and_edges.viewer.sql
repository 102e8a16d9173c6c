SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT (SELECT count(*) FROM tasks AS task$2
WHERE task$2.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))) AS "totalCount", rows$1.item$1 AS "edges", page_info$1 AS "pageInfo"
FROM (
SELECT coalesce(array_to_json((array_agg(row$1.item$1))[1:least(count(*), 2)]), '[]'::json) AS item$1, (array_agg(row$1.cursor$1))[1] AS cursor$1_start, (array_agg(row$1.cursor$1))[least(count(*), 2)] AS cursor$1_end, count(*) AS count$1
FROM (
SELECT item$1, (SELECT left(encode(sha256(convert_to('bb435e9975e9' || body$2.json, 'UTF8')), 'hex'), 12) || '.' || translate(encode(convert_to(body$2.json, 'UTF8'), 'base64'), E'\n', '') FROM (SELECT json_build_array(task$1.priority, task$1.completed_at, task$1.id)::text AS json) AS body$2) AS cursor$1
FROM (
SELECT task$1.*
FROM tasks AS task$1
WHERE task$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $1::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))))
ORDER BY task$1.priority DESC, task$1.completed_at, task$1.id
LIMIT 3
) AS task$1
CROSS JOIN LATERAL (SELECT task$1.name AS "name") AS node$1
CROSS JOIN LATERAL (SELECT (SELECT left(encode(sha256(convert_to('bb435e9975e9' || body$1.json, 'UTF8')), 'hex'), 12) || '.' || translate(encode(convert_to(body$1.json, 'UTF8'), 'base64'), E'\n', '') FROM (SELECT json_build_array(task$1.priority, task$1.completed_at, task$1.id)::text AS json) AS body$1) AS "cursor", node$1 AS "node") AS item$1
ORDER BY task$1.priority DESC, task$1.completed_at, task$1.id
) AS row$1
) AS rows$1 CROSS JOIN LATERAL (
SELECT rows$1.count$1 > 2 AS "hasNextPage", rows$1.cursor$1_end AS "endCursor"
) AS page_info$1
) AS root$1
) AS "tasks"
-- $1: the viewer
