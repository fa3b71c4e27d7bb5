"""The resource `notifications`: what developers must see, and what they do about it."""
