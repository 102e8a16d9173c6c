"""The record of MCP traffic, without a database."""
