"""Live queries: a query that is read again when something changes, and sent again when its result did."""
