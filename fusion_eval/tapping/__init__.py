"""A counting proxy for a product's upstream, and the join of what it counted to trials."""
