"""The pages for browsers: the built files of `dashboard/`, and logins that live in a cookie."""
