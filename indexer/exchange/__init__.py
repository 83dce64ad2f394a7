"""Export and import: what a library knows, in files that other programs read too, and back into another library.

`records` says what a row holds, `jsonl` and `parquet` how it is written, `leaving` and `arriving` are the two ways.
"""
