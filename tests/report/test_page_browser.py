"""The committed reports in a real browser, where there is one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

GALLERY = Path(__file__).parents[2] / "reports" / "gallery"
REPORTS = {"supertokens": "s", "generality": "accuracy (%)"}
"""A sweep over SuperTokens, and one with tables of thirty columns; a column of each that is sorted.

The text of s = 16 sorts before that of s = 2.
"""

REQUIRED = "FOUNDRY_BENCH_REQUIRE_BROWSER"
"""Set where a missing browser is a failure."""

DESKTOP, PHONE, A4 = (1280, 900), (375, 800), (718, 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        message = "no Chromium is found; install it to test the page in a browser"
        if os.environ.get(REQUIRED):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=REPORTS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def address(name: str) -> str:
    return (GALLERY / name / "index.html").as_uri()


def _open(browser: Browser, address: str, size: tuple[int, int], media: str = "screen") -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.emulate_media(media="print" if media == "print" else "screen")
    page.goto(address)
    return page


def _column(table: Locator, index: int) -> list[str]:
    cells = table.locator(f"tbody tr td:nth-child({index + 1})")
    return [cell.get_attribute("data-value") or "" for cell in cells.all()]


def test_no_error_no_request_and_every_image_loads(browser: Browser, address: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(address)

    images = page.locator("img").all()
    assert images
    assert all(image.evaluate("image => image.complete && image.naturalWidth") for image in images)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    page.close()


def test_tables_sort_up_down_and_back_by_mouse_and_keyboard(
    browser: Browser, address: str, name: str
) -> None:
    page = _open(browser, address, DESKTOP)
    table = page.locator("section[id$=-results] table")
    heads = table.locator("thead button")
    column = heads.all_text_contents().index(REPORTS[name])
    first = _column(table, column)
    numbers = sorted(float(value) for value in first if value != "nan")
    assert len(set(numbers)) > 1

    heads.nth(column).click()
    up = _column(table, column)
    heads.nth(column).focus()
    page.keyboard.press("Enter")
    down = _column(table, column)
    page.keyboard.press("Space")

    assert [float(value) for value in up[: len(numbers)]] == numbers
    assert [float(value) for value in down[: len(numbers)]] == numbers[::-1]
    assert set(up[len(numbers) :]) <= {"nan"}
    assert _column(table, column) == first
    assert table.locator("thead th").nth(column).get_attribute("aria-sort") == "none"
    page.close()


def test_data_of_a_figure_is_one_click_away(browser: Browser, address: str) -> None:
    page = _open(browser, address, DESKTOP)
    figure = page.locator("figure").first
    assert not figure.locator("table").is_visible()

    figure.locator("summary").click()

    assert figure.locator("table").is_visible()
    page.close()


def test_a_row_leads_to_its_commands(browser: Browser, address: str) -> None:
    page = _open(browser, address, DESKTOP)

    page.locator("section[id$=-results] tbody a").nth(1).click()

    page.locator("details.row[open]").get_by_text("foundry-bench run runs/").first.wait_for()
    page.close()


@pytest.mark.parametrize(
    ("size", "media"), [(DESKTOP, "screen"), (PHONE, "screen"), (A4, "print")], ids=str
)
def test_nothing_is_wider_than_the_page(
    browser: Browser, address: str, size: tuple[int, int], media: str
) -> None:
    page = _open(browser, address, size, media)

    width = page.evaluate("document.documentElement.scrollWidth")
    if media == "print":
        for region in page.locator(".scroll:visible").all():
            box = region.locator("table").bounding_box()
            assert box is None or box["x"] + box["width"] <= size[0] + 1

    assert width <= size[0]
    page.close()


def test_dark_pages_keep_figures_on_white(browser: Browser, address: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(address)

    def background(selector: str) -> str:
        script = "element => getComputedStyle(element).backgroundColor"
        found: str = page.locator(selector).first.evaluate(script)
        return found

    assert background("figure img") == "rgb(255, 255, 255)"
    assert sum(int(part) for part in background("body")[4:-1].split(",")) < 120
    page.close()
