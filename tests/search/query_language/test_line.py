"""The line of the search box: what is text, what a negative and what a filter, and what errors say."""

import doctest
import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bowerbird.errors import QueryError
from bowerbird.queries import Filters
from bowerbird.types import AssetKind, SegmentKind
from search.query_language import Asked, plain, read
from search.query_language import line as query_language
from search.query_language.filter_names import FILTERS, LANGUAGES, NAMES, TYPES
from search.words import terms_of

TODAY = date(2026, 11, 25)


def asked(line: str) -> Asked:
    return read(line, today=TODAY)


def filters(line: str) -> Filters:
    """What a line of nothing but filters says."""
    found = asked(line)
    assert found.text == ""
    assert found.negatives == found.understood == ()
    return found.filters


def asked_or_refused(line: str, today: date = TODAY) -> Asked | str:
    try:
        return read(line, today=today)
    except QueryError as error:
        return str(error)


def refused(line: str) -> str:
    message = asked_or_refused(line)
    assert isinstance(message, str)
    return message


def test_all_of_it_in_one_line():
    line = (
        "beach sunset -people type:video after:2023-06 before:2024 "
        'camera:"Pixel 7" near:Lisbon path:holidays/ lang:en "exact words"'
    )
    assert asked(line) == Asked(
        text='beach sunset "exact words"',
        negatives=("people",),
        filters=Filters(
            types=(AssetKind.VIDEO,),
            after=date(2023, 6, 1),
            before=date(2024, 1, 1),
            camera="Pixel 7",
            place="Lisbon",
            path="holidays/",
            language="en",
        ),
        understood=(),
    )


@pytest.mark.parametrize(
    "line",
    [
        "a dog on a beach",
        "well-known 2019-07 Lisbon - Porto -",
        "-5 degrees -5° -40% -2019 -- --flag -> -_-",
        "http://example.org/a?b=c:d https://x file:///x //server/share",
        r"12:30 3:2 C:\music C:/music \\server\share",
        "Re: budget C++::name std::map type::of a:b :) ::",
        "größe:5 東京:夜景",
        "5\" nail and 6\" screw it's rock'n'roll 'a b'",
        '"no end',
        'dog* 12 " nail',
        "(type:video) x,near:Lisbon",
        "Lisbon 2019 March 2021",
        "summer monday christmas",
        "a OR b AND (c) + ~d ^2 {e} [f]",
    ],
)
def test_text_stays_as_it_is(line):
    assert asked(line) == Asked(line, (), Filters(), ())


def test_white_space_is_tidied():
    assert asked(" \t a  b\n\n c　d ").text == "a b c d"
    assert asked(' "a \n  b"  c').text == '"a b" c'


def test_nothing_in_quotes_has_a_meaning_of_its_own():
    line = '"type:video -people last summer"'
    assert asked(line) == Asked(line, (), Filters(), ())
    assert asked('"foo:bar", "-x".').text == '"foo:bar", "-x".'


def test_the_quotes_that_phones_type():
    assert asked("“exact words” camera:“Pixel 7” -„zwei Worte“") == Asked(
        '"exact words"', ("zwei Worte",), Filters(camera="Pixel 7"), ()
    )


def test_quotes_with_nothing_in_them_are_nothing():
    assert asked('"" -"" " "') == Asked("", (), Filters(), ())


def test_negatives():
    found = asked('-people beach -"several  words" -C++ -well-known -日本 -4x4 -"2019"')
    assert found.negatives == ("people", "several words", "C++", "well-known", "日本", "4x4", "2019")
    assert found.text == "beach"


def test_only_negatives_leave_no_text():
    assert asked("-people") == Asked("", ("people",), Filters(), ())


@pytest.mark.parametrize(
    ("line", "types"),
    [
        ("type:video", "video"),
        ("TYPE:Photos,movies", "image video"),
        ("type:picture type:pics type:image", "image"),
        ("type:sound,recordings", "audio"),
        ('type:"docs, papers"', "document"),
        ("type:video, audio", "video audio"),
        ("type:video,", "video"),
    ],
)
def test_types(line, types):
    assert filters(line).types == tuple(types.split())


