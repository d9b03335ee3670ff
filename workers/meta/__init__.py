"""Everything between Flow and Meta: webhooks in, the Graph API out, and the connection of a number."""
