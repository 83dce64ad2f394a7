"""Bowerbird: one box over pictures, videos, recordings and papers. See README.md."""

__version__ = "0.1.0"
