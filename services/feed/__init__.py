"""The change feed: which rows became visible between two snapshots."""
