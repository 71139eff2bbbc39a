"""A real browser, for a page that is made here: Debian's chromium, headless.

A page comes from a file, and nothing may come from anywhere else. What the
page writes to the console as an error, and each exception, is kept.
"""

import base64
import importlib.util
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("chromium", "chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--hide-scrollbars",
         "--host-resolver-rules=MAP * ~NOTFOUND")  # offline


def missing() -> list[str]:
    """What is not there of what this needs (tools/install-deps browser)."""
    found = [name for name in PROGRAMS if not shutil.which(name)]
    if not importlib.util.find_spec("selenium"):
        found.append("python3-selenium")
    try:  # by that name selenium looks for its driver
        socket.getaddrinfo("localhost", None)
    except OSError:
        found.append("a line for localhost in /etc/hosts")
    return found


class Page:
    """An open page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path: Path, place: str = "") -> None:
        self.driver.get("about:blank")  # or only the part after # would change
        self.driver.get(f"file://{path}{place}")

    def view(self, width: int, height: int, **media: str) -> None:
        """The window's size, and what the page is for: print="print",
        scheme="dark", a phone by touch="yes"."""
        self._cdp("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile="touch" in media)
        self._cdp("Emulation.setEmulatedMedia", media=media.get("print", ""),
                  features=[{"name": "prefers-color-scheme",
                             "value": media.get("scheme", "light")}])

    def ask(self, expression: str):
        """What an expression of JavaScript is worth, as JSON."""
        return self.driver.execute_script(f"return {expression}")

    def press(self, *keys: str) -> None:
        """Keys by their names: "ArrowRight"; they go where the focus is."""
        for key in keys:
            for kind in "keyDown", "keyUp":
                self._cdp("Input.dispatchKeyEvent", type=kind, key=key)

    def point(self, selector: str) -> None:
        """Move the mouse to the middle of an element, and click there."""
        x, y = self.ask(f"""(() => {{
            const box = document.querySelector({selector!r})
              .getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()""")
        for kind in "mouseMoved", "mousePressed", "mouseReleased":
            self._cdp("Input.dispatchMouseEvent", type=kind, x=x, y=y,
                      button="left" if kind != "mouseMoved" else "none",
                      clickCount=1)

    def picture(self, path: Path) -> None:
        shot = self._cdp("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def errors(self) -> list[str]:
        """The new messages of the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def _cdp(self, command: str, **words):
        return self.driver.execute_cdp_cmd(command, words)


@contextmanager
def browser():
    """A browser that ends with the block."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options,
                              service=Service(shutil.which("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()
