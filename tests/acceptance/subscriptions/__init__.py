"""Subscriptions as clients meet them: over WebSocket and SSE, with one server process and several."""
