"""What agents say over MCP, on PostgreSQL."""
