"""Models that are asked over HTTP, in the protocol of OpenAI."""