def test_every_kind_by_its_name_and_as_several():
    for kind in SegmentKind:
        assert filters(f"kind:{kind}").kinds == filters(f"Kind:{kind.upper()}s").kinds == (kind,)
    assert filters("kind:speech kind:ocr,speech").kinds == (SegmentKind.SPEECH, SegmentKind.OCR)


def test_a_list_ends_where_a_filter_or_a_negative_begins():
    found = asked("type:video, near:Lisbon x type:audio, -people")
    assert found == Asked("x", ("people",), Filters(types=(AssetKind.VIDEO, AssetKind.AUDIO), place="Lisbon"), ())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("near:Lisbon", Filters(place="Lisbon")),
        ('place:"Rio de  Janeiro"', Filters(place="Rio de  Janeiro")),
        ("Location:São", Filters(place="São")),
        ('camera:"Pixel 7"', Filters(camera="Pixel 7")),
        ("lens:50mm", Filters(camera="50mm")),
        ("path:*.png", Filters(path="*.png")),
        ('path:"my trip"/2019', Filters(path="my trip/2019")),
        (r"folder:C:\music", Filters(path=r"C:\music")),
        ("path://server/x", Filters(path="//server/x")),
        ("lang:pt-BR", Filters(language="pt-BR")),
        ("language:German", Filters(language="de")),
        ("near:Lisbon place:Lisbon", Filters(place="Lisbon")),
    ],
)
def test_filters_of_one_value(line, expected):
    assert filters(line) == expected


@pytest.mark.parametrize(
    ("line", "after", "before"),
    [
        ("after:2019", "2019-01-01", None),
        ("since:2019-07-04", "2019-07-04", None),
        ("before:2019", None, "2019-01-01"),
        ("until:2019", None, "2020-01-01"),
        ("until:2019-07-04", None, "2019-07-05"),
        ("from:2018 to:2019", "2018-01-01", "2020-01-01"),
        ("when:March 2021", "2021-03-01", "2021-04-01"),
        ("on:4 July 2019", "2019-07-04", "2019-07-05"),
        ("date:last summer", "2026-06-01", "2026-09-01"),
        ('when:"last summer"', "2026-06-01", "2026-09-01"),
        ("year:2019", "2019-01-01", "2020-01-01"),
        ("when:3 days ago", "2026-11-22", "2026-11-23"),
        ("when:2019, ", "2019-01-01", "2020-01-01"),
        ("when:1990s", "1990-01-01", "2000-01-01"),
        ("when:2019..2021", "2019-01-01", "2022-01-01"),
        ("after:last summer before:last week", "2026-06-01", "2026-11-16"),
        ("when:2019 after:2019-06", "2019-06-01", "2020-01-01"),
        ("after:2019 when:2020 until:2021", "2020-01-01", "2021-01-01"),
        ("after:2019 since:2019-01 before:2020 before:2020-01", "2019-01-01", "2020-01-01"),
    ],
)
def test_dates(line, after, before):
    found = filters(line)
    assert (found.after and found.after.isoformat(), found.before and found.before.isoformat()) == (after, before)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("when:March 2021 beach", "beach"),
        ("after:last summer 2019", "2019"),
        ("after:2019 march of the penguins", "march of the penguins"),
        ("when:yesterday morning", "morning"),
        ('on:4 "July 2019"', None),
        ("when:summer -2019", "-2019"),
    ],
)
def test_a_date_takes_as_many_words_as_make_one(line, text):
    if text is None:
        assert refused(line).startswith("column 4: '4' is no date")
    else:
        assert asked(line).text == text


@pytest.mark.parametrize(
    ("line", "text", "understood"),
    [
        ("beach last summer", "beach", "last summer"),
        ("photos from yesterday", "photos", "from yesterday"),
        ("Photos From Yesterday?", "Photos", "From Yesterday?"),
        ("last week meeting notes", "meeting notes", "last week"),
        ("last week's meeting notes", "meeting notes", "last week's"),
        ("yesterday’s walk", "walk", "yesterday’s"),
        ("last summer in Lisbon", "in Lisbon", "last summer"),
        ("in the last 3 days, dogs", "dogs", "in the last 3 days,"),
        ("dogs of the past week", "dogs", "of the past week"),
        ("walks 3 days ago", "walks", "3 days ago"),
        ("the day before yesterday", "", "the day before yesterday"),
        ("-rain last summer type:image", "", "last summer"),
        ('"exact words" last summer', '"exact words"', "last summer"),
        ("last month dogs last year", "last month dogs", "last year"),
    ],
)
def test_a_period_that_stands_free_at_an_end(line, text, understood):
    found = asked(line)
    assert (found.text, found.understood) == (text, (understood,))
    assert found.filters.after is not None
    assert found.filters.before is not None


