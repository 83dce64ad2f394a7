"""Words of questions: which of them ask without saying what about, what sort of answer they ask for, and likeness.

The lists are short and of a few languages. A word of another language counts as one that says something, which makes
an answer look a little less certain and no other one look better.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

SHORTEST_STEM = 4
"""Letters that words of one stem have in common at least."""
STEM = 0.6
"""And as a share of the longer word."""

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
"""Thai, Lao, Japanese and Chinese, which put no spaces between words: pairs of letters stand for words there."""

_ASKING = """
a about all am an and any are as at be been being but by can could did do does doing for from get had has have he her
hers him his how i if in into is it its just know long many may me more most much must my not of off on one or our
she should so some tell than that the their them then there these they this those to up us was we were what when where
which who whom whose why will with would you your
here read says said say see shown shows there written
aber als am auf aus bei das dass dem den der des die du ein eine einem einen einer er es für hat haben ich ihr im ist
man mit nach nicht oder sein sie sind über um und uns von vor wann war waren warum was welche welchem welchen welcher
welches wer wie viel viele wird wir wo woher wohin wurde zu zum zur
au aux avec ce ces cette combien comment dans de des du elle en est et il ils je la le les leur ne nous où par pas
pour pourquoi qu quand que quel quelle quelles quels qui quoi sa se ses son sont sur un une vous à était
al como con cual cuando cuanta cuantas cuanto cuantos de del donde el ella en era es esta fue hay la las lo los no para
por porque que quien quienes se ser si su sus un una y cuál cuándo cuánto cuántos dónde qué quién
che chi come cosa cui da dal dei del della di dove e era gli ha il in la le ma nel non per perché quale quali quando
quanti quanto sono su un una
av de den der det en er et for fra ha har hva hvem hvilken hvor hvordan hvorfor i ikke med når og om på som til var vi
å är att det ett för från hur mycket många när och på som till vad vem vilken
aan dat de een en het hoe hoeveel hun in is met niet op te van voor waar waarom wanneer wat welke wie zijn
"""
_EMPTY = frozenset(_ASKING.split())
_DENYING = "no not never none nicht nein kein keine ne pas non nunca nie niet geen ikke inte"
_NOT = frozenset(_DENYING.split())


class Sort(StrEnum):
    """What sort of answer is asked for, as far as a question shows it; of several that it shows, the first counts."""

    MAIL = "mail"
    PHONE = "phone"
    COLOUR = "colour"
    SHARE = "share"
    """Of a whole: per cent, a third."""
    SPEED = "speed"
    HEAT = "heat"
    LENGTH = "length"
    """Of space."""
    WEIGHT = "weight"
    DURATION = "duration"
    SUM = "sum"
    """Of money."""
    TIME = "time"
    NUMBER = "number"
    REASON = "reason"
    PLACE = "place"
    NAME = "name"


VAGUE = frozenset({Sort.REASON, Sort.PLACE, Sort.NAME})
"""Sorts that an answer may be of without any mark of it: *because* is often left out, and not everybody has a name."""


_MONTHS_AND_DAYS = """
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
october november december spring summer autumn winter morning noon afternoon evening night midnight today tomorrow
yesterday montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz mai juni juli oktober dezember
frühling sommer herbst morgen mittag abend nacht heute gestern lundi mardi mercredi jeudi vendredi samedi dimanche
janvier février mars avril juin juillet août septembre octobre novembre décembre lunes martes miércoles jueves viernes
sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
"""

_ASKS = {
    Sort.MAIL: re.compile(r"\be-?mail(?: address)?\b", re.IGNORECASE),
    Sort.PHONE: re.compile(
        r"\b(?:tele)?phone number\b|\bnumber (?:do|should|can|to) .*\b(?:call|ring|dial)\b|\btelefonnummer\b"
        r"|\bnuméro de téléphone\b|\bnúmero de teléfono\b",
        re.IGNORECASE,
    ),
    Sort.COLOUR: re.compile(
        r"\b(?:what|which) (?:colou?rs?|shade)\b|\bwelche farbe\b|\bquelle couleur\b", re.IGNORECASE
    ),
    Sort.SHARE: re.compile(
        r"\bper ?cent(?:age)?\b|\b(?:what|which|how (?:large|big) a) (?:share|proportion|fraction|part) of\b"
        r"|\bprozent\b",
        re.IGNORECASE,
    ),
    Sort.SPEED: re.compile(r"\bhow fast\b|\b(?:what|which) speed\b|\bwie schnell\b", re.IGNORECASE),
    Sort.HEAT: re.compile(
        r"\bhow (?:hot|cold|warm|cool)\b|\btemperatures?\b|\bhow many degrees\b|\bwie (?:heiß|kalt|warm)\b",
        re.IGNORECASE,
    ),
    Sort.LENGTH: re.compile(
        r"\bhow (?:far|tall|high|wide|deep|big|large|steep)\b|\bwie (?:weit|hoch|breit|tief|groß)\b", re.IGNORECASE
    ),
    Sort.WEIGHT: re.compile(r"\bhow heavy\b|\bweighs?\b|\bwie schwer\b", re.IGNORECASE),
    Sort.DURATION: re.compile(r"\bhow (?:long|old|often)\b|\bwie (?:lange|alt|oft)\b", re.IGNORECASE),
    Sort.SUM: re.compile(
        r"\b(?:costs?|price|bill|rent|fee|salary|kostet|preis|coûte|prix|cuesta|precio)\b"
        r"|\bhow much .*(?:pay|paid|spend|spent|money|make)\b",
        re.IGNORECASE,
    ),
    Sort.TIME: re.compile(
        r"\bwhen\b|\b(?:what|which) (?:time|day|date|year|month|hour|minute)\b"
        r"|\bhow (?:early|late|soon|long ago)\b|\bwann\b|\bquand\b|\bcuándo\b|\bwanneer\b",
        re.IGNORECASE,
    ),
    Sort.NUMBER: re.compile(
        r"\bhow (?:many|much|old|far|long|heavy|tall|high|big|large|wide|deep|fast|often|late|early)\b"
        r"|\b(?:account|what|which) (?:\w+ )?numbers?\b|\bwie ?viele?\b"
        r"|\bcombien\b|\bcuánt[oa]s?\b|\bquant[oaie]\b|\bhoeveel\b",
        re.IGNORECASE,
    ),
    Sort.REASON: re.compile(r"\bwhy\b|\bwhat for\b|\bwarum\b|\bpourquoi\b|\bpor qué\b", re.IGNORECASE),
    Sort.PLACE: re.compile(r"\bwhere\b|\b(?:what|which) place\b|\b(?:wo|où|dónde|dove|waar)\b", re.IGNORECASE),
    Sort.NAME: re.compile(
        r"\b(?:who|whom|whose|names?|called)\b|\b(?:wer|wem|wen|heißt|qui|quién|chi)\b",
        re.IGNORECASE,
    ),
}
_NUMBERS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half once twice zwei drei vier
fünf sechs sieben acht neun zehn elf zwölf hundert tausend deux trois quatre cinq sept huit neuf dix cent mille dos tres
cuatro cinco seis siete ocho nueve diez cien mil
"""
_SPANS = """
second minute hour day week month year night summer winter season century centuries decade sekunde stunde tag woche
monat jahr minuten sekunden stunden tage wochen monate jahre seconde heure jour semaine mois an année segundo minuto
hora día semana mes año
"""
_LENGTHS = """
km m cm mm mile miles kilometer kilometre kilometers kilometres meter metre meters metres centimeter centimetre
centimeters centimetres inch inches feet foot yard yards degree degrees floor floors hour hours than
"""
_WEIGHTS = "kg g kilo kilos kilogram kilograms gram grams ton tons tonne tonnes pound pounds ounce ounces weight gramm"
_MONEY = """
pound pounds euro euros dollar dollars cent cents pence franken kronen franc francs million thousand free pay kostenlos
"""
_COLOURS = """
red orange yellow green blue purple violet pink brown black white grey gray silver gold golden beige turquoise crimson
cream navy ivory scarlet maroon teal copper bronze dark light pale bright rot gelb grün blau lila rosa braun schwarz
weiß grau rouge jaune vert bleu noir blanc rojo amarillo verde azul negro blanco
"""
_SHARES = "percent percentage half halves third thirds quarter quarters tenth fifth most all none nothing prozent cent"
_SPEEDS = "kmh kph mph knots knot speed fast slow slowly quickly hour second minute"
_HEATS = "degree degrees celsius fahrenheit kelvin freezing frost grad degrés grados zero minus"
_PLACES = """
in at on under over above below behind beside near next inside outside from to into between by along around here there
left right north south east west im am auf unter über hinter neben nach aus zu dans sur sous près chez en sobre bajo
"""
_REASONS = """
because since so for to that as due therefore if or weil denn da damit deshalb daher um parce car puisque pour porque
pues para
"""


