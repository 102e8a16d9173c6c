"""Delivery of notifications, one module per channel."""
