"""The pages for browsers, without a database."""
