"""Use cases and rules of the product.

A use case takes an `Action` (services/writing/action.py): who asks for what, from where. It commits once
through it, as a single statement or as a transaction, and the audit row is part of that. Helpers take the
`Transaction`, or its connection, and never commit. What must stay although the use case is refused, such as a
counted attempt to log in, is committed before, by itself. Rounds of the server and commands that go in parts
take the `Database`.
"""
