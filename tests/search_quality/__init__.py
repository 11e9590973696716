"""Measures how well search finds what people ask for: ``make search-quality``."""
