"""So many clients in a closed loop against a server: each asks its next query as soon as the last is answered.

    python -m benchmarks.http_clients HOST:PORT --clients 32 --queries 2000 --seed 1

A program of its own, with as little as HTTP/1.1 needs, so that little of the measured machine goes to asking. Prints
one JSON object: seconds in all, and milliseconds of each answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from urllib.parse import quote

WORDS = (
    *("harbour", "street", "morning", "garden", "winter", "birthday", "market", "river", "window", "mountain", "dog"),
    *("cat", "horse", "train", "boat", "kitchen", "coffee", "snow", "children", "beach", "holiday", "bridge", "tower"),
    *("forest", "lake", "sunset", "family", "wedding", "concert", "bicycle"),
)
LOOKS = ("red", "blue", "old", "small", "dark", "bright", "quiet", "empty", "busy", "wooden", "broken", "famous")


def texts(number: int, seed: int) -> list[str]:
    """Distinct queries such as people type."""
    drawn, made = random.Random(seed), {}
    while len(made) < number:
        look, other = drawn.sample(LOOKS, 2)
        what, where, beside = drawn.sample(WORDS, 3)
        made[f"a {look} {what} near the {where} with a {other} {beside}"] = None
    return list(made)


async def ask(host: str, port: int, queries: list[str], clients: int) -> dict[str, object]:
    """Ask all of them; an answer that is not 200 ends the run."""
    waiting, took = iter(queries), []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for query in waiting:
            started = time.perf_counter()
            head = f"GET /v1/search?q={quote(query)} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(answer.decode("latin-1"))
            fields = dict(line.split(": ", 1) for line in answer.decode("latin-1").lower().split("\r\n")[1:] if line)
            await reader.readexactly(int(fields["content-length"]))
            took.append(1000 * (time.perf_counter() - started))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return {"seconds": time.perf_counter() - started, "ms": took}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    queries = texts(options.queries, options.seed)
    print(json.dumps(asyncio.run(ask(host, int(port), queries, options.clients))))


if __name__ == "__main__":
    main()
