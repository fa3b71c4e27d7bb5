"""The documentation in a real browser: its form, its copy buttons and Swagger UI, with nothing asked of elsewhere."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser import seen
from tests.browser.conftest import OpenWindow
from tests.stack import Stack
from tests.world import stamp

pytestmark = pytest.mark.timeout(300)

CREATE = "/documentation/api/v1/appointments/create"
PAGES = ("/documentation/", CREATE, "/documentation/filemaker", "/documentation/api/v1/appointments/index")


def test_the_form_sends_a_create_and_shows_the_answer(window: OpenWindow, stack: Stack) -> None:
    order = stack.world.order()
    token = stack.world.application_token()
    page = window()
    page.goto(CREATE)
    form = page.locator("form.try")
    form.locator("#try-token").fill(token)
    form.locator("#try-updated_at_mt").fill(stamp())
    form.get_by_text("Optional parameters").click()
    form.locator("#try-order_id").fill(str(order.id))
    form.locator("#try-summary").fill("Tried out")
    form.get_by_role("button", name="Send", exact=True).click()
    expect(form.locator("[data-shown=code]")).to_have_text("200")
    expect(form.locator("[data-shown=status]")).to_have_text("action-successful")
    made = json.loads(form.locator("[data-shown=answer]").inner_text())["data"]["appointment"]
    assert stack.world.appointment(made["id"])["summary"] == "Tried out"
    assert token not in page.content() + page.url, "the token stays in its field"

    form.locator("#try-order_id").fill("none")
    form.get_by_role("button", name="Send", exact=True).click()
    expect(form.locator("[data-shown=code]")).to_have_text("400")
    expect(form.locator("[data-shown=answer]")).to_contain_text('"param": "order_id"')


def test_examples_are_copied_by_a_click(window: OpenWindow) -> None:
    page = window(permissions=["clipboard-read", "clipboard-write"])
    page.goto(CREATE)
    block = page.locator("#body .code")
    block.get_by_role("button").click()
    expect(block.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("code").text_content()


def test_swagger_ui_shows_every_route_by_itself(window: OpenWindow) -> None:
    page = window()
    page.goto("/documentation/swagger/")
    routes = page.locator(".opblock")
    expect(routes.first).to_be_visible()
    spec = page.evaluate("fetch('/openapi.json').then((answer) => answer.json())")
    expect(routes).to_have_count(sum(len(path) for path in spec["paths"].values()))
    assert spec["info"]["title"] in page.content()
    routes.first.get_by_role("button").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_open_to_everybody(window: OpenWindow, path: str) -> None:
    page = window()
    page.goto(path)
    expect(page.locator("h1")).to_have_text(re.compile(r"\w"))
    page.emulate_media(color_scheme="light")
    assert seen.overflowing(page) == {}
    page.set_viewport_size({"width": 1280, "height": 900})
    assert seen.grave_violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert seen.grave_violations(page, "color-contrast") == [], "in the dark"
