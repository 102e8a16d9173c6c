"""Agents at /mcp, over real connections."""
