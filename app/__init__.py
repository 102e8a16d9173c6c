"""How the server runs: settings, database, HTTP, WebSocket, command line."""
