"""Full-text search, on both databases: what is found, that it stays true whatever happens, and what it may cost."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import LibraryError
from bowerbird.moments import Moment
from bowerbird.queries import Filters
from bowerbird.store import schema
from bowerbird.store.catalog import Catalog, Transaction, full_text
from bowerbird.store.catalog import filters as filters_module
from bowerbird.store.catalog import words as words_module
from bowerbird.store.catalog.asset_words import date_words, name_words
from bowerbird.store.catalog.full_text import Term
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.vocabulary import beginning_with, near, plain_words
from bowerbird.store.engine import make_engine, writing
from bowerbird.types import AssetInfo, AssetKind, Place, Position, SegmentKind, Taken, TakenFrom
from tests.store.hand import PICTURE, STAT, derive, hash_of, make_space, place, put_asset

LISBON = AssetInfo(
    AssetKind.IMAGE,
    "image/jpeg",
    taken=Taken(datetime(2019, 7, 4, 18, 30), TakenFrom.EXIF),
    camera="Google Pixel 7",
    lens="Zeiss Planar",
    position=Position(38.7, -9.1),
    place=Place("Lisboa", "São Vicente", "Portugal"),
    title="Evening by the water",
    artist="Ann Example",
    album="Journeys",
    keywords=("tram", "azulejo tiles"),
)


def said(*texts: str) -> list[Moment]:
    return [Moment(SegmentKind.TEXT, text=text) for text in texts]


def texts(tx: Transaction, *terms: Term | str, phrase: Term | None = None) -> list[str | None]:
    """The texts of what is found, in order."""
    asked = [Term(tuple(term.split())) if isinstance(term, str) else term for term in terms]
    ids = [match.segment_id for match in tx.words.search(asked, 50, phrase=phrase)]
    found = tx.segments.moments(ids)
    return [found[id_].segment.text for id_ in ids]


def names(tx: Transaction, *terms: Term | str) -> set[str]:
    """The hashes of the assets that are found."""
    asked = [Term(tuple(term.split())) if isinstance(term, str) else term for term in terms]
    matches = tx.words.search(asked, 50)
    return {found.asset.hash for found in tx.segments.moments([each.segment_id for each in matches]).values()}


@pytest.fixture
def notes(catalog: Catalog) -> Catalog:
    with catalog.write() as tx:
        space = make_space(tx)
        moments = said(
            "The harbour office opens at nine.",
            "Ships leave the harbours of São Paulo running late.",
            "Office hours: nine to five.",
            "ΑΘΗΝΑ and Straße, 東京タワー, naïve café; IMG_1234.",
        )
        derive(tx, put_asset(tx), [space], moments)
        place(tx, tx.roots.add("/library", 1).id, "notes.txt", 1)
    return catalog


def test_many_terms_asked_for_together_stand_where_each_stands(notes: Catalog) -> None:
    with notes.write() as tx:
        put_asset(tx, "named", replace(LISBON, title="harbour at nine"))
    terms = [Term(("harbour",)), Term(("offi",), prefix=True), Term(("nine", "to")), Term(("zebra",))]
    terms.append(Term(("lisboa",)))
    with notes.read() as tx:
        here = full_text.of(tx.connection)
        assert here.newest([], 10) == []
        for most in (1, 10):
            each = [{table: here.rows(table, term, most) for table in full_text.BOTH} for term in terms]
            assert here.newest(terms, most) == each
        assert [len(rows["segment"]) for rows in each] == [2, 2, 1, 0, 0]
        assert [len(rows["asset"]) for rows in each] == [1, 0, 0, 0, 1]


class TestText:
    @pytest.mark.parametrize(
        ("term", "found"),
        [
            ("harbour", [0, 1]),
            ("harbours", [0, 1]),  # Porter's stems
            ("run", [1]),
            ("sao", [1]),
            ("αθηνα", [3]),
            ("cafe", [3]),
            ("1234", [3]),
            ("opens at nine", [0]),
            ("nine at opens", []),
            (Term(("har",), prefix=True), [0, 1]),
            (Term(("office", "ho"), prefix=True), [2]),
            (Term(("zebra",), instead=("cafe", "ships")), [1, 3]),
            ("arbour", []),
            ("xylophone", []),
        ],
    )
    def test_both_databases_find_the_same(self, notes: Catalog, term: Term | str, found: list[int]) -> None:
        with notes.read() as tx:
            everything = [row.text for row in tx.connection.execute(sa.text("SELECT text FROM segment ORDER BY id"))]
            assert sorted(texts(tx, term)) == sorted(everything[at] for at in found)

    def test_what_bears_the_weightier_words_comes_first_and_knows_its_share(self, notes: Catalog) -> None:
        with notes.read() as tx:
            matches = tx.words.search([Term(("harbour",)), Term(("office",)), Term(("opens",))], 10)
            found = tx.segments.moments([each.segment_id for each in matches])
        assert [found[each.segment_id].segment.ordinal for each in matches] == [0, 1, 2] or [
            found[each.segment_id].segment.ordinal for each in matches
        ] == [0, 2, 1]
        assert matches[0].share == pytest.approx(1)
        assert all(0 < each.share < 0.5 for each in matches[1:])

    def test_word_by_word_is_told_from_here_and_there(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            for name, text in (("a", "lazy dogs and a quick fox"), ("b", "a quick lazy fox")):
                asset = put_asset(tx, name)
                derive(tx, asset, [make_space(tx)] if name == "a" else [], said(text))
        with catalog.read() as tx:
            matches = tx.words.search([Term(("lazy",)), Term(("fox",))], 9, phrase=Term(("lazy", "fox")))
            found = tx.segments.moments([each.segment_id for each in matches])
        assert [(found[each.segment_id].segment.text, each.phrase) for each in matches] == [
            ("a quick lazy fox", True),
            ("lazy dogs and a quick fox", False),
        ]

    def test_replaced_texts_and_deleted_assets_are_found_no_more(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            space = make_space(tx)
            asset = put_asset(tx)
            derive(tx, asset, [space], said("an old text"))
            derive(tx, asset, [space], said("a new text"))
            derive(tx, asset, [space], said("what was heard"), stage="hear")
        with catalog.read() as tx:
            assert texts(tx, "old") == []
            assert texts(tx, "new") == ["a new text"]
        with catalog.write() as tx:
            tx.connection.execute(sa.text("DELETE FROM derivation WHERE stage = 'hear'"))  # cascades to segments
        with catalog.read() as tx:
            assert texts(tx, "heard") == []
        with catalog.write() as tx:
            tx.assets.forget_orphans()
        with catalog.read() as tx:
            assert texts(tx, "new") == []
            left = tx.connection.execute(sa.text("SELECT word FROM vocabulary")).scalars().all()
            assert not {"text", "image"} & set(left)

    def test_orphans_are_not_found_until_they_are_back(self, notes: Catalog) -> None:
        with notes.write() as tx:
            tx.locations.remove(tx.locations.of_asset(1))
            tx.assets.orphan()
            assert texts(tx, "harbour") == []
            place(tx, 1, "back.txt", 1)
        with notes.read() as tx:
            assert len(texts(tx, "harbour")) == 2

    def test_a_forgotten_word_is_nowhere_in_the_file(self, sqlite: sa.URL) -> None:
        catalog = Catalog(sqlite, create=True)
        with catalog.write() as tx:
            space = make_space(tx)
            for name, secret in (("one", "rhododendron"), ("two", "plainness")):
                derive(tx, put_asset(tx, name), [space], said(f"the word is {secret}"))
                place(tx, tx.roots.add("/library", 1).id, f"{secret}.txt", 1 if name == "one" else 2)
        with catalog.write() as tx:
            tx.locations.remove(tx.locations.of_asset(1))
            tx.assets.forget_orphans()
        catalog.compact()
        catalog.close()
        with open(sqlite.database or "", "rb") as file:  # noqa: PTH123
            content = file.read()
        assert b"rhododend" not in content
        assert b"plainness" in content

    def test_no_word_of_a_text_or_name_that_is_gone_outlives_a_sweep(self, sqlite: sa.URL) -> None:
        catalog = Catalog(sqlite, create=True)
        with catalog.write() as tx:
            asset = put_asset(tx)
            derive(tx, asset, [make_space(tx)], said("the misread rhododendron"), stage="ocr")
            root = tx.roots.add("/library", 1).id
            place(tx, root, "walrus.txt", asset)
            place(tx, root, "copies/plainness.txt", asset)
        with catalog.write() as tx:  # read anew; one of its copies forgotten
            derive(tx, asset, [], said("the word is hydrangea"), stage="ocr", key="2")
            tx.locations.leave(tx.locations.at(root, ["walrus.txt"])["walrus.txt"].id, asset)
        with catalog.write() as tx:
            tx.assets.forget_orphans()
            tx.words.sweep()
        with catalog.read() as tx:
            left = set(tx.connection.execute(sa.text("SELECT word FROM vocabulary")).scalars())
        assert left == {"word", "hydrangea", "library", "copies", "plainness"}
        catalog.compact()
        catalog.close()
        with open(sqlite.database or "", "rb") as file:  # noqa: PTH123
            content = file.read()
        assert b"rhododend" not in content
        assert b"walrus" not in content
        assert b"plainness" in content


SCRIPTS = {
    "Latin": ("São Tomé, naïve", ["são", "SAO", "Sa\u0303o", "TOMÉ", "naive"], ["saö z"]),
    "Vietnamese": ("tiếng Việt", ["tiếng", "viet", "VIỆT"], []),
    "Turkish": ("İstanbul", ["İstanbul", "istanbul"], []),
    "Russian": ("русский ёлка йод", ["русский", "РУССКИЙ", "Ёлка", "и\u0306од"], ["иод", "елка"]),
    "decomposed": (unicodedata.normalize("NFD", "ёлка café"), ["ёлка", "cafe", "café"], ["елка"]),
    "Greek": ("Ελλάδα ΟΔΟΣ δρόμος", ["ΕΛΛΆΔΑ", "οδος", "ΟΔΟΣ", "ΔΡΌΜΟΣ", "δρόμος"], []),
    "Korean": ("한국어 문서", ["한국어", unicodedata.normalize("NFD", "문서")], []),
    "kana": ("かがみ ガイド", ["かがみ", "ガイド"], ["かかみ"]),
    "Arabic": ("أحمد", ["أحمد"], ["احمد"]),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_any_script_are_found_as_they_are_written(catalog: Catalog, script: str) -> None:
    text, same, other = SCRIPTS[script]
    with catalog.write() as tx:
        derive(tx, put_asset(tx), [make_space(tx)], said(text))
        place(tx, tx.roots.add("/library", 1).id, f"{text}.txt", 1)
        derive(tx, put_asset(tx, "other"), [], said("something else"))
    with catalog.read() as tx:
        for word in same:
            (match,) = tx.words.search([Term(tuple(plain_words(word)))], 10)
            assert (match.asset_id, match.named) == (1, False), word
            rows = full_text.of(tx.connection).rows("asset", Term(tuple(plain_words(word))), 10)
            assert rows == [1], f"{word} in its name"
        for word in other:
            assert tx.words.search([Term(tuple(plain_words(word)))], 10) == [], word


def test_a_database_that_knows_ascii_alone_is_refused_with_a_remedy(postgres: sa.Engine) -> None:
    locales = {"plain": "LOCALE 'C'", "remedy": "LOCALE 'C.UTF-8'"}
    with postgres.connect() as connection:
        for name, locale in locales.items():
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {locale}")
    try:
        with pytest.raises(LibraryError, match=r"LOCALE 'C\.UTF-8'"):
            Catalog(postgres.url.set(database="plain"), create=True)
        Catalog(postgres.url.set(database="remedy"), create=True).close()
    finally:
        with postgres.connect() as connection:
            for name in locales:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


class TestAssets:
    @pytest.mark.parametrize(
        "asked",
        [
            *("lisboa", "sao vicente", "portugal", "pixel 7", "zeiss", "evening", "journeys", "tram", "azulejo tiles"),
            *("ann example", "2019", "july", "thursday", "summer", "2019 07 04"),
            *("holidays", "img 0042", "cat", "mycat2", "jpg", "library"),
        ],
    )
    def test_an_asset_is_found_by_all_that_is_known_of_it(self, catalog: Catalog, asked: str) -> None:
        with catalog.write() as tx:
            space = make_space(tx)
            asset = put_asset(tx, "lisbon", LISBON)
            derive(tx, asset, [space])
            derive(tx, put_asset(tx, "other"), [space])
            root = tx.roots.add("/my/library", 1).id
            place(tx, root, "Holidays/IMG_0042 myCat2.JPG", asset)
            place(tx, root, "other.png", asset + 1)
        with catalog.read() as tx:
            found = names(tx, asked)
        assert hash_of("lisbon") in found
        assert asked == "library" or hash_of("other") not in found

    def test_words_of_the_asset_and_of_the_segment_count_together(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            asset = put_asset(tx, "lisbon", LISBON)
            derive(tx, asset, [make_space(tx)], [Moment(SegmentKind.IMAGE), *said("the ferry at noon", "a dog")])
        with catalog.read() as tx:
            (best, *_) = tx.words.search([Term(("lisboa",)), Term(("ferry",))], 10)
            assert tx.segments.moments([best.segment_id])[best.segment_id].segment.text == "the ferry at noon"
            assert best.share == pytest.approx(1)
            assert not best.named
            (named,) = tx.words.search([Term(("lisboa",))], 10)
            assert named.named
            assert tx.segments.moments([named.segment_id])[named.segment_id].segment.kind is SegmentKind.IMAGE

    def test_what_stands_for_an_asset_is_whole_and_has_a_vector_if_any_does(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            space = make_space(tx)
            asset = put_asset(tx, "lisbon", LISBON)
            derive(tx, asset, [], said("no vector"), stage="a")
            derive(tx, asset, [space], [Moment(SegmentKind.REGION)], stage="b")
            derive(tx, asset, [space], [Moment(SegmentKind.IMAGE)], stage="c")
        with catalog.read() as tx:
            first = tx.filtered.first_segments([asset])[asset]
            assert tx.segments.moments([first])[first].segment.kind is SegmentKind.IMAGE

    def test_names_follow_the_files(self, catalog: Catalog) -> None:
        def known(*asked: str) -> list[bool]:
            with catalog.read() as tx:
                return [bool(names(tx, each)) for each in asked]

        with catalog.write() as tx:
            root = tx.roots.add("/library", 1).id
            asset = put_asset(tx)
            derive(tx, asset, [make_space(tx)])
            place(tx, root, "walrus.png", asset)
            place(tx, root, "copies/beaver.png", asset)
        assert known("walrus", "beaver", "copies") == [True, True, True]
        with catalog.write() as tx:
            tx.locations.leave(tx.locations.at(root, ["walrus.png"])["walrus.png"].id, asset)
        assert known("walrus", "beaver") == [False, True]
        with catalog.write() as tx:  # another file comes to lie there
            other = put_asset(tx, "other")
            derive(tx, other, [])
            tx.locations.put([Placed(root, "copies/beaver.png", other, STAT)])
            place(tx, tx.roots.add("/heron", 1).id, "", asset)
        with catalog.read() as tx:
            assert names(tx, "beaver") == {hash_of("other")}
            assert names(tx, "heron") == {hash_of("one")}
        with catalog.write() as tx:
            tx.roots.remove(root)  # its locations go by cascade
        assert known("beaver", "copies") == [False, False]

    def test_what_is_learnt_later_is_found_and_what_was_wrong_is_not(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            derive(tx, put_asset(tx, "one", LISBON), [make_space(tx)])
        with catalog.write() as tx:
            put_asset(tx, "one", AssetInfo(AssetKind.IMAGE, "image/jpeg", camera="Leica M6"))
        with catalog.read() as tx:
            assert names(tx, "leica") == {hash_of("one")}
            assert names(tx, "lisboa") == names(tx, "2019") == set()

    def test_for_want_of_a_date_within_the_earliest_that_a_name_tells(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            root = tx.roots.add("/library", 1).id
            asset = put_asset(tx)
            derive(tx, asset, [make_space(tx)])
            for path, year in (("a", 2021), ("b", 2017)):
                dated = Taken(datetime(year, 1, 2), TakenFrom.NAME)
                tx.locations.put([Placed(root, path, asset, STAT, dated)])
        with catalog.read() as tx:
            assert names(tx, "2017") == {hash_of("one")}
            assert names(tx, "2021") == set()
            assert tx.filtered.dates([asset]) == {asset: datetime(2017, 1, 2)}

    def test_a_library_made_before_has_its_words_once_it_is_opened(self, url: sa.URL) -> None:
        engine = make_engine(url)
        with writing(engine) as connection:
            schema.upgrade(connection, "0002")
            for statement in (
                "INSERT INTO root (id, path, device, added_at) VALUES (1, '/library', 1, '2020-01-01')",
                "INSERT INTO asset (id, hash, size, kind, media_type, added_at, place, region, country)"
                " VALUES (1, 'aa', 1, 'image', 'image/png', '2020-01-01', 'Porto', '', 'Portugal')",
                "UPDATE asset SET taken_at = '2019-07-04 00:00:00.000000', taken_from = 'exif'",
                "INSERT INTO location (root_id, path, asset_id, size, mtime_ns, inode)"
                " VALUES (1, 'walrus.png', 1, 1, 1, 1)",
                "INSERT INTO derivation (id, asset_id, stage, key) VALUES (1, 1, 'decode', '1')",
                "INSERT INTO segment (asset_id, derivation_id, ordinal, kind, text)"
                " VALUES (1, 1, 0, 'ocr', 'words of old')",
            ):
                connection.execute(sa.text(statement))
        engine.dispose()
        catalog = Catalog(url)
        with catalog.read() as tx:
            for asked in ("porto", "walrus", "july", "old"):
                assert names(tx, asked) == {"aa"}, asked
            assert tx.filtered.dates([1]) == {1: datetime(2019, 7, 4)}
            assert near(tx.connection, ["walruss", "qqqqqq"]) == {"walruss": ["walrus"]}
        catalog.close()

    def test_names_in_parts(self) -> None:
        assert name_words(["Holidays/IMG_0042.JPG"]) == ["Holidays", "IMG_0042.JPG"]
        assert name_words(["myCat2.png"]) == ["myCat2.png", "my Cat 2 png"]
        assert name_words(["HTMLParser"]) == ["HTMLParser", "HTML Parser"]
        assert name_words(["2019-07Lisbon", "2019-07Lisbon"]) == ["2019-07Lisbon", "2019 07 Lisbon"]
        assert name_words([]) == []

    @given(st.text())
    def test_any_name_will_do(self, name: str) -> None:
        assert set(plain_words(name.replace("/", " "))) <= set(plain_words(" ".join(name_words([name]))))

    def test_seasons_by_hemisphere(self) -> None:
        days = [datetime(2021, month, 4) for month in (1, 3, 7, 10, 12)]
        assert [date_words(day)[3] for day in days] == ["winter", "spring", "summer", "autumn fall", "winter"]
        south = [date_words(day, south=True)[3] for day in days]
        assert south == ["summer", "autumn fall", "winter", "spring", "summer"]
        assert date_words(datetime(2021, 3, 4)) == ["2021-03-04", "March", "Thursday", "spring"]


class TestTypos:
    def test_a_word_that_stands_nowhere_is_taken_for_the_nearest_that_does(self, notes: Catalog) -> None:
        with notes.read() as tx:
            for mistyped in ("habrour", "harbor", "harbourr"):
                assert len(texts(tx, mistyped)) == 2, mistyped
            (match, _) = tx.words.search([Term(("habrour",))], 10)
            assert 0.8 < match.share < 1
            assert texts(tx, "zzzzzz") == texts(tx, "hours")[1:] == []

    def test_short_words_and_numbers_are_left_as_they_are(self, notes: Catalog) -> None:
        with notes.read() as tx:
            assert texts(tx, "lat") == texts(tx, "1235") == []

    def test_what_is_known_is_not_changed(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            derive(tx, put_asset(tx), [make_space(tx)], said("a house", "a horse"))
        with catalog.read() as tx:
            assert texts(tx, "house") == ["a house"]
            assert near(tx.connection, ["hiuse"]) == {"hiuse": ["house"]}


class TestPrefixes:
    def test_what_begins_so_is_found_though_its_stem_does_not(self, catalog: Catalog) -> None:
        with catalog.write() as tx:
            texts_ = ("a beautiful day", "universities", "happiness", "beauty")
            derive(tx, put_asset(tx), [make_space(tx)], said(*texts_))
        with catalog.read() as tx:
            for prefix, wanted in (
                ("beautifu", {"a beautiful day", "beauty"}),  # both are of one stem
                ("beaut", {"a beautiful day", "beauty"}),
                ("universit", {"universities"}),
                ("happine", {"happiness"}),
                ("zzz", set()),
            ):
                assert set(texts(tx, Term((prefix,), prefix=True))) == wanted, prefix
            assert beginning_with(tx.connection, "beaut") == ["beauty", "beautiful"]


def many(catalog: Catalog, number: int = 60) -> None:
    """Assets that all bear "common" in their texts and "holiday" in their names; every third text was heard."""
    with catalog.write() as tx:
        space = make_space(tx)
        root = tx.roots.add("/library", 1).id
        for at in range(number):
            when = Taken(datetime(2010 if at < 10 else 2020, 1, 1), TakenFrom.EXIF)
            asset = put_asset(tx, str(at), AssetInfo(AssetKind.DOCUMENT, "text/plain", taken=when))
            kind = SegmentKind.SPEECH if at % 20 == 0 else SegmentKind.TEXT
            derive(tx, asset, [space] if at == 0 else [], [Moment(kind, text=f"common {at:02}")])
            place(tx, root, f"holiday/{at}.txt", asset)


class TestBounds:
    @pytest.mark.parametrize(("selective", "looked_up"), [(1000, 1000), (1000, 0), (0, 1000)])
    @pytest.mark.parametrize(
        ("filters", "left"),
        [
            (Filters(before=date(2015, 1, 1)), set(range(1, 11))),
            (Filters(kinds=(SegmentKind.SPEECH,)), {1, 21, 41}),
            (Filters(kinds=(SegmentKind.SPEECH,), before=date(2015, 1, 1)), {1}),
            (Filters(path="*/holiday/7.txt"), {8}),
        ],
    )
    def test_a_frequent_word_is_found_wherever_filters_leave_it(
        self,
        catalog: Catalog,
        monkeypatch: pytest.MonkeyPatch,
        filters: Filters,
        left: set[int],
        selective: int,
        looked_up: int,
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 5)
        monkeypatch.setattr(words_module, "LEAST_CANDIDATES", 0)
        monkeypatch.setattr(words_module, "MOST_LOOKED_UP", looked_up)
        monkeypatch.setattr(filters_module, "SELECTIVE", selective)
        many(catalog)
        with catalog.read() as tx:
            within = tx.filtered.select(filters)
            for asked in ([Term(("common",))], [Term(("holiday",))], [Term(("common",)), Term(("holiday",))]):
                matches = tx.words.search(asked, 10, within=within)
                found = {match.asset_id for match in matches}
                assert found <= left, asked
                assert len(found) >= min(5, len(left)), asked
                assert {match.share for match in matches} == {1.0}

    def test_orphans_do_not_stand_before_what_is_there(self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 5)
        many(catalog)
        with catalog.write() as tx:
            tx.locations.remove(range(31, 61))
            tx.assets.orphan()
        with catalog.read() as tx:
            for asked in ("common", "holiday"):
                matches = tx.words.search([Term((asked,))], 5)
                assert [match.asset_id for match in matches] == [30, 29, 28, 27, 26], asked

    def test_how_far_a_frequent_word_is_followed_is_bounded(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 2)
        monkeypatch.setattr(words_module, "MOST_LOOKED_AT", 22)
        monkeypatch.setattr(filters_module, "SELECTIVE", 0)
        many(catalog)
        with catalog.read() as tx:
            within = tx.filtered.select(Filters(kinds=(SegmentKind.SPEECH,)))
            matches = tx.words.search([Term(("common",))], 10, within=within)
            assert {match.asset_id for match in matches} == {41}

    def test_among_given_segments_every_one_that_bears_a_word_is_named(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 5)
        many(catalog)
        with catalog.read() as tx:
            rows = tx.connection.execute(sa.text("SELECT id, asset_id FROM segment"))
            owners = {row.id: row.asset_id for row in rows}
            for asked in ("common", "holiday"):
                assert {each.segment_id for each in tx.words.among([Term((asked,))], owners)} == set(owners)
            assert {each.asset_id for each in tx.words.among([Term(("17",))], owners)} == {18}
            assert tx.words.among([], owners) == tx.words.among([Term(("common",))], {}) == []

    def test_a_frequent_word_is_looked_up_where_a_rare_one_leads(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 5)
        with catalog.write() as tx:
            notes = [f"common note {at}" for at in range(60)]
            notes[3] = "a common and rare note"
            notes[4] = "a rare thing"
            derive(tx, put_asset(tx), [make_space(tx)], said(*notes))
        with catalog.read() as tx:
            matches = tx.words.search([Term(("common",)), Term(("rare",))], 10, phrase=Term(("common", "and", "rare")))
            found = tx.segments.moments([each.segment_id for each in matches])
            assert [found[each.segment_id].segment.text for each in matches[:2]] == ["a common and rare note", notes[4]]
            assert (matches[0].share, matches[0].phrase) == (pytest.approx(1), True)
            assert 0.7 < matches[1].share < 1
            assert len(matches) <= 2 + 6, "of the rest only the newest"
            assert found[matches[2].segment_id].segment.text == "common note 59"

    def test_with_filters_that_leave_little_a_frequent_word_is_looked_up_in_all_of_it(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 5)
        with catalog.write() as tx:
            space = make_space(tx)
            for at in range(30):
                derive(tx, put_asset(tx, str(at)), [space], said("common"))
        with catalog.read() as tx:
            only = tx.filtered.only([2, 3])
            matches = tx.words.search([Term(("common",))], 10, within=only)
            assert {match.asset_id for match in matches} == {2, 3}

    def test_the_number_asked_for_is_kept_to(self, notes: Catalog) -> None:
        with notes.read() as tx:
            assert len(tx.words.search([Term(("nine",))], 1)) == 1
            assert tx.words.search([], 10) == []
            assert tx.words.search([Term(("x" * 3000,))], 10) == []


def test_the_index_holds_what_the_tables_say_after_any_history(sqlite: sa.URL) -> None:
    """FTS5's own check of an index against its content."""
    catalog = Catalog(sqlite, create=True)
    with catalog.write() as tx:
        space = make_space(tx)
        root = tx.roots.add("/library", 1).id
        for at in range(20):
            asset = put_asset(tx, str(at), LISBON if at % 2 else PICTURE)
            derive(tx, asset, [space], said(f"note {at}", "more"))
            place(tx, root, f"{at}.txt", asset)
    with catalog.write() as tx:
        for at in range(0, 20, 3):
            derive(tx, put_asset(tx, str(at)), [space], said("again"))
        tx.locations.remove([1, 2, 5])
        tx.assets.forget_orphans()
    with catalog.write() as tx:
        for index in ("segment_words", "asset_words"):
            tx.connection.exec_driver_sql(f"INSERT INTO {index}({index}, rank) VALUES('integrity-check', 1)")
    catalog.close()
