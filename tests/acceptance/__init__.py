"""Tests over HTTP, WebSocket, SSE and worker processes."""
