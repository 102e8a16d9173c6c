-- services.accounts.accounts, _DELETE
DELETE
FROM users
WHERE users.id = $1::INTEGER

-- services.accounts.authentication, _NOTE_USE
UPDATE auth_tokens SET last_used = now()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)
WHERE setting IS NOT NULL
AND token_id = ANY($1::uuid[])

-- services.accounts.login, _RECORD
WITH holder AS (
    UPDATE users SET last_login = now(), login_count = COALESCE(login_count, 0) + 1,
        hashed_password = COALESCE($11, hashed_password)
   
WHERE id = $1::int
AND is_active
AND hashed_password = $12
   
RETURNING id
), issued AS (
    INSERT INTO auth_tokens (token_id, user_id, token_type, expires_at, family_id, ip_address, user_agent)
    SELECT token_id, id, token_type, expires_at, family_id, $4::text::inet, $5::text
   
FROM holder, unnest($7::uuid[], $8::text[], $9::timestamptz[], $10::uuid[])
        AS pair(token_id, token_type, expires_at, family_id)
), trimmed AS (
    DELETE
FROM auth_tokens
WHERE id IN (
SELECT id
FROM auth_tokens
WHERE user_id = $1::int
ORDER BY is_active
AND expires_at > now() DESC, id DESC OFFSET 1000
)
), traced AS (
    INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('tokenId', $6::uuid), $3::uuid, $4::text::inet, $5::text
FROM holder
)
SELECT id
FROM holder

-- services.accounts.login_attempts, _COUNT
WITH address AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $1::bytea, 1, now()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)
WHERE setting IS NOT NULL
AND $1 IS NOT NULL
    
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN counted.window_started_at < now() - $4::interval THEN 1
                    ELSE counted.attempts + 1 END,
    window_started_at = CASE WHEN counted.window_started_at < now() - $4::interval THEN now()
                             ELSE counted.window_started_at END
RETURNING attempts, extract(epoch
FROM window_started_at + $4::interval - now()) AS remaining

), pair AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $2::bytea, 1, now()
FROM address
WHERE attempts <= $5::int
    
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN counted.window_started_at < now() - $4::interval THEN 1
                    ELSE counted.attempts + 1 END,
    window_started_at = CASE WHEN counted.window_started_at < now() - $4::interval THEN now()
                             ELSE counted.window_started_at END
RETURNING attempts, extract(epoch
FROM window_started_at + $4::interval - now()) AS remaining

), account AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $3::bytea, 1, now()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)
WHERE setting IS NOT NULL
       
AND ($1 IS NULL
OR EXISTS (SELECT
FROM pair
WHERE attempts <= $6::int))
    
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN counted.window_started_at < now() - $4::interval THEN 1
                    ELSE counted.attempts + 1 END,
    window_started_at = CASE WHEN counted.window_started_at < now() - $4::interval THEN now()
                             ELSE counted.window_started_at END
RETURNING attempts, extract(epoch
FROM window_started_at + $4::interval - now()) AS remaining

)
SELECT remaining
FROM address
WHERE attempts > $5::int
UNION ALL SELECT remaining
FROM pair
WHERE attempts > $6::int
UNION ALL SELECT remaining
FROM account
WHERE attempts > $7::int

-- services.accounts.login_attempts, _FORGET
WITH held AS MATERIALIZED (
    SELECT subject
FROM login_attempts, (SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)
   
WHERE setting IS NOT NULL
AND subject IN ($1, $2, $3)
   
ORDER BY subject = $1 DESC, subject = $2 DESC FOR UPDATE OF login_attempts
), forgotten AS (
    DELETE
FROM login_attempts USING held
   
WHERE login_attempts.subject = held.subject
AND held.subject IN ($2, $3)
)
UPDATE login_attempts SET attempts = attempts - 1
FROM held
WHERE login_attempts.subject = held.subject
AND held.subject = $1
AND attempts > 0

-- services.accounts.personal_tokens, _SET_PASSWORD
UPDATE users SET hashed_password=$1::VARCHAR
WHERE users.id = $2::INTEGER

-- services.accounts.token_store, _STORE
INSERT INTO auth_tokens (id, token_id, user_id, token_type, expires_at, is_active, name, family_id, lineage, ip_address, user_agent, last_used, created_at) VALUES ($1::INTEGER, $2::UUID, $3::INTEGER, $4::VARCHAR, $5::TIMESTAMP WITH TIME ZONE, $6::BOOLEAN, $7::VARCHAR, $8::UUID, $9::UUID[], $10, $11::VARCHAR, $12::TIMESTAMP WITH TIME ZONE, $13::TIMESTAMP WITH TIME ZONE)

-- services.accounts.token_store, _SPEND
UPDATE auth_tokens SET is_active=$1::BOOLEAN, last_used=now()
FROM users
WHERE auth_tokens.token_id = $2::UUID
AND auth_tokens.is_active IS true
AND auth_tokens.user_id = users.id
AND users.is_active IS true
RETURNING auth_tokens.family_id, users.id, users.username, users.is_admin, users.resource_quota

-- services.delivery.occurrences, _BEGIN
INSERT INTO notification_position (epoch, start, before)
SELECT epoch, $1, $2
FROM feed_state ON CONFLICT DO NOTHING

-- services.delivery.occurrences, _MOVE
UPDATE notification_position SET epoch = (SELECT epoch
FROM feed_state), start = $1, before = $2, until = $3,
    past = $4

-- services.delivery.occurrences, _STORE
INSERT INTO notification_history (user_id, service_type, notification_type, title, message, payload, priority)
SELECT *
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[])

-- services.delivery.queue, _CLAIM
WITH known AS MATERIALIZED (
    SELECT *
FROM unnest($4::int[], $5::text[], $6::int[]) AS known (user_id, service_type, free)
), candidate AS MATERIALIZED (
    SELECT n.id, n.created_at, n.user_id, n.service_type, n.scheduled_at,
        array_position('{urgent,high,normal,low}', n.priority::text) AS rank
   
FROM notification_history n
   
WHERE n.status = 'pending'
AND n.summary_of IS NULL
AND GREATEST(COALESCE(n.scheduled_at, n.created_at), n.next_attempt_at, n.lease_expires_at) <= now()
       
AND NOT EXISTS (
            SELECT
FROM known
           
WHERE known.free <= 0
AND known.user_id = n.user_id
AND known.service_type = n.service_type
        )
   
ORDER BY GREATEST(COALESCE(n.scheduled_at, n.created_at), n.next_attempt_at, n.lease_expires_at)
   
LIMIT $7
), placed AS (
    SELECT candidate.*, row_number() OVER (
        PARTITION BY user_id, service_type
ORDER BY scheduled_at, rank, id
    ) AS place
   
FROM candidate
), chosen AS (
    SELECT placed.id, placed.created_at, placed.scheduled_at, placed.rank
   
FROM placed LEFT
JOIN known USING (user_id, service_type)
   
WHERE place <= COALESCE(known.free, $8)
   
ORDER BY scheduled_at, rank, id
   
LIMIT $3
), free AS MATERIALIZED (
    SELECT n.id, n.created_at, chosen.rank
   
FROM chosen
JOIN notification_history n ON n.id = chosen.id
AND n.created_at = chosen.created_at
   
WHERE n.status = 'pending'
AND n.summary_of IS NULL
AND GREATEST(COALESCE(n.scheduled_at, n.created_at), n.next_attempt_at, n.lease_expires_at) <= now()
    FOR UPDATE OF n SKIP LOCKED
), claimed AS (
    UPDATE notification_history n
    SET lease_expires_at = now() + $2, lease_holder = $1,
        message_id = COALESCE(n.message_id, gen_random_uuid())
   
FROM free
WHERE n.id = free.id
AND n.created_at = free.created_at
   
RETURNING n.*, free.rank
)
SELECT claimed.id, claimed.created_at, claimed.user_id, claimed.service_type, claimed.notification_type,
    claimed.title, claimed.message, claimed.payload, claimed.priority, claimed.message_id, claimed.session_id,
    claimed.retry_count, claimed.max_retries,
    users.is_active, users.preferences,
    wish.id AS setting_id, wish.is_enabled, wish.service_config, wish.webhook_url, wish.webhook_headers,
    wish.webhook_secret, wish.push_subscription, wish.push_endpoint, wish.filter_rules,
    wish.updated_at AS setting_updated_at,
    CASE WHEN wish.webhook_secret_changed_at > now() - interval '1 day'
        THEN wish.previous_webhook_secret END AS previous_webhook_secret
FROM claimed
JOIN users ON users.id = claimed.user_id
LEFT
JOIN notification_settings AS wish ON wish.user_id = claimed.user_id
   
AND wish.notification_type = claimed.notification_type
AND wish.service_type = claimed.service_type
ORDER BY claimed.scheduled_at, claimed.rank, claimed.id

-- services.delivery.queue, _END
WITH ended AS (
    SELECT *
FROM unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::text[],
                         $8::float8[], $9::int[], $10::timestamptz[])
        AS ended (id, created_at, verdict, code, body, error, delay, gone, gone_as_of)
), stored AS (
    UPDATE notification_history n
    SET status = CASE
            WHEN verdict = 'sent' THEN 'sent'
            WHEN verdict = 'failed' THEN 'failed'
            WHEN verdict = 'retry'
AND COALESCE(n.retry_count, 0) >= COALESCE(n.max_retries, 3) THEN 'failed'
            ELSE 'pending' END,
        retry_count = CASE
            WHEN verdict = 'retry'
AND COALESCE(n.retry_count, 0) < COALESCE(n.max_retries, 3)
                THEN COALESCE(n.retry_count, 0) + 1
            ELSE n.retry_count END,
        next_attempt_at = CASE WHEN verdict IN ('retry', 'defer')
            THEN now() + delay * interval '1 second' END,
        response_code = CASE WHEN verdict = 'defer' THEN n.response_code ELSE code END,
        response_body = CASE WHEN verdict = 'defer' THEN n.response_body ELSE body END,
        error_message = CASE WHEN verdict = 'defer' THEN n.error_message ELSE error END,
        sent_at = CASE WHEN verdict = 'sent' THEN now() ELSE n.sent_at END,
        lease_expires_at = NULL,
        lease_holder = NULL
   
FROM ended
   
WHERE n.id = ended.id
AND n.created_at = ended.created_at
AND n.status = 'pending'
AND n.lease_holder = $1
   
RETURNING n.id, n.status, n.response_code, n.response_body, n.error_message, n.sent_at, n.message_id
), told AS (
    UPDATE notification_history n
    SET status = stored.status, response_code = stored.response_code, response_body = stored.response_body,
        error_message = stored.error_message, sent_at = stored.sent_at, message_id = stored.message_id,
        next_attempt_at = NULL
   
FROM stored
   
WHERE n.summary_of = stored.id
AND n.status = 'pending'
AND stored.status <> 'pending'
), switched AS (
    UPDATE notification_settings wish SET is_enabled = false
   
FROM (SELECT DISTINCT gone, gone_as_of
FROM ended) AS ended
   
WHERE wish.id = ended.gone
AND wish.updated_at = ended.gone_as_of
)
SELECT count(*)
FROM stored

-- services.delivery.queue, _POSTPONE
UPDATE notification_history n SET next_attempt_at = now() + $3 * interval '1 second'
WHERE n.status = 'pending'
AND n.summary_of IS NULL
AND n.user_id = $1
AND n.service_type = $2
   
AND GREATEST(COALESCE(n.scheduled_at, n.created_at), n.next_attempt_at, n.lease_expires_at) <= now()

-- services.delivery.queue, _PACE
INSERT INTO notification_pace AS pace (user_id, service_type, told_at) VALUES ($1, $2, now())
ON CONFLICT (user_id, service_type) DO UPDATE SET told_at = now()
WHERE pace.told_at <= now() - $3 * interval '1 second'
RETURNING true

