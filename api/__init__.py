"""Every door: the command line now, HTTP, the page and MCP to come."""
