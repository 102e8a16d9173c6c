-- Terminal document, sections 3 to 8, with what decisions 2 to 9, 16, 18 and 21 settle written in.

CREATE TABLE websocket_sessions (id UUID PRIMARY KEY);

ALTER TABLE projects
    ADD COLUMN workdir TEXT NOT NULL,
    ADD COLUMN status TEXT NOT NULL DEFAULT 'active',
    ADD COLUMN mcp_enabled BOOLEAN DEFAULT TRUE,
    ADD COLUMN max_parallel_cc INTEGER DEFAULT 5,
    ADD COLUMN ultrathink_protocol BOOLEAN DEFAULT TRUE,
    ADD COLUMN config_json JSONB,
    ADD COLUMN git_repository TEXT,
    ADD COLUMN archived_at TIMESTAMPTZ,
    ADD CONSTRAINT chk_projects_status CHECK (status IN ('active', 'paused', 'completed', 'archived'));

CREATE TABLE cc_instances (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    parent_instance_id UUID REFERENCES cc_instances (id) ON DELETE CASCADE,
    worktree_path TEXT,
    process_id TEXT,
    socket_id UUID REFERENCES websocket_sessions (id) ON DELETE SET NULL,
    claude_api_key_hash TEXT,
    startup_command TEXT,
    environment_vars JSONB,
    resource_limits JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ,
    last_heartbeat TIMESTAMPTZ,
    terminated_at TIMESTAMPTZ,
    exit_code INTEGER,
    CONSTRAINT chk_cc_instances_type CHECK (type IN ('PARENT', 'CHILD')),
    CONSTRAINT chk_cc_instances_status CHECK (status IN ('IDLE', 'RUNNING', 'STOPPED', 'ERROR'))
);