-- services.delivery.queue, _GATHER
WITH due AS (
    SELECT n.id, n.created_at
FROM notification_history n
   
WHERE n.status = 'pending'
AND n.summary_of IS NULL
AND n.id <> $1
       
AND n.user_id = $2
AND n.service_type = $3
AND n.notification_type = $4
       
AND GREATEST(COALESCE(n.scheduled_at, n.created_at), n.lease_expires_at) <= now()
       
AND n.retry_count = 0
   
ORDER BY n.scheduled_at
LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE notification_history n SET summary_of = $1
FROM due
WHERE n.id = due.id
AND n.created_at = due.created_at

-- services.demo.known_password, _REPLACE
UPDATE users SET hashed_password=$1::VARCHAR
WHERE users.hashed_password IN (__[POSTCOMPILE_known])

-- services.demo.loading, _NOTE
INSERT INTO system_settings (setting_key, setting_value, data_type, category, description, is_readonly)
VALUES ($1, $2::jsonb, 'json', 'demo', 'The demo that is in this database; set by its load', true)
ON CONFLICT (setting_key) DO UPDATE SET setting_value = excluded.setting_value

-- services.demo.loading, _FORGET_COUNTS
DELETE
FROM file_operation_counts

-- services.demo.loading, _COUNT
INSERT INTO file_operation_counts (session_id, operation_type, operations)
SELECT session_id, operation_type, count(*)
FROM file_operations
GROUP BY session_id, operation_type
ORDER BY session_id, operation_type

-- services.demo.loading, _FORGET_PATHS
DELETE
FROM file_paths

-- services.demo.loading, _GATHER_PATHS
INSERT INTO file_paths (path) SELECT DISTINCT file_path
FROM file_operations
ORDER BY file_path

-- services.demo.loading, _KEEP
UPDATE system_settings
SET previous_value = setting_value, setting_value = to_jsonb($2::int), version = version + 1
WHERE setting_key = 'archive.projects_after_days'
   
OR setting_key = ANY (SELECT 'retention.' || parent || '_days'
FROM unnest($1::text[]) AS parent)

-- services.demo.loading, _KEEP_EVENTS
UPDATE system_settings
SET previous_value = setting_value, setting_value = to_jsonb($1::int), version = version + 1
WHERE setting_key = 'retention.change_events_days'

-- services.fleet.deriving, _END_CALLS
UPDATE mcp_tool_calls AS call
SET status = 'failed', error_details = jsonb_build_object('message', 'The process ended before the tool did.', 'interrupted', true)
FROM unnest($1::uuid[], $2::timestamptz[]) AS ended (id, at)
WHERE call.cc_instance_id = ended.id
AND call.status IN ('pending', 'running')
AND call.started_at <= ended.at
RETURNING call.id

-- services.fleet.deriving, _ADOPT
UPDATE cc_instances AS child SET parent_instance_id = given.parent
FROM unnest($1::uuid[], $2::uuid[]) AS given (id, parent)
WHERE child.id = given.id
AND child.parent_instance_id IS DISTINCT FROM given.parent
 
AND EXISTS (SELECT
FROM cc_instances parent
WHERE parent.id = given.parent)

-- services.fleet.deriving, _TIME_CALLS
UPDATE mcp_tool_calls SET execution_time_ms = LEAST(GREATEST(
    round(extract(epoch
FROM completed_at - started_at) * 1000), 0), 2147483647)::integer
WHERE id = ANY($1::uuid[])
AND completed_at IS NOT NULL
AND NOT COALESCE(error_details ? 'denied', false)

-- services.fleet.deriving, _INSTRUCT
INSERT INTO ultrathink_messages AS known
    (id, parent_instance_id, child_instance_id, instruction_type, instruction_content, keyword_detected,
     sent_at, acknowledged_at, execution_started_at, response_content, completed_at, status)
SELECT given.id, child.parent_instance_id, child.id, $2, told.content,
       position('ultrathink' IN lower(told.content)) > 0,
       LEAST(COALESCE(call.started_at, child.created_at), child.created_at),
       child.started_at, child.started_at, given.answer,
       CASE WHEN given.status IN ('completed', 'failed')
            THEN COALESCE(given.completed_at, child.terminated_at) END,
       given.status
FROM unnest($1::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
    AS given (id, child_id, call_id, prompt, answer, completed_at, status)
JOIN cc_instances child ON child.id = given.child_id
LEFT
JOIN mcp_tool_calls call ON call.id = given.call_id
CROSS
JOIN LATERAL (SELECT COALESCE(given.prompt, call.arguments ->> 'prompt') AS content) AS told
WHERE told.content IS NOT NULL
ON CONFLICT (id) DO UPDATE
SET parent_instance_id = excluded.parent_instance_id, instruction_content = excluded.instruction_content,
    keyword_detected = excluded.keyword_detected, sent_at = excluded.sent_at,
    acknowledged_at = excluded.acknowledged_at, execution_started_at = excluded.execution_started_at,
    response_content = excluded.response_content, completed_at = excluded.completed_at,
    status = excluded.status
WHERE known.child_instance_id = excluded.child_instance_id
 
AND (known.parent_instance_id, known.instruction_content, known.sent_at, known.acknowledged_at,
       known.response_content, known.completed_at, known.status)
      IS DISTINCT FROM
      (excluded.parent_instance_id, excluded.instruction_content, excluded.sent_at, excluded.acknowledged_at,
       excluded.response_content, excluded.completed_at, excluded.status)

-- services.fleet.deriving, _SETTLE
UPDATE cc_permission_requests AS request
SET decision = settled.decision, answered_at = settled.at, message = settled.message,
    waited_ms = LEAST(GREATEST(extract(epoch
FROM settled.at - request.asked_at) * 1000, 0),
                      9223372036854775807)::bigint
FROM (
    SELECT asked.id,
        CASE WHEN call.is_refused THEN 'deny' WHEN call.ended_at IS NOT NULL THEN 'allow'
             WHEN call.id IS NULL
AND over.at IS NOT NULL THEN 'lapsed' END AS decision,
        GREATEST(asked.asked_at,
            CASE WHEN call.is_refused THEN COALESCE(call.ended_at, call.started_at)
                 WHEN call.ended_at IS NOT NULL
                 THEN call.ended_at - COALESCE(call.execution_time_ms, 0) * interval '1 millisecond'
                 WHEN call.id IS NULL THEN over.at END) AS at,
        CASE WHEN call.is_refused THEN call.message END AS message
   
FROM cc_permission_requests asked
   
JOIN cc_instances instance ON instance.id = asked.cc_instance_id
    CROSS
JOIN LATERAL (
        SELECT instance.activity_since AS at
       
WHERE instance.activity IN ('IDLE', 'BACKGROUND', 'GONE')
AND instance.activity_since > asked.asked_at
       
UNION ALL SELECT NULL
LIMIT 1
    ) AS over
    LEFT
JOIN LATERAL (
        SELECT made.id, made.started_at, made.execution_time_ms,
            CASE WHEN made.status IN ('completed', 'failed')
                 THEN COALESCE(made.completed_at, made.started_at) END AS ended_at,
            made.status = 'failed'
               
AND (made.error_details ? 'denied'
OR made.error_details ? 'interrupted') AS is_refused,
            made.error_details ->> 'message' AS message
       
FROM mcp_tool_calls made
       
WHERE made.cc_instance_id = asked.cc_instance_id
AND made.tool_name = asked.tool_name
         
AND made.arguments = COALESCE(asked.tool_input, '{}'::jsonb)
         
AND made.started_at BETWEEN asked.asked_at - interval '1 minute'
                                 
AND asked.asked_at + interval '1 day'
         
AND (made.message_id IS NOT NULL
OR made.started_at <= asked.asked_at + interval '1 minute')
       
ORDER BY abs(extract(epoch
FROM made.started_at - asked.asked_at)), made.id
       
LIMIT 1
    ) AS call ON true
   
WHERE asked.session_id = ANY($1::uuid[])
AND asked.answered_by IS NULL
     
AND (asked.decision IS NULL
OR call.id IS NOT NULL)
) AS settled
WHERE request.id = settled.id
 
AND (request.decision, request.answered_at, request.message)
      IS DISTINCT FROM (settled.decision, settled.at, settled.message)
 
AND settled.decision IS NOT NULL
AND settled.at IS NOT NULL

-- services.fleet.deriving, _TOTALS
UPDATE sessions AS s SET total_tokens_used = LEAST(used.total, 2147483647)::integer
FROM (
    SELECT given.session_id, COALESCE(sum(
        u.input_tokens::bigint + u.output_tokens + u.cache_read_tokens + u.cache_creation_tokens), 0) AS total
   
FROM unnest($1::uuid[]) AS given (session_id) LEFT
JOIN cc_usage u USING (session_id)
   
GROUP BY given.session_id
) AS used
WHERE s.session_id = used.session_id
AND (used.total > 0
OR s.session_id = ANY($2::uuid[]))
 
AND s.total_tokens_used IS DISTINCT FROM LEAST(used.total, 2147483647)

-- services.fleet.digestion, _MOVE_USAGE
UPDATE cc_usage AS u SET project_id = i.project_id
FROM cc_instances i
WHERE u.session_id = ANY($1::uuid[])
AND i.id = u.session_id

-- services.fleet.files, _INSERT_FILES
INSERT INTO file_operations
    (session_id, user_id, operation_type, file_path, language, line_count, execution_time_ms, success,
     error_message, created_at)
SELECT session_id, $1, operation_type, file_path, language, line_count, execution_time_ms, success,
       error_message, created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bool[], $9::text[],
            $10::timestamptz[]) WITH ORDINALITY
    AS given (session_id, operation_type, file_path, language, line_count, execution_time_ms, success,
              error_message, created_at, position)
ORDER BY position
RETURNING id

-- services.fleet.files, _CHANGE_FILES
UPDATE file_operations AS known
SET operation_type = given.operation_type, file_path = given.file_path, language = given.language,
    line_count = given.line_count, execution_time_ms = given.execution_time_ms, success = given.success,
    error_message = given.error_message, created_at = given.created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bool[], $9::text[],
            $10::timestamptz[], $11::bigint[], $12::timestamptz[])
    AS given (session_id, operation_type, file_path, language, line_count, execution_time_ms, success,
              error_message, created_at, id, before)
WHERE known.id = given.id
AND known.created_at = given.before
AND known.session_id = given.session_id
 
AND known.user_id = $1
 
AND (known.operation_type, known.file_path, known.line_count, known.execution_time_ms, known.success,
       known.error_message, known.created_at)
      IS DISTINCT FROM (given.operation_type, given.file_path, given.line_count, given.execution_time_ms,
                        given.success, given.error_message, given.created_at)

-- services.fleet.forks, _TAKE_USAGE
DELETE
FROM cc_usage
WHERE id = ANY($1::uuid[])
AND session_id = ANY($2::uuid[])
RETURNING *

-- services.fleet.forks, _FORGET_FILES
WITH gone AS (
    DELETE
FROM cc_provenance
WHERE session_id = ANY($1::uuid[])
AND kind = $3
AND id = ANY($2::uuid[])
   
RETURNING session_id, (told ->> 'number')::bigint AS number, (told ->> 'at')::bigint AS at
)
DELETE
FROM file_operations f USING gone
WHERE f.id = gone.number
AND f.session_id = gone.session_id
 
AND f.created_at = to_timestamp(0) + gone.at * interval '1 microsecond'

-- services.fleet.forks, _RAISE
UPDATE cc_instances AS child SET parent_instance_id = given.parent
FROM unnest($1::uuid[], $2::uuid[]) AS given (id, parent)
WHERE child.parent_instance_id = given.id
AND child.id <> ALL($1::uuid[])

-- services.fleet.places, _EMPTY
DELETE
FROM projects p
WHERE p.project_id = $1
AND p.owner_id = $2
AND p.status = 'active'
 
AND NOT EXISTS (SELECT
FROM sessions s
WHERE s.project_id = p.id)
 
AND NOT EXISTS (SELECT
FROM cc_instances i
WHERE i.project_id = p.project_id)
 
AND NOT EXISTS (SELECT
FROM tasks t
WHERE t.project_id = p.project_id)
 
