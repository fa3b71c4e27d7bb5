"""The front door: what a request is, who may make it, and the answer it gets.

The law of this room:

- A request passes the stages of contract.md section 2 in that order, and the first stage that fails
  decides the status. Every answer, whatever the failure, is JSON with a status from `api.statuses`.
- `params`, `appointment_params`, `statuses`, `body`, `decoding` and `faults` are pure: bytes and plain
  values in, values and faults out. They know neither Flask nor the database nor the time of day, so they
  are tested alone and the command line may use them.
- A parameter is declared once, in a registry. Decoding, messages, documentation and OpenAPI read that
  declaration; none of them repeats it. The same holds for a status and the table of statuses.
- The room imports `models`, `settings` and the door of `tasks`. It never meets `workers`, and nothing
  here publishes a message or talks to a mail provider.
- What a client sent may be echoed only clipped and escaped; a token is never echoed at all.
"""
