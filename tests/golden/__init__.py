"""Query and variables to SQL and parameters."""
