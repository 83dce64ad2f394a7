"""The MCP server: an assistant searches a person's media, looks at what it finds, and says where it lies.

`server.py` puts it together, `tools.py` is what an assistant may call, `http.py` serves it over streamable HTTP. It
speaks the Model Context Protocol by the official SDK.
"""
