-- cc_logs
INSERT INTO cc_logs (id, cc_instance_id, task_id, log_level, category, message, details, trace_id, span_id, created_at) SELECT id, cc_instance_id, task_id, log_level, category, message, details, trace_id, span_id, created_at
FROM unnest($1::UUID[], $2::UUID[], $3::UUID[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::JSONB[], $8::TEXT[], $9::TEXT[], $10::TIMESTAMP WITH TIME ZONE[]) AS given(id, cc_instance_id, task_id, log_level, category, message, details, trace_id, span_id, created_at) ON CONFLICT DO NOTHING

-- file_operations
INSERT INTO file_operations (session_id, user_id, operation_type, file_path, old_file_path, content_hash, file_size_bytes, mime_type, encoding, is_binary, language, line_count, execution_time_ms, success, error_message, created_at) SELECT session_id, user_id, operation_type, file_path, old_file_path, content_hash, file_size_bytes, mime_type, encoding, is_binary, language, line_count, execution_time_ms, success, error_message, created_at
FROM unnest($1::UUID[], $2::INTEGER[], $3::VARCHAR[], $4::VARCHAR[], $5::VARCHAR[], $6::VARCHAR[], $7::BIGINT[], $8::VARCHAR[], $9::VARCHAR[], $10::BOOLEAN[], $11::VARCHAR[], $12::INTEGER[], $13::INTEGER[], $14::BOOLEAN[], $15::TEXT[], $16::TIMESTAMP WITH TIME ZONE[]) WITH ORDINALITY AS given(session_id, user_id, operation_type, file_path, old_file_path, content_hash, file_size_bytes, mime_type, encoding, is_binary, language, line_count, execution_time_ms, success, error_message, created_at, position)
ORDER BY position
RETURNING id

-- system_logs
INSERT INTO system_logs (level, category, module, user_id, session_id, message, details, request_id, ip_address, user_agent, created_at) SELECT level, category, module, user_id, session_id, message, details, request_id, ip_address, user_agent, created_at
FROM unnest($1::VARCHAR[], $2::VARCHAR[], $3::VARCHAR[], $4::INTEGER[], $5::UUID[], $6::TEXT[], $7::JSONB[], $8::UUID[], $9::INET[], $10::TEXT[], $11::TIMESTAMP WITH TIME ZONE[]) WITH ORDINALITY AS given(level, category, module, user_id, session_id, message, details, request_id, ip_address, user_agent, created_at, position)
ORDER BY position
RETURNING id

-- task_logs
INSERT INTO task_logs (id, task_id, cc_instance_id, log_level, phase, message, performance_metrics, created_at) SELECT id, task_id, cc_instance_id, log_level, phase, message, performance_metrics, created_at
FROM unnest($1::UUID[], $2::UUID[], $3::UUID[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::JSONB[], $8::TIMESTAMP WITH TIME ZONE[]) AS given(id, task_id, cc_instance_id, log_level, phase, message, performance_metrics, created_at) ON CONFLICT DO NOTHING

-- worktree_sync_history
INSERT INTO worktree_sync_history (source_worktree_id, target_worktree_id, sync_type, sync_direction, status, files_changed, lines_added, lines_deleted, conflicts_count, commit_hash, error_message, error_code, execution_time_ms, created_at) SELECT source_worktree_id, target_worktree_id, sync_type, sync_direction, status, files_changed, lines_added, lines_deleted, conflicts_count, commit_hash, error_message, error_code, execution_time_ms, created_at
FROM unnest($1::UUID[], $2::UUID[], $3::VARCHAR[], $4::VARCHAR[], $5::VARCHAR[], $6::INTEGER[], $7::INTEGER[], $8::INTEGER[], $9::INTEGER[], $10::VARCHAR[], $11::TEXT[], $12::VARCHAR[], $13::INTEGER[], $14::TIMESTAMP WITH TIME ZONE[]) WITH ORDINALITY AS given(source_worktree_id, target_worktree_id, sync_type, sync_direction, status, files_changed, lines_added, lines_deleted, conflicts_count, commit_hash, error_message, error_code, execution_time_ms, created_at, position)
ORDER BY position
RETURNING id
