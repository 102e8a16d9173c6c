"""The proxy of MCP servers: real processes, pipes and sockets, without a database."""