AND NOT EXISTS (SELECT
FROM git_worktrees g
WHERE g.project_id = p.project_id)
 
AND NOT EXISTS (SELECT
FROM worktrees w
WHERE w.project_id = p.id)
 
AND NOT EXISTS (SELECT
FROM requirements r
WHERE r.project_id = p.project_id)
 
AND NOT EXISTS (SELECT
FROM features f
WHERE f.project_id = p.project_id)

-- services.fleet.provenance, _WRITE
INSERT INTO cc_provenance AS known (session_id, kind, id, name, told)
SELECT *
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::jsonb[])
ON CONFLICT (session_id, kind, id) DO UPDATE SET told = excluded.told
WHERE known.told IS DISTINCT FROM excluded.told

-- services.fleet.storing, _REMOVE
DELETE
FROM {}
WHERE id = ANY($1::uuid[])

-- services.fleet.tasks, _FORGET
WITH gone AS (
    SELECT known.id
FROM tasks known
   
WHERE known.id = ANY($1::uuid[])
AND known.lease_expires_at IS NULL
AND {guard}
), logs AS (DELETE
FROM task_logs
WHERE task_id IN (SELECT id
FROM gone))
DELETE
FROM tasks
WHERE id IN (SELECT id
FROM gone)

-- services.ingest.digestion, _DONE
UPDATE ingest_records AS record SET digested_at = now(), error = done.error
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS done (id, created_at, error)
WHERE record.id = done.id
AND record.created_at = done.created_at
   
AND record.created_at BETWEEN $4
AND $5

-- services.ingest.digestion, _FAILED
UPDATE ingest_records SET attempts = attempts + 1, error = $3
WHERE id = $1
AND created_at = $2

