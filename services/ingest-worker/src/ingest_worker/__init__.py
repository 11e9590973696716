"""Fetches pages, opens files, extracts Markdown, chunks."""
