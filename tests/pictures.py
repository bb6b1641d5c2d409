"""How are the pictures of the README taken? From a running `make serve`: `make pictures SIGN_IN=<a one-time link>`."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.architecture.sources import ROOT
from tests.cast import PASSWORD
from tests.environment import chromium_path

IMAGES = ROOT / "docs" / "images"


def console(link: str) -> None:
    """Take the pages of the console as the person of the link sees them; her first sign-in sets the tests' password."""
    from playwright.sync_api import sync_playwright

    parts = urlsplit(link)
    address = f"{parts.scheme}://{parts.netloc}/console/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1180, "height": 820}, locale="en-GB")
        page.goto(link)
        for field in page.locator("input[type=password]").all():
            field.fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        page.goto(address)
        page.screenshot(path=IMAGES / "today.png")
        page.goto(f"{address}models/")
        page.locator("main a[href*='/console/models/']").first.click()
        page.screenshot(path=IMAGES / "model.png")
        page.locator("main a[href*='/console/promotions/']").first.click()
        page.screenshot(path=IMAGES / "console.png")
        page.locator("main a[href*='/console/validations/']").first.click()
        for title in ("ROC curve", "Reliability diagram"):
            page.locator("#plots details:not([open]) > summary", has_text=title).first.click()
        page.locator("#plots summary", has_text="ROC curve").first.evaluate("one => one.scrollIntoView()")
        page.screenshot(path=IMAGES / "run.png")
        browser.close()


def dossier(path: Path) -> None:
    """Take the page of the demo's dossier that shows the reliability diagram."""
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
    number = next(number for number, page in enumerate(text.split("\f"), 1) if "Reliability diagram" in page)
    with tempfile.TemporaryDirectory() as folder:
        line = [
            "pdftoppm",
            "-png",
            "-singlefile",
            "-r",
            "80",
            "-f",
            str(number),
            "-l",
            str(number),
            path,
            f"{folder}/page",
        ]
        subprocess.run(line, check=True)
        (IMAGES / "dossier.png").write_bytes((Path(folder) / "page.png").read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", help="a one-time link that make demo printed, with the port of make serve")
    console(parser.parse_args().link)
    dossier(ROOT / "var" / "demo" / "dossier.pdf")
