"""Still pictures, and what they say of themselves."""
