"""Agents as callers: /mcp, the Model Context Protocol over Streamable HTTP."""
