"""What Prometheus is told, and that nobody can make the series many."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from api.http.batching import Batcher
from api.http.metrics import OTHER, Metrics
from tests.api.http.live import Live


def samples(client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(client, name: str, **labels: str) -> float:
    return samples(client).get((name, frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_template(serving, media):
    client = serving()
    assert value(client, "bowerbird_requests_total", route="/metrics", method="GET", status="200") == 0
    assert value(client, "bowerbird_requests_total", route="/metrics", method="GET", status="200") == 1
    for id_ in ("0" * 64, "1" * 64, "x"):
        client.get(f"/v1/assets/{id_}")
    route = "/v1/assets/{asset_id}"
    assert value(client, "bowerbird_requests_total", route=route, method="GET", status="404") == 2
    assert value(client, "bowerbird_requests_total", route=route, method="GET", status="422") == 1
    assert value(client, "bowerbird_request_seconds_count", route=route, method="GET") == 3
    assert value(client, "bowerbird_requests_in_flight") == 1  # the one that asks
    assert value(serving(), "bowerbird_requests_total", route=route, method="GET", status="404") == 0, "of its own"


def test_queries_batches_and_parts(serving, library):
    client = serving()
    before = value(client, "bowerbird_encoder_batch_size_count")
    client.get("/v1/search?q=repot a fern in spring&min_relevance=0")
    client.get("/v1/search?q=xylophone&type=audio")
    told = samples(client)
    assert told["bowerbird_searches_total", frozenset({("matched", "yes")})] == 1
    assert told["bowerbird_searches_total", frozenset({("matched", "no")})] == 1
    assert told["bowerbird_encoder_batch_size_count", frozenset()] >= before + 2
    pools = {dict(labels)["pool"]: busy for (name, labels), busy in told.items() if name == "bowerbird_pool_busy"}
    assert set(pools) == {pool.name for pool in client.app.state.bowerbird.pools.all}
    assert pools["quick"] == 1  # which counts this
    assert told["bowerbird_library_bytes", frozenset()] > 1000
    assert told["bowerbird_jobs_running", frozenset()] == 0
    assert told["process_resident_memory_bytes", frozenset()] > 1 << 20
    assert told["process_cpu_seconds_total", frozenset()] > 0


def test_no_label_holds_what_somebody_sent(library):
    with Live(library) as live:
        client = live.client
        for number in range(10):
            client.get(f"/nowhere/secret-{number}")
            client.request(f"SECRET{number}", "/v1/search")
            client.request("PROPFIND", "/v1/search")
            client.get(f"/v1/saved/secret-{number}")
            client.get(f"/static/secret-{number}")
        text = client.get("/metrics").text
        assert "secret" not in text.lower()
        assert f'method="{OTHER}"' in text
        assert f'route="{OTHER}"' in text


def test_batches_are_told_of_without_a_word_of_prometheus():
    metrics = Metrics()

    async def run():
        batcher = Batcher(lambda items: None, on_batch=metrics.batches.observe)
        await asyncio.gather(*(batcher.put(each) for each in range(5)))
        batcher.close()

    asyncio.run(run())
    assert b"bowerbird_encoder_batch_size_sum 5.0" in metrics.text()
