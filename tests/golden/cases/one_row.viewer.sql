SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT cc_instance$1.id AS "id", cc_instance$1.name AS "name", cc_instance$1.status AS "status", cc_instance$1.created_at AS "createdAt", project$2 AS "project"
FROM cc_instances AS cc_instance$1
LEFT JOIN LATERAL (
SELECT project$1.name AS "name", user$2 AS "owner"
FROM projects AS project$1
LEFT JOIN LATERAL (
SELECT user$1.username AS "username"
FROM users AS user$1
WHERE user$1.id = project$1.owner_id
) AS user$2 ON true
WHERE project$1.project_id = cc_instance$1.project_id
) AS project$2 ON true
WHERE cc_instance$1.id = $1::uuid AND cc_instance$1.project_id IN (SELECT projects.project_id FROM projects WHERE (projects.owner_id = $2::int OR projects.is_public OR projects.collaborators @> (SELECT jsonb_build_array(jsonb_build_object('user_id', $2::int)))))
) AS root$1
) AS "ccInstance"
-- $1: ccInstance.by.id
-- $2: the viewer
