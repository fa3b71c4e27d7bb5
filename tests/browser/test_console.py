"""The console in a real browser: what people do by clicking, by keyboard and without scripts, and how it looks."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from models.moment import now
from tests.browser import seen
from tests.browser.conftest import OpenWindow
from tests.browser.scene import HOSTILE_NAME, PASSWORD, Scene, create, fail_mails, make_employee, order_of
from tests.stack import Stack
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)

LIST = "/console/notifications"
BOUNCE = "rejected=hard-bounce"


@pytest.fixture
def page(window: OpenWindow) -> Page:
    """A window of an employee who is logged in."""
    return window(employee="Emma Employee")


def row(page: Page, number: int) -> Locator:
    return page.locator(f"#n-{number}")


def box(page: Page, number: int) -> Locator:
    return page.get_by_role("checkbox", name=f"Select notification {number}", exact=True)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def received(stack: Stack, address: str, number: int = 1) -> int:
    """How many mails an address has got, once there are so many."""

    def arrived() -> int:
        got = sum(one["fault"] is None for one in stack.inbox(to=address)["messages"])
        return got if got >= number else 0

    return eventually(arrived, what=f"{number} mails to {address}")


def state_of(stack: Stack, number: int) -> str:
    return stack.world.row("SELECT state FROM notifications WHERE id = :id", id=number)["state"]


# -- what people come for


def test_from_the_list_to_a_resent_mail_in_three_clicks(page: Page, stack: Stack) -> None:
    address = "three.clicks@homes.example"
    (number,) = fail_mails(stack, BOUNCE, [("Thea Clicks", address)])
    page.goto(LIST)
    page.evaluate("window.isStillThisPage = true")
    clicks, began = 0, time.monotonic()
    for what in (
        row(page, number).get_by_role("link").first,
        page.get_by_role("button", name="Resend", exact=True),
    ):
        what.click()
        clicks += 1
    expect(page.get_by_text(f"Notification {number}: send-confirmation is queued again.")).to_be_visible()
    page.evaluate("window.isStillThisPage = true")
    expect(page.get_by_text("The mail has been sent")).to_be_visible()
    assert clicks <= 3 and time.monotonic() - began < 20
    assert page.evaluate("window.isStillThisPage"), "the page followed the mail without being loaded again"
    assert state_of(stack, number) == "resolved"
    assert received(stack, address) == 1
    assert page.locator("#follow[hx-trigger]").count() == 0, "what is decided is asked for no more"


def test_a_mail_goes_to_the_corrected_address(page: Page, stack: Stack) -> None:
    (number,) = fail_mails(stack, BOUNCE, [("Tipo Error", "tipo.eror@homes.example")])
    page.goto(f"{LIST}/{number}")
    page.get_by_text("Send to another address").click()
    page.get_by_label("Corrected address").fill("tipo.error@homes.example")
    press(page, "Correct and resend")
    expect(page.get_by_text("Only this mail goes to the new address.")).to_be_visible()
    expect(page.get_by_text("The mail has been sent")).to_be_visible()
    assert received(stack, "tipo.error@homes.example") == 1
    tries = page.locator(".send")
    expect(tries).to_have_count(2)
    expect(tries.nth(0)).to_contain_text("To tipo.error@homes.example ✓ accepted")
    expect(tries.nth(1)).to_contain_text("before it was sent again")


@pytest.mark.parametrize(
    ("button", "state"), [("Resolve selected", "resolved"), ("Ignore selected", "ignored")]
)
def test_several_are_ended_at_once(page: Page, stack: Stack, button: str, state: str) -> None:
    numbers = fail_mails(stack, BOUNCE, [("Many", f"{state}.{at}@homes.example") for at in range(3)])
    page.goto(f"{LIST}?q={state}.")
    expect(page.get_by_text("Nothing selected")).to_be_visible()
    box(page, numbers[0]).check()
    box(page, numbers[1]).check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_placeholder("Reason, for resolving or ignoring").fill("spoke to them")
    press(page, button)
    expect(page.get_by_text(f"2 notifications were {state}.")).to_be_visible()
    expect(row(page, numbers[2])).to_be_visible()
    expect(row(page, numbers[0])).to_have_count(0)
    assert [state_of(stack, number) for number in numbers] == [state, state, "open"]


def test_a_whole_cause_is_chosen_and_resent_at_once(page: Page, stack: Stack) -> None:
    addresses = [f"whole.{at}@homes.example" for at in range(3)]
    numbers = fail_mails(stack, BOUNCE, [("Whole", address) for address in addresses])
    page.goto(f"{LIST}?q=whole.")
    page.get_by_label("Select the 3 shown").check()
    expect(page.get_by_text("3 selected")).to_be_visible()
    press(page, "Resend selected")
    expect(page.get_by_text("3 notifications were queued again.")).to_be_visible()
    eventually(lambda: {state_of(stack, number) for number in numbers} == {"resolved"})
    assert all(received(stack, address) == 1 for address in addresses)


def test_filters_stand_in_the_address_and_the_way_back_leads_through_them(page: Page, scene: Scene) -> None:
    page.goto(LIST)
    page.get_by_label("Severity").select_option("critical")
    page.get_by_role("searchbox").fill("reconcile-times")
    press(page, "Show")
    expect(page).to_have_url(re.compile(r"[?&]q=reconcile-times"))
    expect(page).to_have_url(re.compile(r"severity=critical"))
    crashed = row(page, scene.first("reconcile-times:UndefinedColumn"))
    expect(crashed).to_be_visible()
    expect(row(page, scene.first("unsub"))).to_have_count(0)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("reconcile-times")
    crashed.get_by_role("link").first.click()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_label("Severity")).to_have_value("critical")
    for _ in range(3):
        page.go_back()
    expect(page).to_have_url(re.compile(rf"{LIST}$"))
    expect(page.get_by_label("Severity")).to_have_value("")


def test_the_list_refreshes_itself_and_leaves_alone_what_one_does(page: Page, stack: Stack) -> None:
    (first,) = fail_mails(stack, BOUNCE, [("Early", "refresh.early@homes.example")])
    stack.world.execute(
        "UPDATE notifications SET last_at = last_at - interval '1 hour' WHERE id = :id", id=first
    )
    page.goto(f"{LIST}?q=refresh.")
    box(page, first).check()
    row(page, first).get_by_text("What happened").click()
    reason = page.get_by_placeholder("Reason, for resolving or ignoring")
    reason.press_sequentially("half a sen")
    (second,) = fail_mails(stack, BOUNCE, [("Late", "refresh.late@homes.example")])
    expect(row(page, second)).to_be_visible()
    expect(page.get_by_text("1 new notification since you loaded this page")).to_be_visible()
    expect(box(page, first)).to_be_checked()
    expect(row(page, first).get_by_text("Mandrill rejects mail to this address")).to_be_visible()
    expect(reason).to_be_focused()
    reason.press_sequentially("tence")
    expect(reason).to_have_value("half a sentence")


def test_what_may_have_been_sent_is_sent_only_after_a_second_question(
    page: Page, scene: Scene, stack: Stack
) -> None:
    number = scene.first("read-timeout")
    page.goto(f"{LIST}/{number}")
    expect(page.get_by_role("alert", name="May have been sent")).to_be_visible()
    press(page, "Resend")
    expect(page.get_by_role("heading", name="This mail may have been sent")).to_be_visible()
    page.get_by_role("link", name="Do not send").click()
    expect(page).to_have_url(re.compile(rf"{LIST}/{number}"))
    assert state_of(stack, number) == "open"


# -- appointments and queues


def test_an_appointment_is_found_and_seen_on_its_day_and_in_its_week(page: Page, scene: Scene) -> None:
    number = scene.appointments["double booked"]
    page.goto("/console/appointments")
    page.get_by_role("searchbox").fill(str(number))
    page.get_by_role("searchbox").press("Enter")
    expect(page).to_have_url(re.compile(rf"[?&]q={number}"))
    page.locator(f"#a-{number} .head a").first.click()
    expect(page.get_by_role("heading", name=f"Appointment {number}")).to_be_visible()
    expect(page.get_by_text("The photographer is taken twice.")).to_be_visible()
    expect(page.locator(".timeline > li").first).to_be_visible()
    for view in ("Day", "Week"):
        page.get_by_role("navigation", name="Views of appointments").get_by_role("link", name=view).click()
        expect(page.locator(f".has-clash a[href$='/appointments/{number}']").first).to_be_visible()
    page.locator(f".chip a.what[href$='/appointments/{number}']").first.click()
    expect(page.get_by_role("heading", name=f"Appointment {number}")).to_be_visible()


def test_a_confirmation_is_sent_again_from_the_page_of_its_appointment(page: Page, stack: Stack) -> None:
    address = "again.please@homes.example"
    number = create(stack, order_of(stack, "Agatha In", address))
    stack.wait_for_commands(number)
    page.goto(f"/console/appointments/{number}")
    press(page, "Send the confirmation again")
    expect(page.get_by_text(f"The confirmation to {address} is queued.")).to_be_visible()
    expect(page.locator(".timeline .is-mail")).to_have_count(2)
    assert received(stack, address, 2) == 2


def test_a_command_is_retried_and_another_dropped_from_the_queues(page: Page, stack: Stack) -> None:
    addresses = ("queue.retry@homes.example", "queue.drop@homes.example")
    numbers = fail_mails(stack, BOUNCE, [("Q", address) for address in addresses])
    commands = [
        stack.world.row("SELECT command_id FROM notifications WHERE id = :id", id=number)["command_id"]
        for number in numbers
    ]
    page.goto("/console/queues")
    page.locator("#k-send-confirmation td[data-label=failed] a").click()
    page.locator("select[name=order]").select_option("newest")
    press(page, "Show")
    page.get_by_role("checkbox", name=f"Select command {commands[0]}", exact=True).check()
    press(page, "Retry selected now")
    expect(page.get_by_text(f"Command {commands[0]} ")).to_be_visible()
    assert received(stack, addresses[0]) == 1
    eventually(lambda: state_of(stack, numbers[0]) == "resolved")
    page.goto(f"/console/queues/commands/{commands[1]}")
    page.get_by_label("Reason").fill("wrong client")
    press(page, "Drop")
    expect(page.locator("#state").get_by_text("dropped")).to_be_visible()
    expect(page.get_by_text("“wrong client”").first).to_be_visible()


# -- in other ways


def test_everything_from_log_in_to_resend_works_by_keyboard(window: OpenWindow, stack: Stack) -> None:
    employee = make_employee(stack, "Kay Board")
    (number,) = fail_mails(stack, BOUNCE, [("Kay", "keyboard@homes.example")])
    page = window()
    page.goto(f"{LIST}?q=keyboard%40")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(employee)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(row(page, number)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0, "it is seen while it has the focus"
    tab_to(page, row(page, number).get_by_role("link").first)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Resend", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The mail has been sent")).to_be_visible()
    assert received(stack, "keyboard@homes.example") == 1


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus; whatever gets it on the way is to be seen."""
    wanted.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        style, box = page.evaluate(
            "() => { const one = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(one);"
            " const { width, height, bottom, top } = one.getBoundingClientRect();"
            " return [`${outlineStyle} ${outlineWidth}`, [width, height, bottom, innerHeight - top]]; }"
        )
        assert style == "solid 3px" and min(box) > 0, page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}.")


