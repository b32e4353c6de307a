"""The log in commit order: reading, durable subscriptions, wake-up."""
