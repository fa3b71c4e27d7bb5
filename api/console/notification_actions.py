"""What people do about notifications: every form of the notifications tab is answered here, by a redirect.

`models/notification_actions.py` does the work and writes it down; this finds out what was asked, and says in
words what came of it. What may have been sent is sent again only after a page has asked once more.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for

from api.console.guard import local_path, see_other, signed_in
from api.console.notices import Notice, leave, shortened
from api.console.render import page, problem
from api.console.words import plural
from api.params import MAX_ID
from models import database
from models.notification_actions import Done, correct, ignore, resend, resolve
from models.notification_list import read_notification
from models.notification_words import is_complaint
from tasks.mail_door import AddressError, checked_address

MOST = 200
"""Notifications of one action: a page of the list and some more. An incident counts as one."""
LONGEST_REASON = 255
MOST_WATCHED = 6
"""Links of a notice."""
SAME_ADDRESS = "This is the address that the mail went to. To send it there once more, press Resend."
PAST = {"resend": "queued again", "resolve": "resolved", "ignore": "ignored"}


def add_to(blueprint: Blueprint) -> None:
    """The forms, and the page that asks once more."""
    blueprint.add_url_rule("/notifications/actions", "act_on_notifications", act, methods=["POST"])
    blueprint.add_url_rule("/notifications/again", "confirm_resend", confirm)
    blueprint.add_url_rule(
        "/notifications/<int:notification_id>/correct", "correct_notification", correct_one, methods=["POST"]
    )


def act() -> Response:
    """Send again, resolve or ignore the chosen ones."""
    back = local_path(request.form.get("back")) or url_for("console.notifications")
    action = request.form.get("action", "")
    ids = _ids(request.form.getlist("ids"))
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    if action not in PAST:
        return problem(
            "Nothing was done", "The form did not say what to do.", "Go back and press a button.", status=400
        )
    if not ids:
        return leave(see_other(back), Notice("refused", "Nothing was chosen, so nothing was done."))
    if len(ids) > MOST:
        return leave(
            see_other(back),
            Notice("refused", f"At most {MOST} at once; nothing was done. An incident counts as one."),
        )
    actor = signed_in().actor()
    with database.transaction() as connection:
        if action == "resend":
            results = resend(connection, ids, actor, even_if_sent=request.form.get("even_if_sent") == "yes")
        else:
            results = (resolve if action == "resolve" else ignore)(connection, ids, actor, reason)
    notice = _told(results, PAST[action])
    asking = [one.id for one in results if one.asks]
    if not asking:
        return leave(see_other(back), notice)
    query = urlencode({"ids": ",".join(map(str, asking[:MOST])), "back": back})
    response = see_other(f"{url_for('console.confirm_resend')}?{query}")
    # With nothing done yet, the page itself says all there is to say.
    return leave(response, notice) if len(asking) < len(results) else response


def confirm() -> Response:
    """Ask once more: these mails may have been sent."""
    ids = _ids(request.args.get("ids", "").split(","))[:MOST]
    back = local_path(request.args.get("back")) or url_for("console.notifications")
    with database.transaction() as connection:
        found = [one for one in (read_notification(connection, number) for number in ids) if one is not None]
    complaints = [one for one in found if is_complaint(one["status"], one["cause"], one["cause_key"])]
    if not found:
        return problem("There is nothing to confirm", "None of these notifications exists.", status=404)
    return page(
        "confirm_resend.html",
        tab="notifications",
        title=_question(len(found), len(complaints)),
        complaints=len(complaints),
        found=found,
        back=back,
    )


def _question(number: int, complaints: int) -> str:
    if number == complaints:
        return "The recipient complained" if number == 1 else "The recipients complained"
    return "This mail may have been sent" if number == 1 else "These mails may have been sent"


def correct_one(notification_id: int) -> Response:
    """Send one mail to another address."""
    back = url_for(
        "console.notification", notification_id=notification_id, back=local_path(request.form.get("back"))
    )
    try:
        email = checked_address(request.form.get("email", "").strip())
    except AddressError as odd:
        return leave(see_other(back), Notice("refused", "The address was not changed.", (str(odd),)))
    with database.transaction() as connection:
        known = read_notification(connection, notification_id)
        if known and known["state"] == "open" and (known["recipient"] or "").casefold() == email.casefold():
            return leave(see_other(back), Notice("refused", "Nothing was sent.", (SAME_ADDRESS,)))
        done = correct(connection, notification_id, email, signed_in().actor())
    if not done.is_done:
        return leave(see_other(back), Notice("refused", "Nothing was sent.", (_sentence(done),)))
    return leave(
        see_other(back),
        Notice(
            "done",
            _sentence(done),
            (
                "Only this mail goes to the new address. Correct the record of the client or user where it is kept,"
                " or the next mail goes to the old one.",
            ),
        ),
    )


def _told(results: Sequence[Done], past: str) -> Notice:
    done = [one for one in results if one.is_done]
    refused = [one for one in results if not one.is_done and not one.asks]
    left_out = [one for one in refused if one.is_left_out]
    # One by itself is told by its number; several would be the same sentence again and again.
    told = refused if len(left_out) < 2 else [one for one in refused if not one.is_left_out]
    lines = [_sentence(one) for one in told]
    if len(told) < len(refused):
        lines.append(
            f"{len(left_out)} were left out: they are not about mails or failed commands, so there is nothing to send"
            " again. Their hints say what helps."
        )
    if len(done) == 1 and not refused:
        return Notice("done", _sentence(done[0]), (), (done[0].id,))
    if not done:
        return Notice("refused", "Nothing was done.", shortened(lines))
    title = f"{plural(len(done), 'notification')} {'was' if len(done) == 1 else 'were'} {past}."
    watched = tuple(one.id for one in done[:MOST_WATCHED])
    return Notice("partly" if refused else "done", title, shortened(lines), watched)


def _sentence(one: Done) -> str:
    if one.message.startswith(("is ", "has ", "does ", "cannot ")):
        return f"Notification {one.id} {one.message}"
    return f"Notification {one.id}: {one.message}"


def _ids(texts: Sequence[str]) -> list[int]:
    """Those that are ids, each once; a form of ours has no others."""
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return list(dict.fromkeys(number for number in numbers if 0 < number <= MAX_ID))
