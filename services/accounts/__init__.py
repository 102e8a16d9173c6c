"""People's accounts, logins, tokens and their limits."""