CREATE TABLE tasks (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE,
    parent_task_id UUID REFERENCES tasks (id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL DEFAULT 'PENDING',
    priority INTEGER NOT NULL DEFAULT 5,
    task_type TEXT NOT NULL,
    assigned_to UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    mcp_enabled BOOLEAN DEFAULT TRUE,
    ultrathink_protocol BOOLEAN DEFAULT TRUE,
    instruction TEXT,
    input_data JSONB,
    output_data JSONB,
    worktree_path TEXT,
    estimated_duration_minutes INTEGER,
    actual_duration_minutes INTEGER,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    queued_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    CONSTRAINT chk_tasks_status CHECK (status IN ('PENDING', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED')),
    CONSTRAINT chk_tasks_priority CHECK (priority BETWEEN 1 AND 10),
    CONSTRAINT chk_tasks_task_type CHECK (task_type IN ('development', 'design', 'testing', 'documentation'))
);

CREATE TABLE task_dependencies (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    task_id UUID REFERENCES tasks (id) ON DELETE CASCADE,
    dependency_task_id UUID REFERENCES tasks (id) ON DELETE CASCADE,
    dependency_type TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT chk_task_dependencies_dependency_type CHECK (dependency_type IN ('blocks', 'requires', 'suggests'))
);

CREATE TABLE git_worktrees (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE,
    cc_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    task_id UUID REFERENCES tasks (id) ON DELETE SET NULL,
    worktree_name TEXT NOT NULL,
    worktree_path TEXT NOT NULL,
    base_branch TEXT NOT NULL,
    current_branch TEXT,
    git_status JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_commit_hash TEXT,
    last_commit_at TIMESTAMPTZ,
    cleanup_scheduled_at TIMESTAMPTZ,
    cleanup_completed_at TIMESTAMPTZ
);

CREATE TABLE ultrathink_messages (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    parent_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    child_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    task_id UUID REFERENCES tasks (id) ON DELETE SET NULL,
    protocol_version TEXT NOT NULL DEFAULT '1.0',
    instruction_type TEXT NOT NULL,
    instruction_content TEXT NOT NULL,
    keyword_detected BOOLEAN DEFAULT FALSE,
    sent_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    acknowledged_at TIMESTAMPTZ,
    response_content TEXT,
    execution_started_at TIMESTAMPTZ,
    status TEXT NOT NULL,
    CONSTRAINT chk_ultrathink_messages_instruction_type CHECK (instruction_type IN ('task_assignment', 'progress_request', 'termination')),
    CONSTRAINT chk_ultrathink_messages_status CHECK (status IN ('sent', 'acknowledged', 'executing', 'completed', 'failed'))
);

CREATE TABLE mcp_messages (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    cc_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    message_type TEXT NOT NULL,
    method TEXT,
    params JSONB,
    result JSONB,
    error JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT chk_mcp_messages_message_type CHECK (message_type IN ('request', 'response', 'notification'))
);

ALTER TABLE mcp_messages ADD COLUMN processing_time_ms INTEGER, ADD COLUMN rpc_id TEXT;

CREATE TABLE mcp_tool_calls (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    message_id UUID REFERENCES mcp_messages (id) ON DELETE SET NULL,
    cc_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    tool_name TEXT NOT NULL,
    arguments JSONB NOT NULL,
    status TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    completed_at TIMESTAMPTZ,
    execution_time_ms INTEGER,
    result JSONB,
    error_details JSONB,
    retry_count INTEGER DEFAULT 0,
    CONSTRAINT chk_mcp_tool_calls_status CHECK (status IN ('pending', 'running', 'completed', 'failed'))
);

CREATE TABLE websocket_notifications (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    socket_id UUID REFERENCES websocket_sessions (id) ON DELETE CASCADE,
    event_type TEXT NOT NULL,
    event_name TEXT NOT NULL,
    payload JSONB NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    delivery_status TEXT NOT NULL,
    retry_count INTEGER DEFAULT 0,
    client_ack BOOLEAN DEFAULT FALSE,
    CONSTRAINT chk_websocket_notifications_event_type CHECK (event_type IN ('progress', 'error', 'milestone', 'completion')),
    CONSTRAINT chk_websocket_notifications_delivery_status CHECK (delivery_status IN ('sent', 'delivered', 'failed'))
);

ALTER TABLE websocket_notifications ADD COLUMN project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE;

CREATE TABLE cc_logs (
    id UUID NOT NULL DEFAULT ccgraph_uuid7(),
    cc_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    task_id UUID REFERENCES tasks (id) ON DELETE SET NULL,
    log_level TEXT NOT NULL,
    category TEXT NOT NULL,
    message TEXT NOT NULL,
    details JSONB,
    trace_id TEXT,
    span_id TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    CONSTRAINT chk_cc_logs_log_level CHECK (log_level IN ('debug', 'info', 'warn', 'error', 'fatal')),
    CONSTRAINT chk_cc_logs_category CHECK (category IN ('system', 'task', 'mcp', 'ultrathink', 'git'))
) PARTITION BY RANGE (created_at);

CREATE TABLE task_logs (
    id UUID NOT NULL DEFAULT ccgraph_uuid7(),
    task_id UUID REFERENCES tasks (id) ON DELETE SET NULL,
    cc_instance_id UUID REFERENCES cc_instances (id) ON DELETE SET NULL,
    log_level TEXT NOT NULL,
    phase TEXT NOT NULL,
    message TEXT NOT NULL,
    performance_metrics JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at),
    CONSTRAINT chk_task_logs_phase CHECK (phase IN ('setup', 'execution', 'cleanup', 'error'))
) PARTITION BY RANGE (created_at);

CREATE TABLE requirements (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT chk_requirements_type CHECK (type IN ('functional', 'non_functional', 'mcp_specific')),
    CONSTRAINT chk_requirements_status CHECK (status IN ('draft', 'approved', 'implemented', 'tested'))
);

CREATE TABLE features (
    id UUID DEFAULT ccgraph_uuid7() PRIMARY KEY,
    project_id UUID REFERENCES projects (project_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    feature_type TEXT NOT NULL,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    mcp_integration BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT chk_features_feature_type CHECK (feature_type IN ('mcp', 'ultrathink', 'ui', 'api', 'database')),
    CONSTRAINT chk_features_status CHECK (status IN ('planned', 'development', 'testing', 'completed'))
);

CREATE INDEX idx_mcp_messages_cc_instance ON mcp_messages(cc_instance_id);
CREATE INDEX idx_mcp_messages_method ON mcp_messages(method);
CREATE INDEX idx_mcp_messages_created_at ON mcp_messages(created_at);
CREATE INDEX idx_mcp_messages_type_created ON mcp_messages(message_type, created_at);
CREATE INDEX idx_mcp_messages_processing_time ON mcp_messages(processing_time_ms);
CREATE INDEX idx_mcp_tool_calls_tool_status ON mcp_tool_calls(tool_name, status);
CREATE INDEX idx_mcp_tool_calls_cc_started ON mcp_tool_calls(cc_instance_id, started_at);
CREATE INDEX idx_websocket_notifications_socket_event ON websocket_notifications(socket_id, event_type);
CREATE INDEX idx_websocket_notifications_sent_status ON websocket_notifications(sent_at, delivery_status);
CREATE INDEX idx_cc_instances_project_type ON cc_instances(project_id, type);
CREATE INDEX idx_cc_instances_parent_status ON cc_instances(parent_instance_id, status);
CREATE INDEX idx_cc_instances_heartbeat ON cc_instances(last_heartbeat);
CREATE INDEX idx_ultrathink_parent_child ON ultrathink_messages(parent_instance_id, child_instance_id);
CREATE INDEX idx_ultrathink_task_status ON ultrathink_messages(task_id, status);
CREATE INDEX idx_ultrathink_sent_ack ON ultrathink_messages(sent_at, acknowledged_at);
CREATE INDEX idx_git_worktrees_cc_task ON git_worktrees(cc_instance_id, task_id);
CREATE INDEX idx_git_worktrees_cleanup ON git_worktrees(cleanup_scheduled_at);
CREATE INDEX idx_tasks_project_status_priority ON tasks(project_id, status, priority);
CREATE INDEX idx_tasks_assigned_status ON tasks(assigned_to, status);
CREATE INDEX idx_tasks_mcp_enabled ON tasks(mcp_enabled, ultrathink_protocol);
CREATE INDEX idx_tasks_duration ON tasks(estimated_duration_minutes, actual_duration_minutes);
CREATE INDEX idx_task_dependencies_task ON task_dependencies(task_id);
CREATE INDEX idx_task_dependencies_dependency ON task_dependencies(dependency_task_id);
CREATE INDEX idx_task_logs_task_level_created ON task_logs(task_id, log_level, created_at);
CREATE INDEX idx_task_logs_cc_phase ON task_logs(cc_instance_id, phase);

COMMENT ON COLUMN projects.workdir IS '作業ディレクトリパス';
COMMENT ON COLUMN projects.status IS 'ステータス (active/paused/completed/archived)';
COMMENT ON COLUMN projects.mcp_enabled IS 'MCP機能有効フラグ';
COMMENT ON COLUMN projects.max_parallel_cc IS '最大並列CC数';
COMMENT ON COLUMN projects.ultrathink_protocol IS 'ultrathinkプロトコル有効フラグ';
COMMENT ON COLUMN projects.config_json IS 'プロジェクト設定 (JSON)';
COMMENT ON COLUMN projects.git_repository IS 'Gitリポジトリパス';
COMMENT ON COLUMN projects.archived_at IS 'アーカイブ日時';
COMMENT ON COLUMN cc_instances.id IS 'インスタンスID (UUID)';
COMMENT ON COLUMN cc_instances.project_id IS 'プロジェクトID';
COMMENT ON COLUMN cc_instances.name IS 'インスタンス名';
COMMENT ON COLUMN cc_instances.type IS 'タイプ (PARENT/CHILD)';
COMMENT ON COLUMN cc_instances.status IS 'ステータス (IDLE/RUNNING/STOPPED/ERROR)';
COMMENT ON COLUMN cc_instances.parent_instance_id IS '親CCインスタンスID';
COMMENT ON COLUMN cc_instances.worktree_path IS 'Git Worktreeパス';
COMMENT ON COLUMN cc_instances.process_id IS 'システムプロセスID';
COMMENT ON COLUMN cc_instances.socket_id IS 'WebSocketセッションID';
COMMENT ON COLUMN cc_instances.claude_api_key_hash IS 'APIキーハッシュ（セキュリティ用）';
COMMENT ON COLUMN cc_instances.startup_command IS '起動コマンド';
COMMENT ON COLUMN cc_instances.environment_vars IS '環境変数 (JSON)';
COMMENT ON COLUMN cc_instances.resource_limits IS 'リソース制限 (JSON: memory, cpu)';
COMMENT ON COLUMN cc_instances.created_at IS 'インスタンス作成時刻';
COMMENT ON COLUMN cc_instances.started_at IS '実行開始時刻';
COMMENT ON COLUMN cc_instances.last_heartbeat IS '最終生存確認時刻';
COMMENT ON COLUMN cc_instances.terminated_at IS '終了時刻';
COMMENT ON COLUMN cc_instances.exit_code IS '終了コード';
COMMENT ON TABLE cc_instances IS '親子Claude Code階層の完全管理';
COMMENT ON COLUMN tasks.id IS 'タスクID (UUID)';
COMMENT ON COLUMN tasks.project_id IS 'プロジェクトID';
COMMENT ON COLUMN tasks.parent_task_id IS '親タスクID';
COMMENT ON COLUMN tasks.name IS 'タスク名';
COMMENT ON COLUMN tasks.description IS 'タスク説明';
COMMENT ON COLUMN tasks.status IS 'ステータス (PENDING/QUEUED/RUNNING/COMPLETED/FAILED)';
COMMENT ON COLUMN tasks.priority IS '優先度（1-10）';
COMMENT ON COLUMN tasks.task_type IS 'タスクタイプ (development/design/testing/documentation)';
COMMENT ON COLUMN tasks.assigned_to IS '割り当てCCインスタンスID';
COMMENT ON COLUMN tasks.mcp_enabled IS 'MCP対応フラグ';
COMMENT ON COLUMN tasks.ultrathink_protocol IS 'ultrathinkプロトコル使用フラグ';
COMMENT ON COLUMN tasks.instruction IS '詳細なタスク指示（ultrathinkメッセージ用）';
COMMENT ON COLUMN tasks.input_data IS '入力データ (JSON)';
COMMENT ON COLUMN tasks.output_data IS '出力データ (JSON)';
COMMENT ON COLUMN tasks.worktree_path IS '実行Worktreeパス';
COMMENT ON COLUMN tasks.estimated_duration_minutes IS '予想実行時間（分）';
COMMENT ON COLUMN tasks.actual_duration_minutes IS '実際の実行時間（分）';
COMMENT ON COLUMN tasks.created_at IS '作成日時';
COMMENT ON COLUMN tasks.updated_at IS '更新日時';
COMMENT ON COLUMN tasks.queued_at IS 'キューイング日時';
COMMENT ON COLUMN tasks.started_at IS '開始日時';
COMMENT ON COLUMN tasks.completed_at IS '完了日時';
COMMENT ON TABLE tasks IS 'MCP並列実行対応タスク管理';
COMMENT ON COLUMN task_dependencies.id IS '依存関係ID (UUID)';
COMMENT ON COLUMN task_dependencies.task_id IS 'タスクID';
COMMENT ON COLUMN task_dependencies.dependency_task_id IS '依存先タスクID';
COMMENT ON COLUMN task_dependencies.dependency_type IS '依存タイプ (blocks/requires/suggests)';
COMMENT ON COLUMN task_dependencies.created_at IS '作成日時';
COMMENT ON TABLE task_dependencies IS '並列実行のための依存関係管理';
COMMENT ON COLUMN git_worktrees.id IS 'WorktreeID (UUID)';
COMMENT ON COLUMN git_worktrees.project_id IS 'プロジェクトID';
COMMENT ON COLUMN git_worktrees.cc_instance_id IS 'CCインスタンスID';
COMMENT ON COLUMN git_worktrees.task_id IS 'タスクID';
COMMENT ON COLUMN git_worktrees.worktree_name IS 'Worktree名';
COMMENT ON COLUMN git_worktrees.worktree_path IS 'Worktreeパス';
COMMENT ON COLUMN git_worktrees.base_branch IS 'ベースブランチ';
COMMENT ON COLUMN git_worktrees.current_branch IS '現在のブランチ';
COMMENT ON COLUMN git_worktrees.git_status IS 'Git状態 (JSON: modified, staged, untracked)';
COMMENT ON COLUMN git_worktrees.created_at IS 'Worktree作成時刻';
COMMENT ON COLUMN git_worktrees.last_commit_hash IS '最終コミットハッシュ';
COMMENT ON COLUMN git_worktrees.last_commit_at IS '最終コミット時刻';
COMMENT ON COLUMN git_worktrees.cleanup_scheduled_at IS 'クリーンアップ予定時刻';
COMMENT ON COLUMN git_worktrees.cleanup_completed_at IS 'クリーンアップ完了時刻';
COMMENT ON TABLE git_worktrees IS '並列実行環境の隔離管理';
COMMENT ON COLUMN ultrathink_messages.id IS 'メッセージID (UUID)';
COMMENT ON COLUMN ultrathink_messages.parent_instance_id IS '親CCインスタンスID';
COMMENT ON COLUMN ultrathink_messages.child_instance_id IS '子CCインスタンスID';
COMMENT ON COLUMN ultrathink_messages.task_id IS '対象タスクID';
COMMENT ON COLUMN ultrathink_messages.protocol_version IS 'ultrathinkプロトコルバージョン';
COMMENT ON COLUMN ultrathink_messages.instruction_type IS '指示タイプ (task_assignment/progress_request/termination)';
COMMENT ON COLUMN ultrathink_messages.instruction_content IS '指示内容（完全なultrathinkメッセージ）';
COMMENT ON COLUMN ultrathink_messages.keyword_detected IS 'ultrathinkキーワード検出フラグ';
COMMENT ON COLUMN ultrathink_messages.sent_at IS '送信時刻';
COMMENT ON COLUMN ultrathink_messages.acknowledged_at IS '子CCからの受信確認時刻';
COMMENT ON COLUMN ultrathink_messages.response_content IS '子CCからの応答内容';
COMMENT ON COLUMN ultrathink_messages.execution_started_at IS '実行開始確認時刻';
COMMENT ON COLUMN ultrathink_messages.status IS '状況 (sent/acknowledged/executing/completed/failed)';
COMMENT ON TABLE ultrathink_messages IS '親CCから子CCへの確実な指示伝達ログ';
COMMENT ON COLUMN mcp_messages.id IS 'メッセージID (UUID)';
COMMENT ON COLUMN mcp_messages.cc_instance_id IS '関連CCインスタンスID';
COMMENT ON COLUMN mcp_messages.message_type IS 'メッセージタイプ (request/response/notification)';
COMMENT ON COLUMN mcp_messages.method IS 'MCPメソッド名';
COMMENT ON COLUMN mcp_messages.params IS 'メソッドパラメータ (JSON)';
COMMENT ON COLUMN mcp_messages.result IS '実行結果 (JSON)';
COMMENT ON COLUMN mcp_messages.error IS 'エラー情報 (JSON)';
COMMENT ON COLUMN mcp_messages.created_at IS 'メッセージ作成時刻';
COMMENT ON TABLE mcp_messages IS 'MCPツール実行とレスポンスの完全記録';
COMMENT ON COLUMN mcp_tool_calls.id IS 'ツール呼び出しID (UUID)';
COMMENT ON COLUMN mcp_tool_calls.message_id IS '関連MCPメッセージID';
COMMENT ON COLUMN mcp_tool_calls.cc_instance_id IS '関連CCインスタンスID';
COMMENT ON COLUMN mcp_tool_calls.tool_name IS 'ツール名 (create_child_cc/get_available_tasks/update_task_status)';
COMMENT ON COLUMN mcp_tool_calls.arguments IS 'ツール引数 (JSON)';
COMMENT ON COLUMN mcp_tool_calls.status IS '実行ステータス (pending/running/completed/failed)';
COMMENT ON COLUMN mcp_tool_calls.started_at IS '実行開始時刻';
COMMENT ON COLUMN mcp_tool_calls.completed_at IS '実行完了時刻';
COMMENT ON COLUMN mcp_tool_calls.execution_time_ms IS '実行時間（ミリ秒）';
COMMENT ON COLUMN mcp_tool_calls.result IS '実行結果 (JSON)';
COMMENT ON COLUMN mcp_tool_calls.error_details IS 'エラー詳細 (JSON)';
COMMENT ON COLUMN mcp_tool_calls.retry_count IS 'リトライ回数';
COMMENT ON TABLE mcp_tool_calls IS 'create_child_cc等のMCPツール実行ログ';
COMMENT ON COLUMN websocket_notifications.id IS '通知ID (UUID)';
COMMENT ON COLUMN websocket_notifications.socket_id IS 'WebSocketセッションID';
COMMENT ON COLUMN websocket_notifications.event_type IS 'イベントタイプ (progress/error/milestone/completion)';
COMMENT ON COLUMN websocket_notifications.event_name IS 'イベント名';
COMMENT ON COLUMN websocket_notifications.payload IS 'イベントペイロード (JSON)';
COMMENT ON COLUMN websocket_notifications.sent_at IS '送信時刻';
COMMENT ON COLUMN websocket_notifications.delivery_status IS '配信ステータス (sent/delivered/failed)';
COMMENT ON COLUMN websocket_notifications.retry_count IS '再送回数';
COMMENT ON COLUMN websocket_notifications.client_ack IS 'クライアント受信確認';
COMMENT ON TABLE websocket_notifications IS 'リアルタイム進捗通知管理';
COMMENT ON COLUMN cc_logs.id IS 'ログID (UUID)';
COMMENT ON COLUMN cc_logs.cc_instance_id IS 'CCインスタンスID';
COMMENT ON COLUMN cc_logs.task_id IS 'タスクID';
COMMENT ON COLUMN cc_logs.log_level IS 'ログレベル (debug/info/warn/error/fatal)';
COMMENT ON COLUMN cc_logs.category IS 'カテゴリ (system/task/mcp/ultrathink/git)';
COMMENT ON COLUMN cc_logs.message IS 'ログメッセージ';
COMMENT ON COLUMN cc_logs.details IS '詳細情報 (JSON)';
COMMENT ON COLUMN cc_logs.trace_id IS 'トレースID（分散トレーシング用）';
COMMENT ON COLUMN cc_logs.span_id IS 'スパンID';
COMMENT ON COLUMN cc_logs.created_at IS 'ログ出力時刻';
COMMENT ON TABLE cc_logs IS 'CC実行ログの詳細管理';
COMMENT ON COLUMN task_logs.id IS 'ログID (UUID)';
COMMENT ON COLUMN task_logs.task_id IS 'タスクID';
COMMENT ON COLUMN task_logs.cc_instance_id IS 'CCインスタンスID';
COMMENT ON COLUMN task_logs.log_level IS 'ログレベル';
COMMENT ON COLUMN task_logs.phase IS '実行フェーズ (setup/execution/cleanup/error)';
COMMENT ON COLUMN task_logs.message IS 'ログメッセージ';
COMMENT ON COLUMN task_logs.performance_metrics IS 'パフォーマンスメトリクス (JSON)';
COMMENT ON COLUMN task_logs.created_at IS '作成日時';
COMMENT ON TABLE task_logs IS 'タスク実行の詳細ログ';
COMMENT ON COLUMN requirements.id IS '要件ID (UUID)';
COMMENT ON COLUMN requirements.project_id IS 'プロジェクトID';
COMMENT ON COLUMN requirements.type IS '要件タイプ (functional/non_functional/mcp_specific)';
COMMENT ON COLUMN requirements.title IS '要件タイトル';
COMMENT ON COLUMN requirements.content IS '要件内容';
COMMENT ON COLUMN requirements.priority IS '優先度';
COMMENT ON COLUMN requirements.status IS 'ステータス (draft/approved/implemented/tested)';
COMMENT ON COLUMN requirements.created_at IS '作成日時';
COMMENT ON COLUMN requirements.updated_at IS '更新日時';
COMMENT ON COLUMN features.id IS '機能ID (UUID)';
COMMENT ON COLUMN features.project_id IS 'プロジェクトID';
COMMENT ON COLUMN features.name IS '機能名';
COMMENT ON COLUMN features.description IS '機能説明';
COMMENT ON COLUMN features.feature_type IS '機能タイプ (mcp/ultrathink/ui/api/database)';
COMMENT ON COLUMN features.priority IS '優先度';
COMMENT ON COLUMN features.status IS 'ステータス (planned/development/testing/completed)';
COMMENT ON COLUMN features.mcp_integration IS 'MCP統合フラグ';
COMMENT ON COLUMN features.created_at IS '作成日時';
COMMENT ON COLUMN features.updated_at IS '更新日時';