-- services.ingest.storing, _STORE
WITH given AS MATERIALIZED (
    SELECT *
FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                         $7::text[], $8::int[], $9::timestamptz[])
        AS given (user_id, token_id, source, session_key, event, told_at, body, size_bytes, created_at)
), stored AS (
    INSERT INTO ingest_records
        (user_id, token_id, source, session_key, event, told_at, body, size_bytes, created_at)
    SELECT user_id, token_id, source, session_key, event, told_at, body::jsonb, size_bytes, created_at
   
FROM given
), told AS MATERIALIZED (
    SELECT *
FROM unnest($10::int[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
                         $15::timestamptz[], $16::bigint[])
        AS told (user_id, source, event, received, refused, last_at, skew)
), named AS (
    SELECT user_id, source, CASE
            WHEN event = ''
OR EXISTS (
                SELECT
FROM ingest_seen AS known
               
WHERE known.user_id = told.user_id
AND known.source = told.source
AND known.event = told.event
            )
OR (
                SELECT count(*)
FROM ingest_seen AS known
WHERE known.user_id = told.user_id
            ) < 200 THEN event
            ELSE 'others' END AS event,
        received, refused, last_at, skew
   
FROM told
)
INSERT INTO ingest_seen AS seen (user_id, source, event, received, refused, last_at, clock_skew_ms)
SELECT user_id, source, event, sum(received), sum(refused), max(last_at), max(skew)
FROM named
GROUP BY user_id, source, event
ORDER BY user_id, source, event
ON CONFLICT (user_id, source, event) DO UPDATE
SET received = seen.received + EXCLUDED.received, refused = seen.refused + EXCLUDED.refused,
    last_at = GREATEST(seen.last_at, EXCLUDED.last_at), clock_skew_ms = EXCLUDED.clock_skew_ms

-- services.ingest.storing, _KNOW
INSERT INTO ingest_files AS known (user_id, file, known_bytes, last_at)
VALUES ($1, $2, CASE WHEN $3::bigint = 0 THEN $4::bigint ELSE 0 END, now())
ON CONFLICT (user_id, file) DO UPDATE
SET known_bytes = CASE
        WHEN $3 = 0 THEN $4
        WHEN $3 <= known.known_bytes THEN GREATEST(known.known_bytes, $4)
        ELSE known.known_bytes END,
    last_at = now()
RETURNING known_bytes

-- services.instances.heartbeats, _MARK
UPDATE cc_instances SET status = 'ERROR'
WHERE id IN (
    SELECT id
FROM cc_instances
   
WHERE status IN ('IDLE', 'RUNNING')
AND last_heartbeat < now() - $1::interval
AND activity IS NULL
   
LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
RETURNING id

-- services.instances.heartbeats, _GONE
UPDATE cc_instances SET status = 'STOPPED', terminated_at = now(), activity = CASE WHEN activity IS NOT NULL THEN 'GONE' END, activity_since = CASE WHEN activity IS NOT NULL THEN now() END, activity_detail = NULL
WHERE id IN (
    WITH RECURSIVE above AS (
        SELECT id AS silent, id, parent_instance_id
FROM cc_instances
       
WHERE status IN ('IDLE', 'RUNNING')
AND activity IN ('WORKING', 'RETRYING')
         
AND GREATEST(last_heartbeat, activity_since) < now() - $1::interval
        UNION
        SELECT above.silent, parent.id, parent.parent_instance_id
       
FROM above
JOIN cc_instances AS parent ON parent.id = above.parent_instance_id
    ), process AS (
        SELECT silent, id
FROM above
        UNION
        SELECT process.silent, child.id
       
FROM process
JOIN cc_instances AS child ON child.parent_instance_id = process.id
    ), gone AS (
        SELECT silent AS id
FROM process
JOIN cc_instances AS member USING (id)
       
GROUP BY silent
        HAVING max(GREATEST(last_heartbeat, activity_since)) < now() - $1::interval
          
AND NOT bool_or(status IN ('IDLE', 'RUNNING')
AND activity IN ('WAITING_PERMISSION', 'WAITING_ANSWER'))
        UNION
        SELECT child.id
FROM gone
JOIN cc_instances AS child ON child.parent_instance_id = gone.id
    )
    SELECT id
FROM cc_instances
   
WHERE id IN (SELECT id
FROM gone)
AND status IN ('IDLE', 'RUNNING')
AND activity IS NOT NULL
     
AND GREATEST(last_heartbeat, activity_since) < now() - $1::interval
    FOR UPDATE SKIP LOCKED)
RETURNING id

-- services.instances.heartbeats, _END_SESSIONS
UPDATE sessions SET status = 'stopped'
WHERE session_id = ANY($1::uuid[])
AND status = 'running'

-- services.instances.instances, _RECORD
UPDATE cc_instances SET last_heartbeat = now()
WHERE id IN (
    SELECT t.id
FROM cc_instances t, (SELECT set_config('synchronous_commit', 'off', true)) AS unflushed (setting)
   
WHERE t.id = ANY($1::uuid[])
AND t.status IN ('IDLE', 'RUNNING')
AND $2::int IS NOT NULL
     
AND {changeable}
   
ORDER BY t.id FOR NO KEY UPDATE OF t {locked})
RETURNING id

-- services.instances.instances, _STOP
UPDATE cc_instances SET status = 'STOPPED', terminated_at = now(), activity = CASE WHEN activity IS NOT NULL THEN 'GONE' END, activity_since = CASE WHEN activity IS NOT NULL THEN now() END, activity_detail = NULL,
                        exit_code = COALESCE($2, exit_code)
WHERE id = ANY($1::uuid[])

-- services.instances.permission_requests, _ASK
INSERT INTO cc_permission_requests
    (id, cc_instance_id, session_id, user_id, tool_name, tool_input, suggestions, asked_at)
SELECT $1, $2, session.session_id, session.user_id, $4, $5::jsonb, $6::jsonb, COALESCE($7, now())
FROM (SELECT $3::uuid AS session_id) AS given LEFT
JOIN sessions AS session USING (session_id)
ON CONFLICT (id) DO NOTHING
RETURNING id

-- services.instances.permission_requests, _ANSWER
UPDATE cc_permission_requests SET decision = $2, message = $3, answered_by = $4, answered_at = now(), waited_ms = least(greatest((extract(epoch
FROM now()) - extract(epoch
FROM asked_at)) * 1000, 0), 9223372036854775807)::bigint
WHERE id = $1
AND decision IS NULL
AND held_until > clock_timestamp()
RETURNING id

-- services.instances.permission_waits, _HOLD
UPDATE cc_permission_requests SET held_until = now() + $3::interval
WHERE id = $1
AND user_id = $2
AND decision IS NULL
RETURNING id

-- services.instances.permission_waits, _TAKE_BACK
UPDATE cc_permission_requests SET held_until = NULL
WHERE id = ANY($1::uuid[])
AND decision IS NULL
AND held_until IS NOT NULL
RETURNING id

-- services.mcp.calls, _SYNC
WITH called AS (
    SELECT given.id, request.id AS message_id, request.cc_instance_id, request.server_name,
        request.params ->> 'name' AS tool_name,
        COALESCE(NULLIF(request.params -> 'arguments', 'null'), '{}') AS arguments,
        CASE WHEN response.id IS NULL
AND cancel.id IS NOT NULL THEN 'failed'
             WHEN response.id IS NULL THEN 'running'
             WHEN response.error IS NOT NULL
OR response.result -> 'isError' = 'true' THEN 'failed'
             ELSE 'completed' END AS status,
        request.created_at AS started_at, response.created_at AS answered_at,
        cancel.created_at AS cancelled_at,
        COALESCE(given.elapsed, response.processing_time_ms) AS execution_time_ms,
        response.result,
        CASE WHEN response.id IS NULL
AND cancel.id IS NOT NULL
             THEN jsonb_build_object('message', 'Cancelled', 'reason', cancel.params -> 'reason')
             WHEN response.result -> 'isError' = 'true'
             THEN jsonb_build_object('message', (SELECT string_agg(part ->> 'text', E'\n')
                                                
FROM jsonb_path_query(response.result, '$.content[*]') part))
             ELSE response.error END AS error_details
   
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::integer[])
        AS given (id, request_id, response_id, cancel_id, elapsed)
   
JOIN mcp_messages request ON request.id = given.request_id
    LEFT
JOIN mcp_messages response ON response.id = given.response_id
    LEFT
JOIN mcp_messages cancel ON cancel.id = given.cancel_id
   
WHERE jsonb_typeof(request.params -> 'name') = 'string'
), joined AS (
    SELECT called.id, called.message_id, called.started_at,
        COALESCE(called.server_name, known.server_name) AS server_name,
        CASE WHEN stated ? 'tool_name' THEN known.tool_name ELSE called.tool_name END AS tool_name,
        CASE WHEN stated ? 'arguments' THEN known.arguments ELSE called.arguments END AS arguments,
        CASE WHEN stated ? 'status'
OR called.status = 'running'
AND COALESCE(known.error_details ? 'interrupted', false) THEN known.status ELSE called.status END AS status,
        COALESCE(called.answered_at, 
COALESCE(timestamptz 'epoch' + (stated #>> '{completed_at,1}')::bigint * interval '1 microsecond',
         CASE WHEN stated ? 'completed_at' THEN known.completed_at END)
, called.cancelled_at) AS completed_at,
        COALESCE(called.execution_time_ms, 
COALESCE(CASE WHEN stated #>> '{execution_time_ms,1}' IS NOT NULL
              THEN LEAST((stated #>> '{execution_time_ms,1}')::numeric, 2147483647)::integer END,
         CASE WHEN stated ? 'execution_time_ms' THEN known.execution_time_ms END,
         CASE WHEN 
COALESCE(timestamptz 'epoch' + (stated #>> '{completed_at,1}')::bigint * interval '1 microsecond',
         CASE WHEN stated ? 'completed_at' THEN known.completed_at END)
 IS NOT NULL
AND NOT COALESCE(known.error_details ? 'denied', false)
              THEN LEAST(GREATEST(round(extract(epoch
FROM 
COALESCE(timestamptz 'epoch' + (stated #>> '{completed_at,1}')::bigint * interval '1 microsecond',
         CASE WHEN stated ? 'completed_at' THEN known.completed_at END)
 - called.started_at) * 1000), 0),
                         2147483647)::integer END)
) AS execution_time_ms,
        CASE WHEN stated ? 'result' THEN known.result ELSE called.result END AS result,
        CASE WHEN stated ? 'status' THEN CASE WHEN stated ? 'error_details' THEN known.error_details END
             WHEN called.status = 'running'
AND COALESCE(known.error_details ? 'interrupted', false) THEN known.error_details
             ELSE called.error_details END AS error_details
   
FROM called
   
JOIN mcp_tool_calls known ON known.id = called.id
    LEFT
JOIN mcp_messages before ON before.id = known.message_id
    LEFT
JOIN cc_provenance provenance ON provenance.session_id = called.cc_instance_id
       
AND provenance.kind = 'tool'
AND provenance.id = called.id
    CROSS
JOIN LATERAL (SELECT COALESCE(provenance.told, '{}')) AS of_session (stated)
    -- A request that was sent again is the call; the row of another session's call is not touched.
   
WHERE (before.id IS NULL
OR before.id = ANY($6::uuid[])
          
OR (before.created_at, before.id) <= (called.started_at, called.message_id))
     
AND (provenance.id IS NOT NULL
OR known.cc_instance_id = called.cc_instance_id)
), changed AS (
    UPDATE mcp_tool_calls AS known
    SET message_id = joined.message_id, server_name = joined.server_name, tool_name = joined.tool_name,
        arguments = joined.arguments, status = joined.status, started_at = joined.started_at,
        completed_at = joined.completed_at, execution_time_ms = joined.execution_time_ms,
        result = joined.result, error_details = joined.error_details
   
FROM joined
   
WHERE known.id = joined.id
     
AND (known.message_id, known.server_name, known.tool_name, known.arguments, known.status,
           known.started_at, known.completed_at, known.execution_time_ms, known.result, known.error_details)
          IS DISTINCT FROM
          (joined.message_id, joined.server_name, joined.tool_name, joined.arguments, joined.status,
           joined.started_at, joined.completed_at, joined.execution_time_ms, joined.result,
           joined.error_details)
)
INSERT INTO mcp_tool_calls (id, message_id, cc_instance_id, server_name, tool_name, arguments,
                            status, started_at, completed_at, execution_time_ms, result, error_details)
SELECT id, message_id, cc_instance_id, server_name, tool_name, arguments, status, started_at,
       COALESCE(answered_at, cancelled_at), execution_time_ms, result, error_details
FROM called
ON CONFLICT (id) DO NOTHING

-- services.mcp.calls, _REMOVE
DELETE
FROM mcp_tool_calls AS call
WHERE id = ANY($1::uuid[])
AND message_id = ANY($2::uuid[])
 
AND NOT EXISTS (SELECT
FROM cc_provenance told
                 
WHERE told.session_id = $3
AND told.kind = 'tool'
AND told.id = call.id)

-- services.mcp.recording, _INSERT
INSERT INTO mcp_messages (id, cc_instance_id, message_type, server_name, direction, rpc_id, method,
                          params, result, error, processing_time_ms, created_at)
SELECT id, $1, message_type, server_name, direction, rpc_id, method,
       params::jsonb, result::jsonb, error::jsonb, processing_time_ms, created_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::integer[], $12::timestamptz[])
  AS m(id, message_type, server_name, direction, rpc_id, method,
       params, result, error, processing_time_ms, created_at)
ON CONFLICT (id) DO NOTHING

-- services.mcp.recording, _ANSWER
UPDATE mcp_messages SET method = answer.method, processing_time_ms = answer.processing_time_ms
FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS answer(id, method, processing_time_ms)
WHERE mcp_messages.id = answer.id

-- services.notifications.notifications, _STORE
WITH stored AS (
    INSERT INTO notification_history (user_id, service_type, session_id, notification_type, title, message,
                                      payload, priority, scheduled_at)
    SELECT user_id, service_type, $9::uuid, $10, $11, $12, $13::jsonb, $14, COALESCE($15, now())
   
FROM (SELECT set_config('ccgraph.actor_id', $1::int::text, true) AS actor) AS acting,
        unnest($7::int[], $8::text[]) AS chosen(user_id, service_type)
   
WHERE actor IS NOT NULL
   
RETURNING id
), told AS (
    SELECT COALESCE(array_agg(id
ORDER BY id), '{}') AS keys
FROM stored
), traced AS (
    INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('recipients', $6::int, 'keys', keys), $3::uuid, $4::text::inet, $5::text
FROM told
)
SELECT keys
FROM told

-- services.notifications.notifications, _CANCEL
WITH freed AS (UPDATE notification_history SET summary_of = NULL
WHERE summary_of = $1
AND status = 'pending')
UPDATE notification_history SET status = 'cancelled'
WHERE id = $1

-- services.notifications.notifications, _RETRY
UPDATE notification_history
SET status = 'pending', retry_count = 0, scheduled_at = now(), error_message = NULL, next_attempt_at = NULL,
    summary_of = NULL
WHERE id = $1

-- services.notifications.notifications, _ACKNOWLEDGE
UPDATE websocket_notifications t
SET client_ack = true, delivery_status = 'delivered', first_sent_at = COALESCE(t.first_sent_at, now())
WHERE t.id = $1
AND {viewer} IS NOT NULL
AND {visible}
RETURNING t.id

-- services.notifications.websocket_delivery, _MARK_SENT
UPDATE websocket_notifications SET sent_at=now(), first_sent_at=now()
WHERE websocket_notifications.id IN (__[POSTCOMPILE_written])
AND websocket_notifications.first_sent_at IS NULL

-- services.notifications.websocket_sessions, _OPEN
INSERT INTO websocket_sessions (id, user_id, transport, client_name, client_version, ip_address, user_agent, process_id, connected_at, last_seen, disconnected_at, close_code) VALUES ($1::UUID, $2::INTEGER, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6, $7::VARCHAR, $8::UUID, $9::TIMESTAMP WITH TIME ZONE, $10::TIMESTAMP WITH TIME ZONE, $11::TIMESTAMP WITH TIME ZONE, $12::INTEGER)

-- services.notifications.websocket_sessions, _CLOSE
UPDATE websocket_sessions SET disconnected_at=now(), close_code=$1::INTEGER
WHERE websocket_sessions.id = $2::UUID
AND websocket_sessions.disconnected_at IS NULL

-- services.notifications.websocket_sessions, _CONFIRM
UPDATE websocket_sessions SET last_seen=now()
WHERE websocket_sessions.process_id = $1::UUID
AND websocket_sessions.disconnected_at IS NULL

-- services.notifications.websocket_sessions, _REOPEN
UPDATE websocket_sessions SET last_seen=now(), disconnected_at=$1::TIMESTAMP WITH TIME ZONE, close_code=$2::INTEGER
WHERE websocket_sessions.process_id = $3::UUID
AND websocket_sessions.id = ANY ($4::UUID[])
AND websocket_sessions.disconnected_at IS NOT NULL

-- services.projects.archiving, _ARCHIVE
UPDATE projects SET status = 'archived', archived_at = now()
WHERE id = $1

-- services.projects.archiving, _REMOVE
DELETE
FROM projects
WHERE project_id = $1

-- services.projects.archiving, _STAY
DELETE
FROM project_archive_rows
WHERE project_id = $1
AND table_name = 'projects'

-- services.projects.invitations, _OFFER
INSERT INTO project_invitations AS known (project_id, project_name, user_id, invited_by, role, keep_as)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project_id, user_id) DO UPDATE SET
    project_name = excluded.project_name, invited_by = excluded.invited_by, role = excluded.role,
    keep_as = excluded.keep_as, state = 'pending', invited_at = now(), answered_at = NULL
RETURNING id

-- services.projects.invitations, _RING
INSERT INTO websocket_notifications (socket_id, event_type, event_name, payload, delivery_status)
SELECT id, 'milestone', 'project_invitation', jsonb_build_object('invitation_id', $2::text), 'sent'
FROM websocket_sessions
WHERE user_id = $1
AND disconnected_at IS NULL
ORDER BY last_seen DESC
LIMIT 100

-- services.projects.invitations, _ANSWER
UPDATE project_invitations SET state = $2, answered_at = now()
WHERE id = $1
AND state <> $2

-- services.projects.invitations, _WITHDRAW_FROM
UPDATE project_invitations SET state = 'withdrawn', answered_at = now()
WHERE project_id = $1
AND user_id = $2
AND state = 'pending'

-- services.projects.membership, _HAND_OVER
UPDATE projects SET owner_id = $2
WHERE id = $1

-- services.projects.membership, _STORE
UPDATE projects SET collaborators = $2::jsonb
WHERE id = $1

-- services.projects.membership, _WITHDRAW_ALL
UPDATE project_invitations SET state = 'withdrawn', answered_at = now()
WHERE project_id = $1
AND state = 'pending'

-- services.projects.restoring, _BEGIN
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'projects', jsonb_build_object('returning_since', now())
WHERE NOT EXISTS (SELECT
FROM project_archive_rows AS mark
WHERE mark.project_id = $1::uuid
AND mark.table_name = 'projects')

-- services.projects.restoring, _ACTIVATE
UPDATE projects SET status = 'active', archived_at = NULL
WHERE id = $1

-- services.projects.restoring, _END
UPDATE projects SET status = 'active', archived_at = NULL
WHERE project_id = $1
AND status = 'archived'

-- services.projects.restoring, _END
DELETE
FROM projects_archive
WHERE project_id = $1

-- services.projects.restoring, _PROJECT
INSERT INTO projects (id, project_id, name, description, project_type, repository_url, local_path, default_branch, tech_stack, build_config, deploy_config, environment_vars, owner_id, is_public, collaborators, total_sessions, total_commits, total_worktrees, last_activity, workdir, status, mcp_enabled, max_parallel_cc, ultrathink_protocol, config_json, hold_permission_requests, git_repository, created_at, updated_at, archived_at) SELECT t.id, t.project_id, t.name, t.description, t.project_type, t.repository_url, t.local_path, t.default_branch, t.tech_stack, t.build_config, t.deploy_config, t.environment_vars, t.owner_id, t.is_public, t.collaborators, 0, t.total_commits, 0, t.last_activity, t.workdir, t.status, t.mcp_enabled, t.max_parallel_cc, t.ultrathink_protocol, t.config_json, t.hold_permission_requests, t.git_repository, t.created_at, t.updated_at, t.archived_at
FROM projects_archive t
WHERE t.project_id = $1
AND NOT EXISTS (SELECT
FROM projects AS there
WHERE there.project_id = $1)

-- services.sessions.collaboration, _ASK
INSERT INTO collaboration_participants (collaboration_session_id, user_id, state) VALUES ($1, $2, 'requested')
ON CONFLICT (collaboration_session_id, user_id)
DO UPDATE SET state = 'requested', requested_at = now(), joined_at = NULL, left_at = NULL
RETURNING id

-- services.sessions.collaboration, _ADMIT_BY
UPDATE collaboration_sessions SET access_token = $2
WHERE id = $1

-- services.sessions.collaboration, _JOIN
UPDATE collaboration_participants SET state = 'joined', joined_at = now(), left_at = NULL
WHERE id = $1

-- services.sessions.collaboration, _END_PART
UPDATE collaboration_participants SET state = $2, left_at = now()
WHERE id = $1

-- services.sessions.collaboration, _COUNT
UPDATE collaboration_sessions SET
    current_participants = (SELECT count(*)
FROM collaboration_participants
                           
WHERE collaboration_session_id = $1
AND state = 'joined'),
    total_joins = COALESCE(total_joins, 0) + $2
WHERE id = $1

-- services.sessions.collaboration, _EMPTY
UPDATE collaboration_participants SET state = 'left', left_at = now()
WHERE collaboration_session_id = $1
AND state IN ('joined', 'requested')

-- services.sessions.collaboration, _LEAVE_EVERYTHING
WITH taken AS (
    SELECT id
FROM collaboration_sessions
   
WHERE id IN (SELECT collaboration_session_id
FROM collaboration_participants
WHERE user_id = $1)
   
ORDER BY id FOR NO KEY UPDATE
), gone AS (
    DELETE
FROM collaboration_participants part USING taken
   
WHERE part.collaboration_session_id = taken.id
AND part.user_id = $1
   
RETURNING part.collaboration_session_id AS id, part.state = 'joined' AS counted
)
UPDATE collaboration_sessions shared SET current_participants = shared.current_participants - 1
FROM gone
WHERE gone.id = shared.id
AND gone.counted

-- services.sessions.collaboration, _CLOSE
UPDATE collaboration_sessions SET expires_at = LEAST(expires_at, now()), access_token = NULL
WHERE id = $1

-- services.sessions.sessions, _TOUCH
UPDATE sessions SET last_accessed = now()
WHERE id = $1

-- services.sessions.worktrees, _SYNCED
UPDATE worktrees SET
    last_sync = CASE WHEN $2 THEN now() ELSE last_sync END,
    sync_status = CASE WHEN worktree_id = $3 THEN COALESCE($4, sync_status) ELSE sync_status END,
    commit_hash = CASE WHEN worktree_id = $3
AND $2 THEN COALESCE($5, commit_hash) ELSE commit_hash END
WHERE worktree_id = ANY($1)

-- services.system.backup_runs, _NOTE
INSERT INTO backup_runs
    (id, kind, status, started_at, finished_at, path, size_bytes, row_count, encryption_keys, error)
VALUES ($1, $2, $3, $4, COALESCE($5, now()), $6, $7, $8, $9::jsonb, $10)

-- services.system.backup_runs, _VERIFIED
UPDATE backup_runs SET verified_at = now(), is_verified = $2
WHERE id = $1

-- services.system.backup_runs, _REMOVED
UPDATE backup_runs SET removed_at = now()
WHERE id = ANY($1)
AND removed_at IS NULL

-- services.system.backup_runs, _FORGET
DELETE
FROM backup_runs
WHERE finished_at < now() - $1::interval
AND (removed_at IS NOT NULL
OR status = 'failed')

-- services.system.contents, END_CURSORS
UPDATE feed_state SET epoch = gen_random_uuid()

-- services.system.maintenance, _INTERRUPTED
UPDATE maintenance_runs SET status = 'interrupted', finished_at = now()
WHERE status = 'running'

-- services.system.maintenance, _BEGIN
INSERT INTO maintenance_runs (origin, status) VALUES ($1, 'running')
RETURNING id

-- services.system.maintenance, _NOTE
UPDATE maintenance_runs SET steps = $2::jsonb
WHERE id = $1
AND status = 'running'

-- services.system.maintenance, _END
UPDATE maintenance_runs SET steps = $2::jsonb, failed_steps = $3, status = $4, finished_at = now()
WHERE id = $1
AND status = 'running'

-- services.system.maintenance_steps, _FORGET_PATHS
DELETE
FROM file_paths
WHERE ctid = ANY ($1::text[]::tid[])
AND (NOT EXISTS (SELECT
FROM file_operations
WHERE hashtextextended(file_operations.file_path, 0) = hashtextextended(file_paths.path, 0)
AND file_operations.file_path = file_paths.path
AND true)
OR EXISTS (SELECT
FROM file_paths AS earlier
WHERE hashtextextended(earlier.path, 0) = hashtextextended(file_paths.path, 0)
AND earlier.path = file_paths.path
AND earlier.ctid < file_paths.ctid))

-- services.tasks.claims, _CLAIM
UPDATE tasks t SET status = 'RUNNING', started_at = now(), completed_at = NULL, assigned_to = $2, lease_expires_at = now() + $3::interval
WHERE t.id = $1
AND NOT EXISTS (SELECT
FROM task_dependencies AS edge
JOIN tasks AS blocker ON blocker.id = edge.dependency_task_id
WHERE edge.task_id = t.id
AND edge.dependency_type IN ('blocks', 'requires')
AND blocker.status <> 'COMPLETED' OFFSET 0)
RETURNING t.id

-- services.tasks.claims, _CLAIM_NEXT
WITH claimant AS (
    SELECT t.id, t.project_id, set_config('ccgraph.actor_id', $1::int::text, true) AS actor
FROM cc_instances t
   
WHERE t.id = $6::uuid
AND t.status IN ('IDLE', 'RUNNING')
AND NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = t.project_id
AND p.status = 'archived'))
AND {allowed}
    FOR KEY SHARE OF t
), expired AS (
    SELECT held.id
FROM tasks held
JOIN claimant USING (project_id)
   
WHERE held.lease_expires_at < now()
AND held.status = 'RUNNING'
LIMIT 1
), next AS (
    SELECT t.id
FROM tasks t
   
WHERE t.project_id = (SELECT project_id
FROM claimant
WHERE actor IS NOT NULL)
     
AND t.status IN ('PENDING', 'QUEUED')
     
AND (t.assigned_to IS NULL
OR t.assigned_to = $6)
     
AND ($7::text[] IS NULL
OR t.task_type = ANY($7))
     
AND NOT EXISTS (SELECT
FROM task_dependencies AS edge
JOIN tasks AS blocker ON blocker.id = edge.dependency_task_id
WHERE edge.task_id = t.id
AND edge.dependency_type IN ('blocks', 'requires')
AND blocker.status <> 'COMPLETED' OFFSET 0)
     
AND NOT EXISTS (SELECT
FROM expired)
   
ORDER BY t.priority DESC, t.created_at, t.id
   
LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
), claimed AS (
    UPDATE tasks SET status = 'RUNNING', started_at = now(), completed_at = NULL, assigned_to = $6, lease_expires_at = now() + $8::interval
   
FROM next
WHERE tasks.id = next.id
   
RETURNING tasks.id
), traced AS (
    INSERT INTO system_logs (level, category, module, user_id, message, details, request_id, ip_address, user_agent) SELECT 'INFO', 'audit', 'api', $1::int, $2::text, jsonb_build_object('ccInstanceId', $6::uuid, 'key', id), $3::uuid, $4::text::inet, $5::text
FROM claimed
)
SELECT (SELECT id
FROM claimed) AS id,
    EXISTS (SELECT
FROM claimant)
AND NOT EXISTS (SELECT
FROM expired) AS is_in_order

-- services.tasks.leases, _REQUEUE
UPDATE tasks SET status = 'QUEUED', assigned_to = NULL, lease_expires_at = NULL, started_at = NULL, completed_at = NULL, actual_duration_minutes = NULL, queued_at = now()
WHERE id IN (
    SELECT id
FROM tasks
   
WHERE lease_expires_at < now()
AND status = 'RUNNING'
AND ($1::uuid IS NULL
OR project_id = $1)
   
ORDER BY id
LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED)

-- services.tasks.tasks, _RENEW
UPDATE tasks SET lease_expires_at = now() + $2::interval
WHERE id = $1

-- services.usage.recording, _STORE
WITH allowed AS (
    SELECT given.*, t.user_id
   
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::text[], $8::text[], $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::bigint[], $16::integer[], $17::integer[]) AS given (id, session_id, request_id, requested_at, cc_instance_id, model, asked_by, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, cost_micro_usd, duration_ms, time_to_first_token_ms)
   
JOIN sessions AS t ON t.session_id = given.session_id
    LEFT
JOIN cc_instances AS instance ON instance.id = given.cc_instance_id
   
WHERE $1::int IS NOT NULL
AND {session}
AND NOT (EXISTS (SELECT
FROM projects p
WHERE p.id = t.project_id
AND p.status = 'archived'))
     
AND (given.cc_instance_id IS NULL
          
OR (instance.id IS NOT NULL
AND {instance}
              
AND NOT (EXISTS (SELECT
FROM projects p
WHERE p.project_id = instance.project_id
AND p.status = 'archived'))))
),
written AS (
    INSERT INTO cc_usage AS known (id, session_id, request_id, requested_at, cc_instance_id, model, asked_by, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, cost_micro_usd, duration_ms, time_to_first_token_ms, user_id)
    SELECT *
FROM allowed
ORDER BY id
    ON CONFLICT (id) DO UPDATE SET input_tokens = GREATEST(known.input_tokens, excluded.input_tokens), output_tokens = GREATEST(known.output_tokens, excluded.output_tokens), cache_read_tokens = GREATEST(known.cache_read_tokens, excluded.cache_read_tokens), cache_creation_tokens = GREATEST(known.cache_creation_tokens, excluded.cache_creation_tokens), cache_creation_5m_tokens = GREATEST(known.cache_creation_5m_tokens, excluded.cache_creation_5m_tokens), cache_creation_1h_tokens = GREATEST(known.cache_creation_1h_tokens, excluded.cache_creation_1h_tokens), model = GREATEST(known.model COLLATE "C", excluded.model COLLATE "C"), asked_by = GREATEST(known.asked_by COLLATE "C", excluded.asked_by COLLATE "C"), duration_ms = GREATEST(known.duration_ms, excluded.duration_ms), time_to_first_token_ms = GREATEST(known.time_to_first_token_ms, excluded.time_to_first_token_ms), requested_at = LEAST(known.requested_at, excluded.requested_at), cc_instance_id = COALESCE(GREATEST(NULLIF(known.cc_instance_id, known.session_id), NULLIF(excluded.cc_instance_id, known.session_id)), known.cc_instance_id, excluded.cc_instance_id), cost_micro_usd = CASE WHEN (known.cost_micro_usd IS NOT NULL
AND NOT known.cost_is_estimated)
AND excluded.cost_micro_usd IS NOT NULL THEN GREATEST(known.cost_micro_usd, excluded.cost_micro_usd) ELSE COALESCE(excluded.cost_micro_usd, known.cost_micro_usd) END, cost_is_estimated = known.cost_is_estimated
AND excluded.cost_micro_usd IS NULL
   
WHERE known.session_id = excluded.session_id
     
AND (known.input_tokens, known.output_tokens, known.cache_read_tokens, known.cache_creation_tokens, known.cache_creation_5m_tokens, known.cache_creation_1h_tokens, known.model, known.asked_by, known.duration_ms, known.time_to_first_token_ms, known.requested_at, known.cc_instance_id, known.cost_micro_usd, known.cost_is_estimated)
          IS DISTINCT FROM (GREATEST(known.input_tokens, excluded.input_tokens), GREATEST(known.output_tokens, excluded.output_tokens), GREATEST(known.cache_read_tokens, excluded.cache_read_tokens), GREATEST(known.cache_creation_tokens, excluded.cache_creation_tokens), GREATEST(known.cache_creation_5m_tokens, excluded.cache_creation_5m_tokens), GREATEST(known.cache_creation_1h_tokens, excluded.cache_creation_1h_tokens), GREATEST(known.model COLLATE "C", excluded.model COLLATE "C"), GREATEST(known.asked_by COLLATE "C", excluded.asked_by COLLATE "C"), GREATEST(known.duration_ms, excluded.duration_ms), GREATEST(known.time_to_first_token_ms, excluded.time_to_first_token_ms), LEAST(known.requested_at, excluded.requested_at), COALESCE(GREATEST(NULLIF(known.cc_instance_id, known.session_id), NULLIF(excluded.cc_instance_id, known.session_id)), known.cc_instance_id, excluded.cc_instance_id), CASE WHEN (known.cost_micro_usd IS NOT NULL
AND NOT known.cost_is_estimated)
AND excluded.cost_micro_usd IS NOT NULL THEN GREATEST(known.cost_micro_usd, excluded.cost_micro_usd) ELSE COALESCE(excluded.cost_micro_usd, known.cost_micro_usd) END, known.cost_is_estimated
AND excluded.cost_micro_usd IS NULL)
   
RETURNING id, model
)
SELECT id, written.id IS NOT NULL AS is_written, written.model
FROM allowed LEFT
JOIN written USING (id)

-- services.usage.recording, _SETTLE
UPDATE cc_usage AS known
SET (project_id, cache_creation_tokens, cost_micro_usd, cost_is_estimated)
    = (settled.project_id, settled.cache_creation_tokens, settled.cost_micro_usd, settled.cost_is_estimated)
FROM (
    SELECT known.id, COALESCE((SELECT i.project_id
FROM cc_instances i
WHERE i.id = known.cc_instance_id), (SELECT p.project_id
FROM sessions s
JOIN projects p ON p.id = s.project_id
WHERE s.session_id = known.session_id)) AS project_id, GREATEST(known.cache_creation_tokens, LEAST(known.cache_creation_5m_tokens::bigint + known.cache_creation_1h_tokens, 2147483647))::integer AS cache_creation_tokens,
           CASE WHEN (known.cost_micro_usd IS NOT NULL
AND NOT known.cost_is_estimated) THEN known.cost_micro_usd ELSE round((
    known.input_tokens * price.input + known.output_tokens * price.output
    + known.cache_read_tokens * price.cache_read + known.cache_creation_1h_tokens * price.cache_creation_1h
    + GREATEST(known.cache_creation_tokens - known.cache_creation_1h_tokens, known.cache_creation_5m_tokens)
      * price.cache_creation_5m) / 1000000)::bigint END
               AS cost_micro_usd,
           NOT (known.cost_micro_usd IS NOT NULL
AND NOT known.cost_is_estimated)
AND price.input IS NOT NULL AS cost_is_estimated
   
FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[])
        AS price (id, input, output, cache_read, cache_creation_5m, cache_creation_1h)
   
JOIN cc_usage AS known USING (id)
) AS settled
WHERE known.id = settled.id
 