def _any(of: str) -> str:
    return "|".join(of.split())


_BEARS = {
    Sort.MAIL: re.compile(r"\w@\w"),
    Sort.PHONE: re.compile(r"\d(?:[\d /()-]{3,})\d"),
    Sort.COLOUR: re.compile(rf"\b(?:{_any(_COLOURS)})(?:ish)?\b", re.IGNORECASE),
    Sort.SHARE: re.compile(rf"%|\b(?:{_any(_SHARES)})\b|\bin (?:ten|a hundred)\b", re.IGNORECASE),
    Sort.SPEED: re.compile(rf"\d.*\b(?:{_any(_SPEEDS)})\b|km/h|m/s|\b(?:{_any(_SPEEDS)})\b", re.IGNORECASE),
    Sort.HEAT: re.compile(rf"°|\b(?:{_any(_HEATS)})\b", re.IGNORECASE),
    Sort.LENGTH: re.compile(rf"(?:\b|(?<=\d))(?:{_any(_LENGTHS)})\b", re.IGNORECASE),
    Sort.WEIGHT: re.compile(rf"(?:\b|(?<=\d))(?:{_any(_WEIGHTS)})\b", re.IGNORECASE),
    Sort.DURATION: re.compile(rf"\b(?:{_any(_SPANS)})s?\b", re.IGNORECASE),
    Sort.SUM: re.compile(rf"[€$£¥]|\b\d+[.,]\d\d\b|\b(?:{_any(_MONEY)})\b", re.IGNORECASE),
    Sort.TIME: re.compile(
        rf"\b(?:{_any(_MONTHS_AND_DAYS)})s?\b|\d[:.]\d\d\b|\b(?:1\d|20)\d\d\b|\d(?:st|nd|rd|th)\b|\bo'clock\b"
        rf"|\b(?:am|pm|uhr)\b"
        rf"|\b(?:before|after|in|at|ago|until|from|um|nach|vor|bis|à|en)\b.*\b(?:{_any(_SPANS + _NUMBERS)}|\d+)s?\b",
        re.IGNORECASE,
    ),
    Sort.NUMBER: re.compile(rf"\d|\b(?:{_any(_NUMBERS)})\b", re.IGNORECASE),
    Sort.REASON: re.compile(rf"\b(?:{_any(_REASONS)})\b", re.IGNORECASE),
    Sort.PLACE: re.compile(rf"\b(?:{_any(_PLACES)})\b", re.IGNORECASE),
}