def test_what_joins_a_free_period_says_which_end_it_sets():
    assert asked("dogs since last summer").filters == Filters(after=date(2026, 6, 1))
    assert asked("dogs before last summer").filters == Filters(before=date(2026, 6, 1))
    assert asked("until last summer dogs").filters == Filters(before=date(2026, 9, 1))


@pytest.mark.parametrize(
    "line",
    [
        "the last summer of the war",
        "last summer of the war",
        "the last summer",
        "a beach last summer in Lisbon",
        "better than last year",
        "my last week",
        "John's last week",
        "photos after last summer",
        "last year and this year",
        'beach "last summer"',
        '"yesterday"',
        "last day of school",
        "beach summer 2019",
    ],
)
def test_elsewhere_it_is_text(line):
    assert asked(line) == Asked(line, (), Filters(), ())


def test_words_with_a_filter_between_make_no_period():
    assert asked("last type:image summer") == Asked("last summer", (), Filters(types=(AssetKind.IMAGE,)), ())
    assert asked("the -x last summer").understood == ("last summer",)


def test_where_a_filter_names_the_time_the_text_is_left_alone():
    assert asked("beach last summer after:2019") == Asked("beach last summer", (), Filters(after=date(2019, 1, 1)), ())


@pytest.mark.parametrize(
    ("line", "begins", "says"),
    [
        ("beach sunset type:vidoe", "column 19: there is no type 'vidoe'.", "Did you mean video? Types: image, video,"),
        ("type:video,vidoe x", "column 12: there is no type 'vidoe'.", "Did you mean video?"),
        ("type:pdf", "column 6: there is no type 'pdf'.", "path:*.pdf"),
        ("kind:speach", "column 6: there is no kind 'speach'.", "Did you mean speech? Kinds: image, region,"),
        ("type:,", "column 6: type: names nothing", "choose of image, video"),
        ("a camra:Pixel", "column 3: there is no filter 'camra'.", "Did you mean camera? Filters: type, kind,"),
        ("foo:bar", "column 1: there is no filter 'foo'.", "put 'foo:bar' in quotes"),
        ("-foo:bar", "column 1: there is no filter 'foo'.", "put 'foo:bar' in quotes"),
        ("in:Lisbon", "column 1: in: may be", "when:2019, near:Lisbon or path:"),
        ("x -type:video", "column 3: type: cannot be negated", "type:video,audio"),
        ("x camera:", "column 3: camera: has no value", 'as in camera:"Pixel 7"'),
        ("x camera: Pixel", "column 3: camera: has no value", '"camera:" in quotes'),
        ('camera:"" x', "column 1: camera: has no value", "as in"),
        ('x camera:"Pixel 7', "column 10: no other quote mark closes this one", "add one"),
        ('x -"two words', "column 4: no other quote mark closes this one", "add one"),
        ("near:!! x", "column 6: '!!' has no word in it", "leave it out"),
        ("lang:germn", "column 6: 'germn' is no code of a language.", "Did you mean german? Write en"),
        ("after:foo", "column 7: 'foo' is no date", "3 days ago"),
        ('after:"foo bar"', "column 7: 'foo bar' is no date", "2019-07-04"),
        ("after:2019-13", "column 7: '2019-13' is no date", "write 2019,"),
        ("after:9999", "column 7: '9999' is no date", "write 2019,"),
        ("near:Porto near:Lisbon", "column 12: near: and near: in column 1", "leave one of them out"),
        ("after:2019 since:2020", "column 12: since: and after: in column 1", "leave one of them out"),
        ("after:2020 x before:2019", "column 14: nothing is both", "before 2019-01-01: change one"),
        ("when:2019 when:2020", "column 11: when: and when: in column 1", "leave one of them out"),
        ("when:2019 after:2020", "column 11: nothing is both from 2020-01-01 on and before 2020-01-01", "change"),
        ("foo:" + "x" * 1000, "column 1: there is no filter 'foo'.", "x…'"),
    ],
)
def test_errors_point_at_the_column_and_say_a_remedy(line, begins, says):
    message = refused(line)
    assert message.startswith(begins)
    assert says in message
    assert len(message) < 300