AND (known.project_id, known.cache_creation_tokens, known.cost_micro_usd, known.cost_is_estimated)
      IS DISTINCT FROM (settled.project_id, settled.cache_creation_tokens, settled.cost_micro_usd,
                        settled.cost_is_estimated)

-- services.writing.audit, _LOG
INSERT INTO system_logs (level, category, module, user_id, message, details,
                         request_id, ip_address, user_agent)
VALUES ('INFO', 'audit', 'api', $1, $2, $3, $4, $5::text::inet, $6)

-- services.writing.open_requests, _LAPSE
UPDATE cc_permission_requests SET decision = 'lapsed', answered_at = now(), waited_ms = least(greatest((extract(epoch
FROM now()) - extract(epoch
FROM asked_at)) * 1000, 0), 9223372036854775807)::bigint
WHERE id IN (
    SELECT id
FROM cc_permission_requests
   
WHERE cc_instance_id = ANY($1::uuid[])
AND decision IS NULL
   
ORDER BY id FOR NO KEY UPDATE)

-- services.writing.open_requests, _FAIL
UPDATE mcp_tool_calls SET status = 'failed', error_details = jsonb_build_object(
    'message', 'The process ended before the tool did.', 'interrupted', true)
WHERE id IN (
    SELECT id
FROM mcp_tool_calls
   
WHERE cc_instance_id = ANY($1::uuid[])
AND status IN ('pending', 'running')
   
ORDER BY id FOR NO KEY UPDATE)

