"""Running operations: plans, mutations, payloads, shared reads."""