def test_everything_works_without_scripts(window: OpenWindow, stack: Stack) -> None:
    employee = make_employee(stack, "Noah Script")
    sent, wrong, left = fail_mails(stack, BOUNCE, [("No", f"noscript.{at}@homes.example") for at in range(3)])
    page = window(java_script_enabled=False)
    page.goto(LIST)
    page.get_by_label("E-mail address").fill(employee)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Log in")
    page.get_by_role("searchbox").fill("noscript.")
    press(page, "Show")
    assert "q=noscript." in page.url
    expect(page.get_by_text("Nothing selected")).to_be_hidden()
    row(page, sent).get_by_role("link").first.click()
    press(page, "Resend")
    page.get_by_role("link", name="Back to the list").click()
    row(page, wrong).get_by_role("link").first.click()
    page.get_by_text("Send to another address").click()
    page.get_by_label("Corrected address").fill("noscript.right@homes.example")
    press(page, "Correct and resend")
    assert received(stack, "noscript.0@homes.example") and received(stack, "noscript.right@homes.example")
    page.get_by_role("link", name="Back to the list").click()
    box(page, left).check()
    press(page, "Ignore selected")
    expect(page.get_by_text(f"Notification {left} is ignored.")).to_be_visible()
    eventually(lambda: {state_of(stack, one) for one in (sent, wrong)} == {"resolved"})
    page.goto(f"{LIST}/{sent}")
    expect(page.get_by_text("The mail has been sent")).to_be_visible()
    press(page, "Log out")
    expect(page.get_by_text("You are logged out.")).to_be_visible()


