"""The resource `users`: what people say about themselves."""
