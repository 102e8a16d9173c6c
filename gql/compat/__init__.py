"""Parts of libraries that are not documented for use, one module for each library.

Nothing else in gql names them. tests/unit/gql/compat names what is relied on, and the upper bounds in
pyproject.toml keep out versions for which these tests have not been run.
"""