# -- what is not ours


def test_a_hostile_name_is_text_in_a_mail_that_can_run_nothing(page: Page, scene: Scene) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"/console/appointments/{scene.appointments['hostile']}/mails/confirmation")
    frames = page.locator("iframe")
    assert [frame.get_attribute("sandbox") for frame in frames.all()] == ["", ""]
    expect(page.frame_locator("iframe").first.get_by_text(HOSTILE_NAME)).to_be_visible()
    assert "taken" not in page.title() and dialogs == []
    assert page.frames[1].evaluate("document.scripts.length + document.images.length") == 0
    assert page.frames[1].evaluate("window.origin") == "null", "it is nobody's, and reads nothing of ours"


def test_a_silent_process_is_told_on_every_page_until_it_works_again(page: Page, stack: Stack) -> None:
    # One of a role that no other process has: nothing waits for it, whatever the other tests do meanwhile.
    stack.world.execute(
        "INSERT INTO heartbeats (name, kind, pid, release, beat_at)"
        " VALUES ('worker-archive@cellar', 'worker', 4711, 'unreleased', now() - interval '40 seconds')"
    )
    told = page.locator("#banners").get_by_text("worker-archive on cellar is silent since")
    page.goto(LIST)
    page.evaluate("window.isStillThisPage = true")
    until(page, told.is_visible)
    stack.world.execute("DELETE FROM heartbeats WHERE name = 'worker-archive@cellar'")
    until(page, lambda: not told.is_visible())
    assert page.evaluate("window.isStillThisPage")


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Until the banners say so, which refresh themselves every ten seconds, and whenever the window is seen again."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, page.locator("#banners").inner_text()
        page.evaluate("document.getElementById('banners').dispatchEvent(new CustomEvent('console:refresh'))")
        page.wait_for_timeout(300)


