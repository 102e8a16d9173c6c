"""What the product does: functions of (connection, principal, input) that never commit."""