-- services.writing.task_claims, _RELEASE
UPDATE tasks SET status = 'QUEUED', assigned_to = NULL, lease_expires_at = NULL, started_at = NULL, completed_at = NULL, actual_duration_minutes = NULL, queued_at = now()
WHERE id IN (
    SELECT id
FROM tasks
   
WHERE assigned_to = ANY($1::uuid[])
AND status = 'RUNNING'
AND lease_expires_at IS NOT NULL
   
ORDER BY id FOR NO KEY UPDATE)

-- app.worker, _PUBLISH_KEY
INSERT INTO system_settings
    (setting_key, setting_value, data_type, category, description, is_public, is_readonly)
VALUES ($1, to_jsonb($2::text), 'string', 'notifications', $3, true, true)
ON CONFLICT (setting_key) DO UPDATE
SET setting_value = EXCLUDED.setting_value, version = COALESCE(system_settings.version, 0) + 1,
    previous_value = system_settings.setting_value
WHERE system_settings.setting_value IS DISTINCT FROM EXCLUDED.setting_value

-- services.accounts.accounts.adding
INSERT INTO users (username, email) VALUES ($1::VARCHAR, $2::VARCHAR)
RETURNING users.id

-- services.accounts.accounts.changing
UPDATE users SET is_active=$1::BOOLEAN
WHERE users.id = $2::INTEGER

-- services.accounts.rate_limits.Counter, unused-api-calls, take
INSERT INTO api_call_counts AS counted (user_id, hour, calls) VALUES ($1, date_trunc('hour', now()), $2) ON CONFLICT (user_id, hour) DO UPDATE SET calls = counted.calls + $2
WHERE counted.calls + $2 <= $3
RETURNING hour, calls

-- services.accounts.rate_limits.Counter, unused-api-calls, give back
UPDATE api_call_counts SET calls = calls - :unused
WHERE user_id = :of_user
AND hour = :of_hour

-- services.accounts.rate_limits.Counter, unused-ingest-records, take
INSERT INTO ingest_counts AS counted (user_id, hour, records) VALUES ($1, date_trunc('hour', now()), $2) ON CONFLICT (user_id, hour) DO UPDATE SET records = counted.records + $2
WHERE counted.records + $2 <= $3
RETURNING hour, records

-- services.accounts.rate_limits.Counter, unused-ingest-records, give back
UPDATE ingest_counts SET records = records - :unused
WHERE user_id = :of_user
AND hour = :of_hour

-- services.accounts.rate_limits.Counter, unused-ingest-bytes, take
INSERT INTO ingest_counts AS counted (user_id, hour, bytes) VALUES ($1, date_trunc('hour', now()), $2) ON CONFLICT (user_id, hour) DO UPDATE SET bytes = counted.bytes + $2
WHERE counted.bytes + $2 <= $3
RETURNING hour, bytes

-- services.accounts.rate_limits.Counter, unused-ingest-bytes, give back
UPDATE ingest_counts SET bytes = bytes - :unused
WHERE user_id = :of_user
AND hour = :of_hour

-- services.accounts.token_store.revoking
UPDATE auth_tokens SET is_active=$1::BOOLEAN
WHERE auth_tokens.id IN (SELECT auth_tokens.id 
FROM auth_tokens 
WHERE auth_tokens.user_id = $2::INTEGER
AND auth_tokens.is_active IS true
ORDER BY auth_tokens.id FOR NO KEY UPDATE)

-- services.fleet.storing.insertion, cc_logs
INSERT INTO cc_logs (id, message) SELECT *
FROM unnest($1::UUID[], $2::TEXT[]) ON CONFLICT DO NOTHING
RETURNING id

-- services.fleet.storing.replacement, tasks
INSERT INTO tasks AS known (id, name, status) SELECT *
FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[]) ON CONFLICT (id) DO UPDATE SET name = excluded.name
WHERE (known.name) IS DISTINCT FROM (excluded.name)
AND (true)
RETURNING id

-- services.fleet.storing.patching, cc_logs
UPDATE cc_logs AS known SET message = CASE WHEN (given.mask & 1) <> 0 THEN given.message ELSE known.message END, details = CASE WHEN (given.mask & 2) <> 0 THEN given.details ELSE known.details END
FROM unnest($2::uuid[], $3::int[], $4::TEXT[], $5::JSONB[]) AS given (id, mask, message, details)
WHERE known.id = given.id
AND known.cc_instance_id = ANY($1::uuid[])

-- services.instances.activities.noting
UPDATE cc_instances SET activity = $2, activity_detail = $3, last_heartbeat = GREATEST(last_heartbeat, now()), activity_since = CASE WHEN activity = $2 THEN activity_since ELSE now() END
WHERE id = $1

-- services.instances.activities.noting, with a model
UPDATE cc_instances SET activity = $2, activity_detail = $3, last_heartbeat = GREATEST(last_heartbeat, now()), activity_since = CASE WHEN activity = $2 THEN activity_since ELSE now() END, model = $4
WHERE id = $1

-- services.notifications.websocket_delivery.giving_up
UPDATE websocket_notifications SET delivery_status=$1::VARCHAR
WHERE websocket_notifications.id IN (SELECT websocket_notifications.id 
FROM websocket_notifications 
WHERE websocket_notifications.delivery_status = $2::VARCHAR
AND websocket_notifications.first_sent_at IS NOT NULL
AND websocket_notifications.sent_at < now() - $3::INTERVAL
AND websocket_notifications.retry_count >= $4::INTEGER FOR UPDATE SKIP LOCKED)

-- services.notifications.websocket_delivery.sending_again
UPDATE websocket_notifications SET sent_at=now(), retry_count=(websocket_notifications.retry_count + $1::INTEGER)
WHERE websocket_notifications.id IN (SELECT websocket_notifications.id 
FROM websocket_notifications 
WHERE websocket_notifications.delivery_status = $2::VARCHAR
AND websocket_notifications.first_sent_at IS NOT NULL
AND websocket_notifications.sent_at < now() - $3::INTERVAL
AND websocket_notifications.retry_count < $4::INTEGER FOR UPDATE SKIP LOCKED)

-- services.notifications.websocket_sessions.closing_lost
UPDATE websocket_sessions SET disconnected_at=websocket_sessions.last_seen, close_code=$1::INTEGER
WHERE websocket_sessions.id IN (SELECT websocket_sessions.id 
FROM websocket_sessions 
WHERE websocket_sessions.disconnected_at IS NULL
AND websocket_sessions.last_seen < now() - $2::INTERVAL 

LIMIT $3::INTEGER FOR UPDATE SKIP LOCKED)

-- services.projects.archiving.departure, projects, into the archive
INSERT INTO projects_archive (id, project_id, name, description, project_type, repository_url, local_path, default_branch, tech_stack, build_config, deploy_config, environment_vars, owner_id, is_public, collaborators, total_sessions, total_commits, total_worktrees, last_activity, workdir, status, mcp_enabled, max_parallel_cc, ultrathink_protocol, config_json, hold_permission_requests, git_repository, created_at, updated_at, archived_at) SELECT t.id, t.project_id, t.name, t.description, t.project_type, t.repository_url, t.local_path, t.default_branch, t.tech_stack, t.build_config, t.deploy_config, t.environment_vars, t.owner_id, t.is_public, t.collaborators, t.total_sessions, t.total_commits, t.total_worktrees, t.last_activity, t.workdir, t.status, t.mcp_enabled, t.max_parallel_cc, t.ultrathink_protocol, t.config_json, t.hold_permission_requests, t.git_repository, t.created_at, t.updated_at, t.archived_at
FROM projects t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, projects, out of the table
DELETE
FROM projects t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_instances, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'cc_instances', to_jsonb(t) - CASE WHEN t.environment_vars IS NULL THEN 'environment_vars' ELSE '' END - CASE WHEN t.resource_limits IS NULL THEN 'resource_limits' ELSE '' END
FROM cc_instances t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_instances, out of the table
DELETE
FROM cc_instances t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, features, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'features', to_jsonb(t)
FROM features t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, features, out of the table
DELETE
FROM features t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, requirements, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'requirements', to_jsonb(t)
FROM requirements t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, requirements, out of the table
DELETE
FROM requirements t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, websocket_notifications, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'websocket_notifications', to_jsonb(t) - CASE WHEN t.payload IS NULL THEN 'payload' ELSE '' END
FROM websocket_notifications t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, websocket_notifications, out of the table
DELETE
FROM websocket_notifications t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, worktrees, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'worktrees', jsonb_build_object('id', t.id, 'project_id', t.project_id)
FROM worktrees t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, worktrees, out of the table
UPDATE worktrees t SET project_id = CASE WHEN NOT (t.project_id = (SELECT id
FROM projects
WHERE project_id = $1)) THEN t.project_id END
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, mcp_messages, into the archive
INSERT INTO mcp_messages_archive (id, cc_instance_id, message_type, method, params, result, error, rpc_id, server_name, direction, processing_time_ms, created_at, project_id) SELECT t.id, t.cc_instance_id, t.message_type, t.method, t.params, t.result, t.error, t.rpc_id, t.server_name, t.direction, t.processing_time_ms, t.created_at, $1
FROM mcp_messages t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, mcp_messages, out of the table
DELETE
FROM mcp_messages t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, sessions, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'sessions', jsonb_build_object('id', t.id, 'project_id', t.project_id)
FROM sessions t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, sessions, out of the table
UPDATE sessions t SET project_id = CASE WHEN NOT (t.project_id = (SELECT id
FROM projects
WHERE project_id = $1)) THEN t.project_id END
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, tasks, into the archive
INSERT INTO tasks_archive (id, project_id, parent_task_id, name, description, status, priority, task_type, assigned_to, mcp_enabled, ultrathink_protocol, instruction, input_data, input_secrets, output_data, output_secrets, worktree_path, estimated_duration_minutes, actual_duration_minutes, lease_expires_at, created_at, updated_at, queued_at, started_at, completed_at) SELECT t.id, t.project_id, t.parent_task_id, t.name, t.description, t.status, t.priority, t.task_type, t.assigned_to, t.mcp_enabled, t.ultrathink_protocol, t.instruction, t.input_data, t.input_secrets, t.output_data, t.output_secrets, t.worktree_path, t.estimated_duration_minutes, t.actual_duration_minutes, t.lease_expires_at, t.created_at, t.updated_at, t.queued_at, t.started_at, t.completed_at
FROM tasks t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, tasks, out of the table
DELETE
FROM tasks t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_logs, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'cc_logs', jsonb_build_object('id', t.id, 'created_at', t.created_at, 'cc_instance_id', t.cc_instance_id, 'task_id', t.task_id)
FROM cc_logs t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)
AND t.created_at = ANY ($3)

