"""Settings by subject; `app.config.settings` puts them together."""
