"""The GraphQL API: types derived from the models, planned queries, mutations, subscriptions."""
