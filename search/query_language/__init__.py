"""The one line of the search box: words, "words as they stand", -what is not wanted, and filters such as type:video."""

from search.query_language.dates_in_words import Period, period
from search.query_language.filter_names import FILTERS, TYPES, FilterHelp
from search.query_language.line import Asked, phrases, plain, read

__all__ = ["FILTERS", "TYPES", "Asked", "FilterHelp", "Period", "period", "phrases", "plain", "read"]
