"""Stores, embeds, indexes and activates what the workers deliver."""