def test_the_remedies_work():
    assert asked('"foo:bar"').text == '"foo:bar"'
    assert asked('-"foo:bar"').negatives == ("foo:bar",)
    assert asked('x "camera:"').text == 'x "camera:"'


def test_every_example_is_read_as_the_filter_it_stands_for():
    for name, each in FILTERS.items():
        assert each.example.startswith(f"{name}:")
        assert filters(each.example) != Filters()
        for also in each.also:
            assert NAMES[also] == name
            assert filters(each.example.replace(name, also, 1)) == filters(each.example)


def test_names_are_given_once():
    also = [other for each in FILTERS.values() for other in each.also]
    assert len(NAMES) == len(FILTERS) + len(also)
    assert set(TYPES.values()) == set(AssetKind)
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('beach "exact words" sun', "beach exact words sun"),
        ('"foo".', "foo."),
        ('5" nail', '5" nail'),
        ("sunf* 2*3", "sunf 2*3"),
        ("", ""),
    ],
)
def test_plain_is_without_marks(text, expected):
    assert plain(text) == expected


def test_the_words_source_reads_phrases_and_prefixes_in_the_text():
    terms, _ = terms_of(asked("beach “exact words” sunf* -people type:image").text)
    assert [(term.words, term.prefix) for term in terms] == [
        (("beach",), False),
        (("exact", "words"), False),
        (("sunf",), True),
    ]


PIECES = [
    "type:",
    "when:",
    "near:",
    "last",
    "summer",
    "-",
    '"',
    "“",
    "„",
    "x",
    ",",
    " ",
    ":",
    "video",
    "2019",
    "the",
    "of",
]
LINES = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@given(LINES, st.dates())
@example('-"', date.min)
@example('"', date.max)
@example("type:x,\ud800", TODAY)
@example("\0", TODAY)
def test_any_line_is_read_or_refused_in_one_line(line, today):
    found = asked_or_refused(line, today)
    if isinstance(found, str):
        column = re.match(r"column ([1-9][0-9]*): .", found)
        assert column is not None
        assert int(column[1]) <= len(line)
        assert len(found.splitlines()) == 1
    else:
        assert found.text == " ".join(found.text.split())
        assert all(each.strip() for each in found.negatives)


def letters(*texts: str) -> list[str]:
    """All characters but white space, dashes and quote marks."""
    return sorted(re.sub(r'[\s"“”„-]', "", "".join(texts)))


@given(LINES.map(lambda line: line.replace(":", "")))
def test_no_character_is_lost_where_there_is_no_filter(line):
    found = asked_or_refused(line)
    if isinstance(found, str):
        assert "quote mark" in found
    else:
        assert letters(found.text, *found.negatives, *found.understood) == letters(line)


@given(st.text(min_size=1).map(lambda text: re.sub('["“”„]', "", text)).filter(str.strip))
def test_what_is_in_quotes_is_found_again(words):
    tidy = " ".join(words.split())
    assert asked(f'"{words}"') == Asked(f'"{tidy}"', (), Filters(), ())
    assert asked(f'x -"{words}"') == Asked("x", (tidy,), Filters(), ())
    assert asked(f'path:"{words}"') == Asked("", (), Filters(path=words.strip()), ())


PIECES_OF_LONG_LINES = (
    'a|a |"|" |" a|"a" |""|„|„ |-"|-a |-|- |a-|type:image |type:image,|after:2019 |when:last week |last |last summer |:'
    "|a:|foo|, |\N{COMBINING ACUTE ACCENT}"
)


@pytest.mark.parametrize("piece", [*PIECES_OF_LONG_LINES.split("|"), " "])
def test_a_hundred_thousand_characters_are_read_in_time(piece):
    """In proportion to the length: what grows with its square would run into the time limit of the suite."""
    line = piece * (100_000 // len(piece))
    for each in (line, f"type:{line}", f'camera:"{line}', f"when:{line}"):
        found = asked_or_refused(each)
        assert not isinstance(found, str) or len(found) < 400


def test_the_example_in_the_docstring():
    assert doctest.testmod(query_language) == (0, 3)
