"""The record of MCP traffic: JSON-RPC 2.0 messages and the tool calls among them."""
