"""The routes of the gateway, grouped by what they are about."""
