"""Parts of libraries that are not documented for use, one module for each library.

Nothing else in app names them. tests/unit/app/compat names what is relied on, and the upper bounds in
pyproject.toml keep out versions for which these tests have not been run.
"""
