"""What moved between two states of an appointment, in sentences: "The start has moved from … to …".

Old and new stand side by side elsewhere in the mail; these sentences spare the reader the comparison. Pure.
"""

from datetime import datetime

from tasks.mail.dates import (
    clock_of,
    clock_time,
    day_of,
    duration_words,
    is_after,
    long_date,
    time_and_abbreviation,
    when_of,
)
from tasks.mail.letter import Letter, Moment, Previous
from tasks.mail.plain import one_line

TEXTS = {
    "location": "The location has changed.",
    "summary": "What is to be done has changed.",
    "appt_type": "The type of appointment has changed.",
    "description": "The details have changed.",
}
"""For columns of which only is known that they changed; anything else that changed is not told."""


def changes_of(letter: Letter) -> tuple[str, ...]:
    """The changes that matter to the recipient, the time first; empty when nothing is known of them."""
    texts = [sentence for column, sentence in TEXTS.items() if column in letter.changed]
    if "optional" in letter.changed:
        texts.append("It is tentative now." if letter.tentative else "It is no longer tentative.")
    previous = letter.previous
    if previous is None:
        return tuple(texts)
    found = [*_time(previous, letter), *_place(previous, letter), *texts]
    if not letter.to_photographer:
        found += _photographer(previous, letter)
    if previous.confirmed != letter.confirmed:
        found.append("It is now confirmed." if letter.confirmed else "It is not confirmed any more.")
    return tuple(found)


def is_time_changed(letter: Letter) -> bool:
    """Whether the old time has to be shown beside the new one."""
    return letter.previous is not None and bool(_time(letter.previous, letter))


def _time(was: Previous, now: Letter) -> list[str]:
    before, after = when_of(was), when_of(now)
    if before.decided != after.decided:
        return [
            "The time is now fixed."
            if after.decided
            else "The time is open again; it is still to be decided."
        ]
    found = []
    if was.local_start is not None and now.local_start is not None:
        if day_of(was.local_start) != day_of(now.local_start):
            found.append(
                f"The date has moved from {long_date(day_of(was.local_start))}"
                f" to {long_date(day_of(now.local_start))}."
            )
        if after.decided:
            found += _start_and_length(was, now, was.local_start, now.local_start)
    if not found and before.lines != after.lines:
        found.append("The time has changed.")
    return found


def _start_and_length(was: Previous, now: Letter, old: Moment, new: Moment) -> list[str]:
    if was.allday and now.allday:
        return _whole_days(was, now, old, new)
    if now.allday:
        return ["It now takes the whole day."]
    if was.allday:
        return [f"It no longer takes the whole day: it starts at {time_and_abbreviation(new)}."]
    found = []
    # The clocks' name belongs to a reading only where it tells two apart: after a move to another zone, or in
    # the night when the same hour comes twice. Winter time after summer time alone is no news.
    other_clock = _zone(old) != _zone(new) and (was.zone_name != now.zone_name or day_of(old) == day_of(new))
    if other_clock:
        found.append(
            f"The start has moved from {time_and_abbreviation(old)} to {time_and_abbreviation(new)}."
        )
    elif clock_of(old) != clock_of(new):
        found.append(f"The start has moved from {_clock_time(old)} to {_clock_time(new)}.")
    lengths = _length(was), _length(now)
    if all(lengths) and lengths[0] != lengths[1]:
        found.append(f"It now takes {lengths[1]} instead of {lengths[0]}.")
    elif (stop := _ending(now)) is not None and _ending(was) is None and not found:
        found.append(f"It now ends at {time_and_abbreviation(stop)}.")
    return found


def _whole_days(was: Previous, now: Letter, old: Moment, new: Moment) -> list[str]:
    lengths = [
        max((day_of(facts.local_stop or start) - day_of(start)).days, 0) + 1
        for facts, start in ((was, old), (now, new))
    ]
    if lengths[0] == lengths[1]:
        return []
    return [f"It now takes {_days(lengths[1])} instead of {_days(lengths[0])}."]


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"


def _ending(facts: Previous | Letter) -> Moment | None:
    start, stop = facts.local_start, facts.local_stop
    if start is None or stop is None or clock_of(stop) is None or not is_after(stop, start):
        return None
    return stop


def _length(facts: Previous | Letter) -> str:
    """From start to stop where both are known, because that is what the mail shows; else as it was given."""
    start, stop = facts.local_start, _ending(facts)
    if isinstance(start, datetime) and isinstance(stop, datetime):
        return duration_words(round(stop.timestamp() - start.timestamp()))
    return duration_words(facts.duration_s)


def _zone(moment: Moment) -> str:
    return time_and_abbreviation(moment).removeprefix(_clock_time(moment)).strip()


def _clock_time(moment: Moment) -> str:
    clock = clock_of(moment)
    return "" if clock is None else clock_time(clock)


def _place(was: Previous, now: Letter) -> list[str]:
    old, new = one_line(was.address), one_line(now.address)
    if old.casefold() == new.casefold():
        return []
    return ["The address has changed." if old and new else "The address is now known."] if new else []


def _photographer(was: Previous, now: Letter) -> list[str]:
    old, new = one_line(was.photographer_name), one_line(now.photographer_name)
    if old.casefold() == new.casefold():
        return []
    if not new:
        return ["The photographer is open again."]
    return [f"{new} is now the photographer{', instead of ' + old if old else ''}."]
