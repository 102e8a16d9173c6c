"""`ccgraph mcp-proxy`: stands between a client and an MCP server on stdio, and has what they say recorded.

The bytes pass through one process that reads none of them (`command.py`, `pumping.py`); copies go over a pipe
to another one, which reads, keeps and sends them (`recorder.py`). Both import Python's own library alone.
"""
