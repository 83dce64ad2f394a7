"""Papers, pages, tables, mail and code."""
