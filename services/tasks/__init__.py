"""Tasks: claiming, completing and failing them."""
