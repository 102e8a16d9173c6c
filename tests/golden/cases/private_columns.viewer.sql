SELECT (
SELECT row_to_json(root$1)::text
FROM (
SELECT user$1.username AS "username", CASE WHEN user$1.id = $1::int THEN user$1.email END AS "email"
FROM users AS user$1
WHERE user$1.id = $1::int
) AS root$1
) AS "me", (
SELECT row_to_json(root$2)::text
FROM (
SELECT rows$1.item$1 AS "nodes"
FROM (
SELECT coalesce(json_agg(item$1), '[]'::json) AS item$1
FROM (
SELECT user$2.username AS "username", CASE WHEN user$2.id = $1::int THEN user$2.email END AS "email"
FROM (
SELECT user$2.*
FROM users AS user$2
WHERE CASE WHEN user$2.id = $1::int THEN user$2.email END ILIKE $2::text
ORDER BY user$2.id
LIMIT 2
) AS user$2
ORDER BY user$2.id
) AS item$1
) AS rows$1
) AS root$2
) AS "users"
-- $1: the viewer
-- $2: '%example%'
