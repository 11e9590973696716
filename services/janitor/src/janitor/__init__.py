"""Repairs what drifted, deletes, retries, announces."""
