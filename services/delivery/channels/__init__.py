"""The services that carry notifications: one module writes and judges the messages of one of them."""
