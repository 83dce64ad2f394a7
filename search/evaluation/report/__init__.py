"""An evaluation as one HTML file that needs nothing else: tables, plots as inline SVG, the worst misses as pictures."""

from search.evaluation.report.page import Run, page

__all__ = ["Run", "page"]
