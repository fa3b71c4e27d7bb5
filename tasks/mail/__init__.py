"""Mails: what they say (`letter`, `compose`) and how Mandrill is told to send them (`mandrill`).

    Letter ── compose ──► Mail ── MandrillClient.send ──► Accepted | Held | Refused | NotAccepted | Unknown

The room's law: what the provider says is translated here, at the wall, into one of the five outcomes of
`outcomes`. Nothing outside knows Mandrill's JSON, and nothing here knows the database.
"""
