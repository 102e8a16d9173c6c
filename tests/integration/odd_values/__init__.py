"""Values that few programs expect, through every door, beside plain SQL."""
