"""From a selection to one SQL statement; pure, without I/O."""
