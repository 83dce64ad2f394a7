"""Dates as people write and say them."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.query_language.dates_in_words import EXAMPLES, MOST_WORDS, Period, period, relative_period

TODAY = date(2026, 11, 25)  # a Wednesday


def days(first: str, last: str) -> Period:
    """From one day to another, both included."""
    return Period(date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1))


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("2019", "2019-01-01", "2019-12-31"),
        ("2019-07", "2019-07-01", "2019-07-31"),
        ("2019-7", "2019-07-01", "2019-07-31"),
        ("2019-12", "2019-12-01", "2019-12-31"),
        ("2019-07-04", "2019-07-04", "2019-07-04"),
        ("2019/7/4", "2019-07-04", "2019-07-04"),
        ("31.12.2019", "2019-12-31", "2019-12-31"),
        ("4 July 2019", "2019-07-04", "2019-07-04"),
        ("the 4th of July, 2019", "2019-07-04", "2019-07-04"),
        ("July 4 2019", "2019-07-04", "2019-07-04"),
        ("july 4th, 2019", "2019-07-04", "2019-07-04"),
        ("Jul 2019", "2019-07-01", "2019-07-31"),
        ("Jul. 2019", "2019-07-01", "2019-07-31"),
        ("sept 2019", "2019-09-01", "2019-09-30"),
        ("MARCH   2021", "2021-03-01", "2021-03-31"),
        ("February 2020", "2020-02-01", "2020-02-29"),
        ("summer 2019", "2019-06-01", "2019-08-31"),
        ("summer of 2019", "2019-06-01", "2019-08-31"),
        ("the winter of 2019", "2019-12-01", "2020-02-29"),
        ("fall 2019", "2019-09-01", "2019-11-30"),
        ("Christmas 2019", "2019-12-24", "2019-12-26"),
        ("1990s", "1990-01-01", "1999-12-31"),
        ("the '90s", "1990-01-01", "1999-12-31"),
        ("20s", "2020-01-01", "2029-12-31"),
        ("2019-2021", "2019-01-01", "2021-12-31"),
        ("2019 – 2021", "2019-01-01", "2021-12-31"),
        ("2019-11..2020-02", "2019-11-01", "2020-02-29"),
        ("March 2019..last week", "2019-03-01", "2026-11-22"),
    ],
)
def test_what_is_written_out_does_not_depend_on_today(said, first, last):
    assert period(said, today=TODAY) == period(said, today=TODAY + timedelta(days=1)) == days(first, last)
    if ".." not in said:
        assert relative_period(said, today=TODAY) is None


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("today", "2026-11-25", "2026-11-25"),
        ("Yesterday", "2026-11-24", "2026-11-24"),
        ("the day before yesterday", "2026-11-23", "2026-11-23"),
        ("last night", "2026-11-24", "2026-11-25"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this weekend", "2026-11-28", "2026-11-29"),
        ("last weekend", "2026-11-21", "2026-11-22"),
        ("this month", "2026-11-01", "2026-11-30"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("this year", "2026-01-01", "2026-12-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("last Tuesday", "2026-11-24", "2026-11-24"),
        ("last Wednesday", "2026-11-18", "2026-11-18"),
        ("last Thursday", "2026-11-19", "2026-11-19"),
        ("this Monday", "2026-11-23", "2026-11-23"),
        ("last March", "2026-03-01", "2026-03-31"),
        ("last November", "2025-11-01", "2025-11-30"),
        ("last December", "2025-12-01", "2025-12-31"),
        ("this March", "2026-03-01", "2026-03-31"),
        ("this December", "2026-12-01", "2026-12-31"),
        ("last Christmas", "2025-12-24", "2025-12-26"),
        ("3 days ago", "2026-11-22", "2026-11-22"),
        ("three days ago", "2026-11-22", "2026-11-22"),
        ("a week ago", "2026-11-16", "2026-11-22"),
        ("2 weeks ago", "2026-11-09", "2026-11-15"),
        ("11 months ago", "2025-12-01", "2025-12-31"),
        ("a year ago", "2025-01-01", "2025-12-31"),
        ("past week", "2026-11-18", "2026-11-25"),
        ("the last week", "2026-11-18", "2026-11-25"),
        ("last 3 days", "2026-11-22", "2026-11-25"),
        ("the past two months", "2026-09-25", "2026-11-25"),
        ("last 10 years", "2016-11-25", "2026-11-25"),
    ],
)
def test_what_is_counted_from_today(said, first, last):
    assert period(said, today=TODAY) == relative_period(said, today=TODAY) == days(first, last)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("November", "2026-11-01", "2026-11-30"),
        ("December", "2025-12-01", "2025-12-31"),
        ("summer", "2026-06-01", "2026-08-31"),
        ("Wednesday", "2026-11-25", "2026-11-25"),
        ("thursday", "2026-11-19", "2026-11-19"),
        ("25 November", "2026-11-25", "2026-11-25"),
        ("26 November", "2025-11-26", "2025-11-26"),
        ("29 February", "2024-02-29", "2024-02-29"),
    ],
)
def test_without_a_year_it_is_the_latest_that_has_begun(said, first, last):
    assert period(said, today=TODAY) == days(first, last)
    assert relative_period(said, today=TODAY) is None


@pytest.mark.parametrize(
    ("today", "last_summer", "this_summer", "last_winter", "this_winter"),
    [
        ("2026-01-15", 2025, 2026, 2024, 2025),
        ("2026-03-01", 2025, 2026, 2025, 2025),
        ("2026-05-31", 2025, 2026, 2025, 2025),
        ("2026-06-01", 2025, 2026, 2025, 2025),
        ("2026-08-31", 2025, 2026, 2025, 2025),
        ("2026-09-01", 2026, 2026, 2025, 2025),
        ("2026-12-01", 2026, 2026, 2025, 2026),
    ],
)
def test_last_is_over_and_this_goes_on_or_was_this_year(today, last_summer, this_summer, last_winter, this_winter):
    now = date.fromisoformat(today)
    for said, month, year in [
        ("last summer", 6, last_summer),
        ("this summer", 6, this_summer),
        ("last winter", 12, last_winter),
        ("this winter", 12, this_winter),
    ]:
        found = period(said, today=now)
        assert found is not None
        assert found.first == date(year, month, 1), said


def test_a_month_that_is_too_short_ends_the_count_on_its_last_day():
    assert period("past month", today=date(2026, 3, 31)) == days("2026-02-28", "2026-03-31")


NO_DATES = """
last|last day|3 days|2019-13|2019-02-29|31 June|31 June 2019|0000|9999|10000|2021..2019|4/7/2019|2019-07/04|2019 beach
3:2|..|2019..|..2019|٢٠١٩|9999 years ago|99999999999999 days ago|of|the|a|-|20190704
"""


@pytest.mark.parametrize("said", ["", *NO_DATES.strip().replace("\n", "|").split("|")])
def test_what_is_no_date(said):
    assert period(said, today=TODAY) is None


def test_what_is_far_too_long_for_a_date():
    assert period("last " * 20_000 + "week", today=TODAY) is None
    assert period(" " * 100_000 + "2019", today=TODAY) is None


def test_every_example_is_a_date():
    for said in EXAMPLES.replace(" or ", ", ").split(", "):
        assert period(said, today=TODAY) is not None, said
        assert len(said.split()) <= MOST_WORDS


def test_a_period_holds_a_day():
    with pytest.raises(ValueError, match="cannot end before"):
        Period(TODAY, TODAY)


WORDS = ["last", "this", "the", "past", "march", "summer", "monday", "week", "days", "years", "ago", "of", "2019", "31"]
WORDS += ["0", "9999", "0001", "-", "..", "feb", "a", "twelve", "christmas", "weekend", "1", "s", ".", "/"]


@given(
    st.one_of(st.text(max_size=30), st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)),
    st.dates(),
)
@example("last winter", date.min)
@example("this weekend", date.max)
@example("past year", date.min)
def test_no_words_and_no_day_make_it_fail(said, today):
    found = period(said, today=today)
    assert found is None or found.first < found.end
    counted = relative_period(said, today=today)
    assert counted is None or counted == found


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(9998, 12, 31)))
def test_any_day_is_found_as_it_is_written(day):
    one = Period(day, day + timedelta(days=1))
    for written in (f"{day}", f"{day:%d.%m.%Y}", f"{day.day} {day:%B %Y}", f"{day:%b} {day.day}, {day.year}"):
        assert period(written, today=TODAY) == one, written


@given(st.dates(min_value=date(2, 1, 1), max_value=date(9990, 12, 31)), st.sampled_from(["week", "month", "year"]))
def test_last_ends_where_this_begins_and_this_holds_today(today, unit):
    last, this = period(f"last {unit}", today=today), period(f"this {unit}", today=today)
    assert last is not None
    assert this is not None
    assert last.end == this.first <= today < this.end
