"""The page for browsers: GraphiQL with a login, from a content delivery network or a local folder."""
