SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes", page_info$1 AS "pageInfo"
FROM (
SELECT coalesce(array_to_json((array_agg(row$1.item$1))[greatest(count(*) - 3, 0) + 1:count(*)]), '[]'::json) AS item$1, (array_agg(row$1.cursor$1))[greatest(count(*) - 3, 0) + 1] AS cursor$1_start, (array_agg(row$1.cursor$1))[count(*)] AS cursor$1_end, count(*) AS count$1
FROM (
SELECT item$1, (SELECT left(encode(sha256(convert_to('cb33b058edef' || body$1.json, 'UTF8')), 'hex'), 12) || '.' || translate(encode(convert_to(body$1.json, 'UTF8'), 'base64'), E'\n', '') FROM (SELECT json_build_array(task$1.id)::text AS json) AS body$1) AS cursor$1
FROM (
SELECT task$1.*
FROM tasks AS task$1
ORDER BY task$1.id DESC
LIMIT 4
) AS task$1
CROSS JOIN LATERAL (SELECT task$1.name AS "name") AS item$1
ORDER BY task$1.id
) AS row$1
) AS rows$1 CROSS JOIN LATERAL (
SELECT rows$1.count$1 > 3 AS "hasPreviousPage", rows$1.cursor$1_start AS "startCursor"
) AS page_info$1
) AS root$1
) AS "tasks"
