"""Ways of asking beside search: likeness, labels, facets."""

from __future__ import annotations

import base64
import shutil

import pytest

from search.label import label
from tests.api.http.test_assets_route import id_of
from tests.api.http.test_gate import refused


class TestLike:
    def test_the_like_of_an_asset_and_of_a_moment(self, client, media, library):
        id_ = id_of(media / "photo 1.png")
        found = client.post(f"/v1/assets/{id_}/like", json={"limit": 3, "kinds": ["image"]}).json()
        same = client.post("/v1/search", json={"like": [id_], "limit": 3, "kinds": ["image"]}).json()
        assert [hit["asset_id"] for hit in found["hits"]] == [hit["asset_id"] for hit in same["hits"]]
        assert found["query"]["like"] == [id_]
        assert found["hits"]
        film = id_of(media / "film.mp4")
        moments = client.get(f"/v1/assets/{film}/segments?kind=frame").json()["segments"]
        moment = moments[-1]["segment_id"]
        found = client.post(f"/v1/assets/{film}/like", json={"segment_id": moment, "not": ["rain"]}).json()
        assert (found["query"]["like"], found["query"]["not"]) == ([moment], ["rain"])

    def test_nothing_need_be_said(self, client, media):
        assert client.post(f"/v1/assets/{id_of(media / 'rent.txt')}/like").status_code == 200

    @pytest.mark.parametrize(
        ("body", "status", "says"),
        [
            ({"segment_id": 1 << 60}, 404, "has no moment"),
            ({"segment_id": 1 << 70}, 422, "segment_id"),
            ({"segment_id": True}, 422, "segment_id"),
            ({"segment_id": "1"}, 422, "segment_id"),
            ({"like": ["x"]}, 422, "'like' is not known"),
            ({"image_base64": "eA=="}, 422, "is not known"),
            ({"limit": 0}, 422, "limit"),
            ({"cursor": "x"}, 422, "cursor"),
            ([], 422, "JSON object"),
        ],
    )
    def test_what_will_not_do(self, client, media, body, status, says):
        path = f"/v1/assets/{id_of(media / 'photo 1.png')}/like"
        assert says in refused(client.post(path, json=body), status)["detail"]

    def test_assets_that_there_are_not(self, client, media):
        refused(client.post(f"/v1/assets/{'0' * 64}/like"), 404)
        refused(client.post("/v1/assets/x/like"), 422)
        refused(client.post(f"/v1/assets/{'0' * 64}/like", content=b"x", headers={"content-type": "text/plain"}), 415)
        moment = client.get(f"/v1/assets/{id_of(media / 'rent.txt')}/segments").json()["segments"][0]["segment_id"]
        other = {"segment_id": moment}
        refused(client.post(f"/v1/assets/{id_of(media / 'fern.html')}/like", json=other), 404)


class TestLabels:
    LABELS = ("Repot a fern in spring.", "a train")

    def test_by_path_and_by_id(self, client, media, library):
        told = client.post("/v1/labels", json={"labels": self.LABELS, "path": str(media), "threshold": 0.5}).json()
        direct = label(library, self.LABELS, media, threshold=0.5)
        assert [(each["path"], each["label"], each["scores"]) for each in told["files"]] == [
            (each.path, each.label, each.scores) for each in direct
        ]
        assert (told["version"], told["threshold"], len(told["files"])) == (1, 0.5, 8)
        ids = [id_of(media / name) for name in ("rent.txt", "fern.html")]
        named = client.post("/v1/labels", json={"labels": self.LABELS, "asset_ids": [*ids, ids[0]]}).json()["files"]
        assert [each["path"] for each in named] == [str(media / "fern.html"), str(media / "rent.txt")]
        assert sum(named[0]["shares"].values()) == pytest.approx(1, abs=1e-3)
        one = client.post("/v1/labels", json={"labels": self.LABELS, "path": str(media / "x" / ".." / "rent.txt")})
        assert [each["asset_id"] for each in one.json()["files"]] == ids[:1]

    def test_no_file_is_read_that_the_library_does_not_hold(self, client, media, monkeypatch):
        fresh = media / "fresh.png"
        shutil.copy(media / "photo 1.png", fresh)
        try:
            said = refused(client.post("/v1/labels", json={"labels": ["x"], "path": str(fresh)}), 422)["detail"]
            assert "in this library" in said
        finally:
            fresh.unlink()
        link = media / "link"
        link.symlink_to("/etc")
        try:
            refused(client.post("/v1/labels", json={"labels": ["x"], "path": str(link / "passwd")}), 422)
        finally:
            link.unlink()

    @pytest.mark.parametrize("path", ["/", "/etc/passwd", "{media}/..", "{media}/../../x", "~", "media", ""])
    def test_outside_the_roots_there_is_nothing(self, client, media, path):
        body = {"labels": ["x"], "path": path.format(media=media)}
        refused(client.post("/v1/labels", json=body), 403)

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ({"labels": ["x"]}, "say what to label"),
            ({"labels": ["x"], "path": "/", "asset_ids": ["0" * 64]}, "one of them only"),
            ({"labels": ["x"], "asset_ids": ["0" * 64]}, "nothing in this library has the id"),
            ({"labels": ["x"], "asset_ids": ["x"]}, "asset_ids"),
            ({"labels": [], "path": "/"}, "labels"),
            ({"labels": [" "], "asset_ids": ["0" * 64]}, "a label is empty"),
            ({"labels": ["x"], "path": "/", "threshold": 2}, "threshold"),
            ({"labels": ["x"], "asset_ids": ["0" * 64] * 1001}, "asset_ids"),
        ],
    )
    def test_what_will_not_do(self, client, body, says):
        assert says in refused(client.post("/v1/labels", json=body), 422)["detail"]

    def test_a_path_with_what_no_name_holds(self, client, media):
        refused(client.post("/v1/labels", json={"labels": ["x"], "path": f"{media}/a\0b"}), 422)

    def test_so_many_at_once_and_no_more(self, client, media, monkeypatch):
        monkeypatch.setattr("search.label.MOST_SCORES", 15)
        body = {"labels": ["x", "y"], "path": str(media)}
        assert "over the limit" in refused(client.post("/v1/labels", json=body), 422)["detail"]
        assert client.post("/v1/labels", json={**body, "labels": ["x"]}).status_code == 200


class TestFacets:
    def test_of_all_of_filters_and_of_hits(self, client):
        told = client.post("/v1/facets", json={}).json()
        assert (told["version"], told["total"]) == (1, 8)
        kinds = {each["value"]: each["count"] for each in told["facets"]["types"]["values"]}
        assert kinds == {"image": 4, "document": 3, "video": 1}
        assert client.post("/v1/facets", json={"filters": {"types": ["video"]}}).json()["total"] == 1
        assert client.post("/v1/facets", json={"text": "Repot a fern", "min_relevance": 0}).json()["total"] >= 1

    def test_of_a_picture(self, client, media):
        data = base64.b64encode((media / "photo 1.png").read_bytes()).decode()
        assert client.post("/v1/facets", json={"image_base64": data}).json()["total"] >= 1

    def test_what_will_not_do(self, client):
        refused(client.post("/v1/facets", json={"text": 1}), 422)
        refused(client.post("/v1/facets", json={"filters": {"types": ["smell"]}}), 422)
        refused(client.post("/v1/facets", content=b"x", headers={"content-type": "text/plain"}), 415)
