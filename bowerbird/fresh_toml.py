"""What `library.toml` says in a new library: every setting that people change, with its default, commented out."""

FRESH_TOML = """\
# This folder is a Bowerbird library. What is set here holds for it; variables of the environment go before
# it, named like BOWERBIRD_SEARCH__STANDS_OUT=0.2, with two underscores between section and setting.

# database = "postgresql://user@host/name"   # instead of catalog.db

[decode]      # what one file may cost
# timeout_s = 60
# max_memory_mb = 1024
# max_megapixels = 200
# max_text_mb = 16

[media]       # what is left out; `bowerbird formats` shows the names
# video = true

[index]
# regions = "auto"          # tiles of each picture that are encoded too: 0, 4 or 9
# ocr = true                # read words off pictures
# transcriber = "whisper:base"   # what hears speech, "none" for nothing
# thumbnail_px = 256
# hidden = false            # index hidden files and folders too
# keep_removed_days = 30    # how long a vanished file may turn up again without being encoded anew

[search]
# min_relevance = 0.0       # leave out hits below
# stands_out = 0.1          # what a hit must reach for anything to be said to match
# rerank = "none"           # cross-encoder:NAME_OR_FOLDER, encoder:SPEC, several joined by +

[caption]
# captioner = "concepts"    # or transformers:NAME_OR_FOLDER, openai:MODEL@URL: pictures go to that address
# examples = 3              # captions of your own that a model is shown with each picture
# timeout_s = 60

[answer]
# answerer = "extractive"   # or openai:MODEL@URL: questions and what was found go to that address
# timeout_s = 60
# per_minute = 30           # questions of one key that a server passes on to such an address, 0 for any number

[serve]
# host = "127.0.0.1"        # anything but a loopback address demands keys: bowerbird keys create
# port = 8765
# allow_hosts = []          # names of this server, behind a proxy, as "photos.example"
# cors_origins = []         # web pages elsewhere that may use the API, as "https://app.example"
# searchers = 2             # processes that search
# deadline_s = 30
# max_body_mb = 32
"""
