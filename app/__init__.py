"""The server's processes: settings, database, HTTP, WebSocket, command line."""
