"""Create, change and delete rows of every table: what may be written, by whom, and in what form."""