_INSIDE = re.compile(r"(?<=[\w,;:] )[^\W\d_a-zß-öø-ÿ]\w+")
"""A word that does not begin a sentence, and not with a small Latin letter."""


def words(text: str) -> list[str]:
    """The words of ``text`` in small letters."""
    found = []
    for word in _WORD.findall(text.casefold()):
        for piece in _UNSPACED.split(word):
            found += [piece] if piece else []
        for run in _UNSPACED.findall(word):
            found += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
    return found


def telling(question: str) -> list[str]:
    """The words of a question that say what it is about, each once."""
    return [word for word in dict.fromkeys(words(question)) if word not in _EMPTY and (len(word) > 1 or word.isdigit())]


def borne(topic: Sequence[str], said: Iterable[str]) -> list[bool]:
    """Of each word of ``topic``, whether it or what seems to be a form of it (``decide``, ``decided``) was said."""
    known: dict[str, set[str]] = {}
    for word in said:
        known.setdefault(word[:SHORTEST_STEM], set()).add(word)
    return [any(_alike(word, other) for other in known.get(word[:SHORTEST_STEM], ())) for word in topic]


def adds(sentence: str, asked: Iterable[str]) -> bool:
    """Whether a sentence says, or denies, anything beyond the words ``asked``."""
    known = list(asked)
    return not all(borne(telling(sentence), known)) or any(
        word in _NOT and word not in known for word in words(sentence)
    )


def _alike(one: str, other: str) -> bool:
    least = math.ceil(max(SHORTEST_STEM, STEM * max(len(one), len(other))))
    return one == other or (len(one) >= least <= len(other) and one[:least] == other[:least])


def sort_asked(question: str) -> Sort | None:
    """What sort of answer is asked for; None where the question does not show it."""
    return next((sort for sort, pattern in _ASKS.items() if pattern.search(question)), None)


def bears(sentence: str, sort: Sort, asked: Collection[str]) -> bool:
    """Whether a sentence holds something of the sort: as a name, one that is not among the words ``asked``."""
    if sort is Sort.NAME:
        return any(found.casefold() not in asked for found in _INSIDE.findall(sentence))
    return _BEARS[sort].search(sentence) is not None
