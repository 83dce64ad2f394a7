"""Holds what is said to what was retrieved: citations, claims, quotes, and text that no viewer brings to life."""
