"""GraphQL over HTTP, rule by rule."""
