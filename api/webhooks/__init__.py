"""What providers tell us unasked. Each signs its requests; none has a token."""
