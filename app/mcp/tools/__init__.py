"""The tools, one function each: what an agent gives, the use cases it asks for, what it is told."""
