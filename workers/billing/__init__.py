"""What an organization used in a month, as people read it."""