-- services.projects.archiving.departure, cc_logs, out of the table
UPDATE cc_logs t SET cc_instance_id = CASE WHEN NOT (t.cc_instance_id IN (SELECT id
FROM cc_instances
WHERE project_id = $1)) THEN t.cc_instance_id END, task_id = CASE WHEN NOT (t.task_id IN (SELECT id
FROM tasks
WHERE project_id = $1)) THEN t.task_id END
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)
AND t.created_at = ANY ($3)

-- services.projects.archiving.departure, cc_permission_requests, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'cc_permission_requests', to_jsonb(t) - CASE WHEN t.suggestions IS NULL THEN 'suggestions' ELSE '' END - CASE WHEN t.tool_input IS NULL THEN 'tool_input' ELSE '' END
FROM cc_permission_requests t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_permission_requests, out of the table
DELETE
FROM cc_permission_requests t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_usage, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'cc_usage', jsonb_build_object('id', t.id, 'project_id', t.project_id, 'cc_instance_id', t.cc_instance_id)
FROM cc_usage t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, cc_usage, out of the table
UPDATE cc_usage t SET project_id = CASE WHEN NOT (t.project_id = $1) THEN t.project_id END, cc_instance_id = CASE WHEN NOT (t.cc_instance_id IN (SELECT id
FROM cc_instances
WHERE project_id = $1)) THEN t.cc_instance_id END
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, git_worktrees, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'git_worktrees', to_jsonb(t) - CASE WHEN t.git_status IS NULL THEN 'git_status' ELSE '' END
FROM git_worktrees t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, git_worktrees, out of the table
DELETE
FROM git_worktrees t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, mcp_tool_calls, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'mcp_tool_calls', to_jsonb(t) - CASE WHEN t.arguments IS NULL THEN 'arguments' ELSE '' END - CASE WHEN t.error_details IS NULL THEN 'error_details' ELSE '' END - CASE WHEN t.result IS NULL THEN 'result' ELSE '' END
FROM mcp_tool_calls t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, mcp_tool_calls, out of the table
DELETE
FROM mcp_tool_calls t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, task_dependencies, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'task_dependencies', to_jsonb(t)
FROM task_dependencies t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, task_dependencies, out of the table
DELETE
FROM task_dependencies t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, task_logs, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'task_logs', jsonb_build_object('id', t.id, 'created_at', t.created_at, 'cc_instance_id', t.cc_instance_id, 'task_id', t.task_id)
FROM task_logs t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)
AND t.created_at = ANY ($3)

-- services.projects.archiving.departure, task_logs, out of the table
UPDATE task_logs t SET cc_instance_id = CASE WHEN NOT (t.cc_instance_id IN (SELECT id
FROM cc_instances
WHERE project_id = $1)) THEN t.cc_instance_id END, task_id = CASE WHEN NOT (t.task_id IN (SELECT id
FROM tasks
WHERE project_id = $1)) THEN t.task_id END
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)
AND t.created_at = ANY ($3)

-- services.projects.archiving.departure, ultrathink_messages, into the archive
INSERT INTO project_archive_rows (project_id, table_name, content) SELECT $1, 'ultrathink_messages', to_jsonb(t)
FROM ultrathink_messages t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.archiving.departure, ultrathink_messages, out of the table
DELETE
FROM ultrathink_messages t
WHERE $1::uuid IS NOT NULL
AND t.id = ANY ($2)

-- services.projects.restoring.arrival, projects
WITH chosen AS MATERIALIZED (SELECT t.id
FROM projects_archive t
WHERE t.project_id = $1
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM projects_archive t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO projects (id, project_id, name, description, project_type, repository_url, local_path, default_branch, tech_stack, build_config, deploy_config, environment_vars, owner_id, is_public, collaborators, total_sessions, total_commits, total_worktrees, last_activity, workdir, status, mcp_enabled, max_parallel_cc, ultrathink_protocol, config_json, hold_permission_requests, git_repository, created_at, updated_at, archived_at) SELECT t.id, t.project_id, t.name, t.description, t.project_type, t.repository_url, t.local_path, t.default_branch, t.tech_stack, t.build_config, t.deploy_config, t.environment_vars, t.owner_id, t.is_public, t.collaborators, t.total_sessions, t.total_commits, t.total_worktrees, t.last_activity, t.workdir, t.status, t.mcp_enabled, t.max_parallel_cc, t.ultrathink_protocol, t.config_json, t.hold_permission_requests, t.git_repository, t.created_at, t.updated_at, t.archived_at
FROM gone t
WHERE true) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, cc_instances
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'cc_instances'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO cc_instances (id, project_id, name, type, status, parent_instance_id, worktree_path, process_id, socket_id, claude_api_key_hash, startup_command, environment_vars, resource_limits, created_at, started_at, last_heartbeat, terminated_at, exit_code, activity, activity_since, activity_detail, model, last_message, context_used_percent) SELECT r.id, (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id), r.name, r.type, r.status, r.parent_instance_id, r.worktree_path, r.process_id, (SELECT there.id
FROM websocket_sessions AS there
WHERE there.id = r.socket_id), r.claude_api_key_hash, r.startup_command, a.content -> 'environment_vars', a.content -> 'resource_limits', r.created_at, r.started_at, r.last_heartbeat, r.terminated_at, r.exit_code, r.activity, r.activity_since, r.activity_detail, r.model, r.last_message, r.context_used_percent
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::cc_instances, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, features
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'features'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO features (id, project_id, name, description, feature_type, priority, status, mcp_integration, created_at, updated_at) SELECT r.id, (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id), r.name, r.description, r.feature_type, r.priority, r.status, r.mcp_integration, r.created_at, r.updated_at
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::features, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, requirements
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'requirements'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO requirements (id, project_id, type, title, content, priority, status, created_at, updated_at) SELECT r.id, (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id), r.type, r.title, r.content, r.priority, r.status, r.created_at, r.updated_at
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::requirements, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, websocket_notifications
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'websocket_notifications'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO websocket_notifications (id, socket_id, project_id, event_type, event_name, payload, sent_at, first_sent_at, delivery_status, retry_count, client_ack) SELECT r.id, (SELECT there.id
FROM websocket_sessions AS there
WHERE there.id = r.socket_id), (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id), r.event_type, r.event_name, a.content -> 'payload', r.sent_at, r.first_sent_at, r.delivery_status, r.retry_count, r.client_ack
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::websocket_notifications, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, worktrees
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'worktrees'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (UPDATE worktrees t SET project_id = COALESCE(t.project_id, r.project_id)
FROM (SELECT r.id, (SELECT there.id
FROM projects AS there
WHERE there.id = r.project_id) AS project_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::worktrees, a.content) AS r) AS r
WHERE t.id = r.id) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, mcp_messages
WITH chosen AS MATERIALIZED (SELECT t.id
FROM mcp_messages_archive t
WHERE t.project_id = $1
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM mcp_messages_archive t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO mcp_messages (id, cc_instance_id, message_type, method, params, result, error, rpc_id, server_name, direction, processing_time_ms, created_at) SELECT t.id, t.cc_instance_id, t.message_type, t.method, t.params, t.result, t.error, t.rpc_id, t.server_name, t.direction, t.processing_time_ms, t.created_at
FROM gone t
WHERE true) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, sessions
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'sessions'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (UPDATE sessions t SET project_id = COALESCE(t.project_id, r.project_id)
FROM (SELECT r.id, (SELECT there.id
FROM projects AS there
WHERE there.id = r.project_id) AS project_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::sessions, a.content) AS r) AS r
WHERE t.id = r.id) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, tasks
WITH chosen AS MATERIALIZED (SELECT t.id
FROM tasks_archive t
WHERE t.project_id = $1
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM tasks_archive t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO tasks (id, project_id, parent_task_id, name, description, status, priority, task_type, assigned_to, mcp_enabled, ultrathink_protocol, instruction, input_data, input_secrets, output_data, output_secrets, worktree_path, estimated_duration_minutes, actual_duration_minutes, lease_expires_at, created_at, updated_at, queued_at, started_at, completed_at) SELECT t.id, t.project_id, t.parent_task_id, t.name, t.description, t.status, t.priority, t.task_type, t.assigned_to, t.mcp_enabled, t.ultrathink_protocol, t.instruction, t.input_data, t.input_secrets, t.output_data, t.output_secrets, t.worktree_path, t.estimated_duration_minutes, t.actual_duration_minutes, t.lease_expires_at, t.created_at, t.updated_at, t.queued_at, t.started_at, t.completed_at
FROM gone t
WHERE true) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, cc_logs
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'cc_logs'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (UPDATE cc_logs t SET cc_instance_id = COALESCE(t.cc_instance_id, r.cc_instance_id), task_id = COALESCE(t.task_id, r.task_id)
FROM (SELECT r.id, r.created_at, (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id) AS cc_instance_id, (SELECT there.id
FROM tasks AS there
WHERE there.id = r.task_id) AS task_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::cc_logs, a.content) AS r) AS r
WHERE t.id = r.id
AND t.created_at = r.created_at) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, cc_permission_requests
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'cc_permission_requests'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO cc_permission_requests (id, cc_instance_id, session_id, user_id, tool_name, tool_input, suggestions, asked_at, held_until, answered_at, answered_by, decision, message, waited_ms) SELECT r.id, (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id), (SELECT there.session_id
FROM sessions AS there
WHERE there.session_id = r.session_id), (SELECT there.id
FROM users AS there
WHERE there.id = r.user_id), r.tool_name, a.content -> 'tool_input', a.content -> 'suggestions', r.asked_at, r.held_until, r.answered_at, (SELECT there.id
FROM users AS there
WHERE there.id = r.answered_by), r.decision, r.message, r.waited_ms
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::cc_permission_requests, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, cc_usage
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'cc_usage'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (UPDATE cc_usage t SET project_id = COALESCE(t.project_id, r.project_id), cc_instance_id = COALESCE(t.cc_instance_id, r.cc_instance_id)
FROM (SELECT r.id, (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id) AS project_id, (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id) AS cc_instance_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::cc_usage, a.content) AS r) AS r
WHERE t.id = r.id) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, git_worktrees
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'git_worktrees'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO git_worktrees (id, project_id, cc_instance_id, task_id, worktree_name, worktree_path, base_branch, current_branch, git_status, created_at, last_commit_hash, last_commit_at, cleanup_scheduled_at, cleanup_completed_at) SELECT r.id, (SELECT there.project_id
FROM projects AS there
WHERE there.project_id = r.project_id), (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id), (SELECT there.id
FROM tasks AS there
WHERE there.id = r.task_id), r.worktree_name, r.worktree_path, r.base_branch, r.current_branch, a.content -> 'git_status', r.created_at, r.last_commit_hash, r.last_commit_at, r.cleanup_scheduled_at, r.cleanup_completed_at
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::git_worktrees, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, mcp_tool_calls
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'mcp_tool_calls'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO mcp_tool_calls (id, message_id, cc_instance_id, tool_name, arguments, status, started_at, completed_at, execution_time_ms, result, error_details, retry_count, server_name, message_instance_id) SELECT r.id, (SELECT there.id
FROM mcp_messages AS there
WHERE there.id = r.message_id), (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id), r.tool_name, a.content -> 'arguments', r.status, r.started_at, r.completed_at, r.execution_time_ms, a.content -> 'result', a.content -> 'error_details', r.retry_count, r.server_name, r.message_instance_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::mcp_tool_calls, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, task_dependencies
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'task_dependencies'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO task_dependencies (id, task_id, dependency_task_id, dependency_type, created_at) SELECT r.id, (SELECT there.id
FROM tasks AS there
WHERE there.id = r.task_id), (SELECT there.id
FROM tasks AS there
WHERE there.id = r.dependency_task_id), r.dependency_type, r.created_at
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::task_dependencies, a.content) AS r) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, task_logs
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'task_logs'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (UPDATE task_logs t SET cc_instance_id = COALESCE(t.cc_instance_id, r.cc_instance_id), task_id = COALESCE(t.task_id, r.task_id)
FROM (SELECT r.id, r.created_at, (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.cc_instance_id) AS cc_instance_id, (SELECT there.id
FROM tasks AS there
WHERE there.id = r.task_id) AS task_id
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::task_logs, a.content) AS r) AS r
WHERE t.id = r.id
AND t.created_at = r.created_at) SELECT count(*)
FROM gone

