"""The demo generator, without a database."""
