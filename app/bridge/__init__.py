"""MCP over stdio for the sake of clients that start a program: forwarded to a server's /mcp.

It is started with every session of an agent, so nothing in this room imports more than Python's own library.
"""
