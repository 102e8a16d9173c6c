"""The servers that ccgraph is set beside."""
