"""The change feed: which rows became visible between two snapshots, and who hears of it."""
