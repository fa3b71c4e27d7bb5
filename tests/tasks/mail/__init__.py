"""Mails: what they say, and how Mandrill's answers are understood."""