# -- how it looks

PAGES: dict[str, Callable[[Scene], str]] = {
    "log-in": lambda scene: "/console/login",
    "notifications": lambda scene: LIST,
    "nothing found": lambda scene: f"{LIST}?q=nothing-like-this&age=1h",
    "a failed mail": lambda scene: f"{LIST}/{scene.first('hard-bounce')}",
    "a mail in doubt": lambda scene: f"{LIST}/{scene.first('read-timeout')}",
    "an incident": lambda scene: f"{LIST}/{scene.incident_id}",
    "a crash": lambda scene: f"{LIST}/{scene.first('reconcile-times:UndefinedColumn')}",
    "once more?": lambda scene: f"{LIST}/again?ids={scene.first('read-timeout')}",
    "a mail": lambda scene: f"/console/appointments/{scene.appointments['hostile']}/mails/confirmation",
    "appointments": lambda scene: "/console/appointments",
    "an appointment": lambda scene: f"/console/appointments/{scene.appointments['double booked']}",
    "a day": lambda scene: f"/console/appointments/day?date={now() + timedelta(days=2):%Y-%m-%d}",
    "a week": lambda scene: f"/console/appointments/week?week={now() + timedelta(days=2):%G-W%V}",
    "a photographer's week": lambda scene: (
        f"/console/appointments/week?week={now() + timedelta(days=2):%G-W%V}&photographer={scene.photographer_id}"
    ),
    "queues": lambda scene: "/console/queues",
    "commands": lambda scene: "/console/queues/commands",
    "a command": lambda scene: f"/console/queues/commands/{scene.command_id}",
    "no such page": lambda scene: "/console/nothing-like-this",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_whole_and_open_to_everybody(name: str, window: OpenWindow, scene: Scene) -> None:
    page = window(employee="" if name == "log-in" else "Emma Employee")
    page.goto(PAGES[name](scene))
    page.emulate_media(color_scheme="light")
    assert seen.overflowing(page) == {}
    page.set_viewport_size({"width": 320, "height": 640})
    assert seen.grave_violations(page, "scrollable-region-focusable", "target-size") == [], "on a phone"
    page.set_viewport_size({"width": 1280, "height": 900})
    assert seen.grave_violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert seen.grave_violations(page, "color-contrast") == [], "in the dark"


def test_the_measuring_tool_is_the_one_that_was_published() -> None:
    assert seen.digests() == seen.vendored()
    assert {"axe.min.js", "LICENSE"} <= set(seen.digests())
