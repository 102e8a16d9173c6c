SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT project$1.name AS "name"
FROM (
SELECT project$1.*
FROM projects AS project$1
WHERE (project$1.owner_id = $1::int OR project$1.is_public OR project$1.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $1::int)))) AND (project$1.config_json #> $2::text[]) = $3::text::jsonb AND project$1.tech_stack @> $4::text::jsonb
ORDER BY project$1.id
LIMIT 50
) AS project$1
ORDER BY project$1.id
) AS item$1
) AS rows$1
) AS root$1
) AS "projects"
-- $1: the viewer
-- $2: ['limits', '0']
-- $3: 5
-- $4: ['python']
