"""The parsers. They run in processes of their own (``child``); the pool in ``adapters.parser_pool`` starts those."""
