"""The tables of both design documents, and the rules that decide who sees which row."""
