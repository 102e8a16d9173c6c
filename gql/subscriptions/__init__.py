"""One module per noun; events come from services.feed."""

from gql.subscriptions.fields import define_subscription

Subscription = define_subscription()
