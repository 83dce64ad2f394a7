"""What answers questions from what was retrieved."""
