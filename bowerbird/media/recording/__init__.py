"""Films, recordings and their subtitles."""
