"""Models that say what pictures show."""
