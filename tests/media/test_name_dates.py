from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.media.name_dates import taken_from_name
from bowerbird.types import Taken, TakenFrom

NEXT_YEAR = datetime.now().year + 1


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("IMG_20190704_153012.jpg", "2019-07-04 15:30:12"),  # Android
        ("IMG_20190704_153012_HDR.jpg", "2019-07-04 15:30:12"),
        ("IMG20190704153012.jpg", "2019-07-04 15:30:12"),  # Oppo
        ("PXL_20230101_101112345.jpg", "2023-01-01 10:11:12"),  # Pixel, with milliseconds
        ("PXL_20230101_101112345.PORTRAIT.jpg", "2023-01-01 10:11:12"),
        ("VID_20190704_153012.3gp", "2019-07-04 15:30:12"),
        ("20190704_153012(0).jpg", "2019-07-04 15:30:12"),  # Samsung
        ("WP_20140712_15_30_12_Pro.jpg", "2014-07-12 15:30:12"),  # Windows Phone
        ("DJI_20230101101112_0001_D.JPG", "2023-01-01 10:11:12"),
        ("2019-07-04 15.30.12-1.jpg", "2019-07-04 15:30:12"),  # Dropbox
        ("2019-07-04T15:30:12.jpg", "2019-07-04 15:30:12"),
        ("20190704T153012Z.jpg", "2019-07-04 15:30:12"),
        ("Screenshot 2021-03-05 at 10.11.12.png", "2021-03-05 10:11:12"),  # macOS
        ("Screen Shot 2021-03-05 at 3.11.12 PM.png", "2021-03-05 15:11:12"),
        ("Screen Shot 2021-03-05 at 3.11.12\u202fPM.png", "2021-03-05 15:11:12"),
        ("Screen Shot 2021-03-05 at 12.11.12 AM.png", "2021-03-05 00:11:12"),
        ("Bildschirmfoto 2021-03-05 um 10.11.12.png", "2021-03-05 10:11:12"),
        ("Capture d’écran 2021-03-05 à 10.11.12.png", "2021-03-05 10:11:12"),
        ("Captura de pantalla 2021-03-05 a las 10.11.12.png", "2021-03-05 10:11:12"),
        ("Skärmavbild 2021-03-05 kl. 10.11.12.png", "2021-03-05 10:11:12"),
        ("Screenshot_2021-03-05-10-11-12-123_com.chat.png", "2021-03-05 10:11:12"),  # Xiaomi
        ("Screenshot_20210305-101112_Maps.jpg", "2021-03-05 10:11:12"),
        ("WhatsApp Image 2020-01-02 at 10.11.12 (1).jpeg", "2020-01-02 10:11:12"),
        ("IMG-20180102-WA0003.jpg", "2018-01-02 00:00:00"),  # WhatsApp
        ("PHOTO-2019-07-04-15-30-12.jpg", "2019-07-04 15:30:12"),
        ("signal-2020-05-06-101112.jpeg", "2020-05-06 10:11:12"),
        ("signal-2020-05-06-10-11-12-123.jpg", "2020-05-06 10:11:12"),
        ("photo_2021-03-05_10-11-12.jpg", "2021-03-05 10:11:12"),  # Telegram
        ("photo_5@05-03-2021_10-11-12.jpg", "2021-03-05 10:11:12"),
        ("Scan_20190704.pdf", "2019-07-04 00:00:00"),
        ("20190704.pdf", "2019-07-04 00:00:00"),
        ("20190704153012.pdf", "2019-07-04 15:30:12"),
        ("2019_07_04 Wedding.jpg", "2019-07-04 00:00:00"),
        ("2019.07.04 IMG 1234.jpg", "2019-07-04 00:00:00"),
        ("20190704_0012.jpg", "2019-07-04 00:00:00"),  # the twelfth of that day
        ("20190704_990000.jpg", "2019-07-04 00:00:00"),
        ("20190704 copy of IMG_20190704_153012.jpg", "2019-07-04 15:30:12"),
        ("1990-01-01.txt", "1990-01-01 00:00:00"),
        ("2020-02-29.txt", "2020-02-29 00:00:00"),
    ],
)
def test_a_date_is_read_as_it_was_written(name: str, at: str) -> None:
    assert taken_from_name(name) == Taken(datetime.fromisoformat(at), TakenFrom.NAME)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "holiday.jpg",
        "12345678.jpg",
        "20991301.jpg",
        "DSC_20201399.jpg",
        "DSC_2020.jpg",
        "2019-07 Lisbon",  # no day
        "1989-12-31.txt",
        "2019-02-29.txt",
        f"{NEXT_YEAR + 1}-01-01.txt",
        "20190704990000.jpg",  # fourteen digits are a time or nothing
        "invoice-20190704123.pdf",
        "120190704.pdf",
        "+20121011.vcf",
        "+49-30-20121011.vcf",
        "call 030 20121011.m4a",
        "FB_IMG_1562254212345.jpg",  # milliseconds since 1970, in no known zone
        "3f2a20190704beef.jpg",
        "pycharm-2019.3.1.zip",
        "05-03-2021.jpg",  # in March or in May
        "2019-07-04 to 2019-07-10.pdf",
        "2019-0704.jpg",
    ],
)
def test_no_other_number_is_taken_for_a_date(name: str) -> None:
    assert taken_from_name(name) is None


@given(st.text(max_size=60))
def test_any_name_is_read_or_not_but_never_fails(name: str) -> None:
    taken = taken_from_name(name)
    assert taken is None or 1990 <= taken.at.year <= NEXT_YEAR


@given(st.text("0123456789-_.: @TatpmAP", max_size=40))
def test_what_nearly_is_a_date_never_fails(name: str) -> None:
    taken = taken_from_name(name)
    assert taken is None or 1990 <= taken.at.year <= NEXT_YEAR


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2025, 12, 31)),
    st.sampled_from(
        ["IMG_%Y%m%d_%H%M%S.jpg", "%Y-%m-%d %H.%M.%S.png", "Screenshot %Y-%m-%d at %I.%M.%S %p.png", "%Y%m%d%H%M%S.pdf"]
    ),
)
def test_every_time_survives_every_pattern(at: datetime, pattern: str) -> None:
    at = at.replace(microsecond=0)
    assert taken_from_name(at.strftime(pattern)) == Taken(at, TakenFrom.NAME)
