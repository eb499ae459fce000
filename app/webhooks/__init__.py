"""Webhooks: signed requests to services of the callers, at hosts that the operator allows."""