-- services.projects.restoring.arrival, ultrathink_messages
WITH chosen AS MATERIALIZED (SELECT t.id
FROM project_archive_rows t
WHERE t.project_id = $1
AND t.table_name = 'ultrathink_messages'
LIMIT 500 FOR UPDATE OF t), gone AS (DELETE
FROM project_archive_rows t USING chosen
WHERE t.id = chosen.id
RETURNING t.*), back AS (INSERT INTO ultrathink_messages (id, parent_instance_id, child_instance_id, task_id, protocol_version, instruction_type, instruction_content, keyword_detected, sent_at, acknowledged_at, response_content, execution_started_at, completed_at, status) SELECT r.id, (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.parent_instance_id), (SELECT there.id
FROM cc_instances AS there
WHERE there.id = r.child_instance_id), (SELECT there.id
FROM tasks AS there
WHERE there.id = r.task_id), r.protocol_version, r.instruction_type, r.instruction_content, r.keyword_detected, r.sent_at, r.acknowledged_at, r.response_content, r.execution_started_at, r.completed_at, r.status
FROM gone a CROSS
JOIN LATERAL jsonb_populate_record(NULL::ultrathink_messages, a.content) AS r) SELECT count(*)
FROM gone

-- services.system.maintenance_steps.cleaning_up
UPDATE git_worktrees SET cleanup_completed_at = $1::timestamptz
WHERE id IN (SELECT id
FROM git_worktrees
WHERE cleanup_scheduled_at <= $1::timestamptz
AND cleanup_completed_at IS NULL
AND NOT EXISTS (SELECT
FROM tasks
WHERE tasks.id = git_worktrees.task_id
AND tasks.status = 'RUNNING')
LIMIT 200 FOR UPDATE SKIP LOCKED)

-- services.system.maintenance_steps.compacting
UPDATE mcp_messages SET params = CASE WHEN length(params::text) > 100 THEN jsonb_build_object('archived', true, 'original_size', length(params::text)) ELSE params END
WHERE id IN (SELECT id
FROM mcp_messages
WHERE created_at < $1
LIMIT 20 FOR UPDATE SKIP LOCKED)

-- services.system.partitions.copying, cc_logs
INSERT INTO ccgraph_moving.cc_logs SELECT *
FROM ONLY cc_logs_default
WHERE ctid >= '(0,0)'::tid
AND ctid < '(16,0)'::tid FOR SHARE ON CONFLICT DO NOTHING

-- services.system.retention.deletion, a table that is followed
WITH gone AS (DELETE
FROM cc_logs
WHERE tableoid = 'cc_logs_2026_01'::regclass
AND ctid >= '(0,0)'::tid
AND ctid < '(16,0)'::tid
AND created_at < '2026-02-01 00:00:00+00'
RETURNING xid) SELECT (SELECT count(*)
FROM gone), ccgraph_raise_feed_floor((SELECT xid
FROM gone
ORDER BY xid DESC
LIMIT 1))

-- services.system.retention.deletion, a table that is followed, what is free
WITH gone AS (DELETE
FROM cc_logs
WHERE tableoid = 'cc_logs_2026_01'::regclass
AND ctid = ANY (ARRAY(SELECT ctid
FROM ONLY cc_logs_2026_01
WHERE ctid >= '(0,0)'::tid
AND ctid < '(16,0)'::tid
AND created_at < '2026-02-01 00:00:00+00' FOR UPDATE SKIP LOCKED))
AND created_at < '2026-02-01 00:00:00+00'
RETURNING xid) SELECT (SELECT count(*)
FROM gone), ccgraph_raise_feed_floor((SELECT xid
FROM gone
ORDER BY xid DESC
LIMIT 1))

-- services.system.retention.deletion, another table
WITH gone AS (DELETE
FROM system_logs
WHERE created_at < '2026-02-01'
RETURNING xid) SELECT (SELECT count(*)
FROM gone), ccgraph_raise_feed_floor((SELECT xid
FROM gone
ORDER BY xid DESC
LIMIT 1))

-- services.system.retention.sweeping, login_attempts
DELETE
FROM login_attempts
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM login_attempts
WHERE window_started_at < $1::timestamptz - INTERVAL '900 seconds'
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, api_call_counts
DELETE
FROM api_call_counts
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM api_call_counts
WHERE hour < date_trunc('hour', $1::timestamptz)
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, ingest_counts
DELETE
FROM ingest_counts
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM ingest_counts
WHERE hour < date_trunc('hour', $1::timestamptz)
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, maintenance_runs
DELETE
FROM maintenance_runs
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM maintenance_runs
WHERE status <> 'running'
AND started_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.maintenance_runs_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, auth_tokens
DELETE
FROM auth_tokens
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM auth_tokens
WHERE expires_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.expired_tokens_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, ingest_files
DELETE
FROM ingest_files
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM ingest_files
WHERE last_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.ingest_files_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, websocket_sessions
DELETE
FROM websocket_sessions
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM websocket_sessions
WHERE disconnected_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.websocket_sessions_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, cc_permission_requests
DELETE
FROM cc_permission_requests
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM cc_permission_requests
WHERE asked_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.cc_permission_requests_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.system.retention.sweeping, cc_usage
DELETE
FROM cc_usage
WHERE ctid = ANY (ARRAY(SELECT ctid
FROM cc_usage
WHERE requested_at < $1::timestamptz - INTERVAL '1 day' * ccgraph_setting('retention.cc_usage_days')
LIMIT 200 FOR UPDATE SKIP LOCKED))

-- services.writing.rows.changing, cc_instances
UPDATE cc_instances SET started_at = COALESCE(started_at, now()), last_heartbeat = now(), claude_api_key_hash = $2::TEXT, environment_vars = $3::JSONB
WHERE id = $1

-- services.writing.rows.changing, collaboration_sessions
UPDATE collaboration_sessions SET allowed_users = $2::JSONB, expires_at = $3::TIMESTAMP WITH TIME ZONE
WHERE id = $1

-- services.writing.rows.changing, features
UPDATE features SET description = $2::TEXT, feature_type = $3::TEXT
WHERE id = $1

-- services.writing.rows.changing, git_worktrees
UPDATE git_worktrees SET base_branch = $2::TEXT, cc_instance_id = $3::UUID
WHERE id = $1

-- services.writing.rows.changing, mcp_tool_calls
UPDATE mcp_tool_calls SET arguments = $2::JSONB, cc_instance_id = $3::UUID
WHERE id = $1

-- services.writing.rows.changing, notification_history
UPDATE notification_history SET max_retries = $2::INTEGER, message = $3::TEXT
WHERE id = $1

-- services.writing.rows.changing, notification_settings
UPDATE notification_settings SET filter_rules = $2::JSONB, is_enabled = $3::BOOLEAN
WHERE id = $1

-- services.writing.rows.changing, projects
UPDATE projects SET build_config = $2::JSONB, config_json = $3::JSONB
WHERE id = $1

-- services.writing.rows.changing, requirements
UPDATE requirements SET content = $2::TEXT, id = $3::UUID
WHERE id = $1

-- services.writing.rows.changing, sessions
UPDATE sessions SET last_accessed = now(), claude_session_id = $2::VARCHAR, container_id = $3::VARCHAR
WHERE id = $1

-- services.writing.rows.changing, system_settings
UPDATE system_settings SET category = $2::VARCHAR, data_type = $3::VARCHAR
WHERE id = $1

-- services.writing.rows.changing, tasks
UPDATE tasks SET assigned_to = $2::UUID, lease_expires_at = NULL, started_at = NULL, completed_at = NULL, actual_duration_minutes = NULL, queued_at = NULL, description = $3::TEXT
WHERE id = $1

-- services.writing.rows.changing, task_dependencies
UPDATE task_dependencies SET dependency_task_id = $2::UUID, dependency_type = $3::TEXT
WHERE id = $1

-- services.writing.rows.changing, ultrathink_messages
UPDATE ultrathink_messages SET acknowledged_at = now(), child_instance_id = $2::UUID, id = $3::UUID
WHERE id = $1

-- services.writing.rows.changing, websocket_notifications
UPDATE websocket_notifications SET event_name = $2::TEXT, event_type = $3::TEXT
WHERE id = $1

-- services.writing.rows.changing, worktrees
UPDATE worktrees SET branch_name = $2::VARCHAR, commit_hash = $3::VARCHAR
WHERE id = $1

-- services.writing.rows.deletion, tasks
DELETE
FROM tasks
WHERE id = $1

-- services.writing.rows.insertion, tasks
INSERT INTO tasks (id, name) VALUES ($1::UUID, $2::TEXT) ON CONFLICT (id) DO NOTHING
RETURNING id

-- services.writing.rows.insertion, sessions
INSERT INTO sessions (project_id) VALUES ($1::INTEGER)
RETURNING id

-- services.writing.sealed_columns.SealedColumn, notification_settings push_subscription ->> 'sealed'
UPDATE notification_settings SET push_subscription = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, notification_settings webhook_secret
UPDATE notification_settings SET webhook_secret = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, notification_settings previous_webhook_secret
UPDATE notification_settings SET previous_webhook_secret = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, notification_settings webhook_headers ->> 'sealed'
UPDATE notification_settings SET webhook_headers = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, notification_settings service_config ->> 'sealed'
UPDATE notification_settings SET service_config = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, projects environment_vars ->> 'sealed'
UPDATE projects SET environment_vars = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, projects_archive environment_vars ->> 'sealed'
UPDATE projects_archive SET environment_vars = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, cc_instances environment_vars ->> 'sealed'
UPDATE cc_instances SET environment_vars = jsonb_build_object('sealed', $2::text)
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, tasks_archive input_secrets
UPDATE tasks_archive SET input_secrets = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, tasks_archive output_secrets
UPDATE tasks_archive SET output_secrets = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, tasks input_secrets
UPDATE tasks SET input_secrets = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, tasks output_secrets
UPDATE tasks SET output_secrets = $2
WHERE id = $1

-- services.writing.sealed_columns.SealedColumn, project_archive_rows content #>> '{environment_vars,sealed}'
UPDATE project_archive_rows SET content = jsonb_set(content, '{environment_vars,sealed}', to_jsonb($2::text))
WHERE id = $1
