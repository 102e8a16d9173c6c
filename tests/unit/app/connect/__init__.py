"""GraphQL over HTTP (edition of September 2026), one test a rule, over a schema of four fields."""
