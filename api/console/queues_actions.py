"""What people do about commands: every form of the queues tab is answered here, by a redirect.

`models/command_actions.py` does the work and writes it down; this finds out what was asked, and says in words what
came of it. What may have been sent is sent again only after a page has asked once more.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for

from api.console.guard import local_path, see_other, signed_in
from api.console.notices import Notice, leave, shortened
from api.console.render import page, problem
from api.console.words import plural
from api.params import MAX_ID
from models import database
from models.command_actions import drop, retry_now
from models.command_board import read_one_command
from models.notification_actions import Done

MOST: Final = 200
LONGEST_REASON: Final = 255
PAST: Final = {"retry": "will be done now", "drop": "dropped"}


def add_to(blueprint: Blueprint) -> None:
    """The form of the list and of each page, and the page that asks once more."""
    blueprint.add_url_rule("/queues/commands/actions", "act_on_commands", act, methods=["POST"])
    blueprint.add_url_rule("/queues/commands/again", "confirm_retry", confirm)


def act() -> Response:
    """Retry or drop the chosen ones."""
    back = local_path(request.form.get("back")) or url_for("console.commands")
    action = request.form.get("action", "")
    ids = _ids(request.form.getlist("ids"))
    if action not in PAST:
        return problem(
            "Nothing was done", "The form did not say what to do.", "Go back and press a button.", status=400
        )
    if not ids:
        return leave(see_other(back), Notice("refused", "Nothing was chosen, so nothing was done."))
    if len(ids) > MOST:
        return leave(see_other(back), Notice("refused", f"At most {MOST} at once; nothing was done."))
    actor = signed_in().actor()
    with database.transaction() as connection:
        if action == "retry":
            results = retry_now(
                connection, ids, actor, even_if_sent=request.form.get("even_if_sent") == "yes"
            )
        else:
            reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
            results = drop(connection, ids, actor, reason)
    asking = [one.id for one in results if one.asks]
    if not asking:
        return leave(see_other(back), _told(results, action))
    query = urlencode({"ids": ",".join(map(str, asking)), "back": back})
    response = see_other(f"{url_for('console.confirm_retry')}?{query}")
    # With nothing done yet, the page itself says all there is to say.
    return leave(response, _told(results, action)) if len(asking) < len(results) else response


def confirm() -> Response:
    """Ask once more: these mails may have been sent."""
    ids = _ids(request.args.get("ids", "").split(","))[:MOST]
    back = local_path(request.args.get("back")) or url_for("console.commands")
    with database.transaction() as connection:
        found = [one for one in (read_one_command(connection, number) for number in ids) if one is not None]
    if not found:
        return problem("There is nothing to confirm", "None of these commands exists.", status=404)
    return page(
        "confirm_retry.html",
        tab="queues",
        title="This mail may have been sent" if len(found) == 1 else "These mails may have been sent",
        found=found,
        back=back,
    )


def _told(results: Sequence[Done], action: str) -> Notice:
    done = [one for one in results if one.is_done]
    lines = [_sentence(one) for one in results if not one.is_done and not one.asks]
    if len(done) == 1 and not lines:
        return Notice("done", _sentence(done[0]))
    if not done:
        return Notice("refused", "Nothing was done.", shortened(lines))
    remarks = sorted({_sentence(one) for one in done if "although" in one.message})
    verb = PAST[action] if action == "retry" else f"{'was' if len(done) == 1 else 'were'} {PAST[action]}"
    title = f"{plural(len(done), 'command')} {verb}."
    return Notice("partly" if lines else "done", title, shortened([*lines, *remarks]))


def _sentence(one: Done) -> str:
    return f"Command {one.id} {one.message}"


def _ids(texts: Sequence[str]) -> list[int]:
    """Those that are ids, each once; a form of ours has no others."""
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return list(dict.fromkeys(number for number in numbers if 0 < number <= MAX_ID))
