"""A browser as a test uses it: what it shows, what it complains of and what it asks the network for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from pathlib import Path

WIDE, NARROW = (1500, 1000), (390, 844)
PATIENCE = 60.0  # seconds until what is waited for has to be there; no test waits longer than it must
# Quiet on the network, and able to run as root in a container.
SWITCHES = (
    "--headless=new",
    "--window-size=1920,1200",  # a click outside it would miss
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """Chromium with its console and its network requests on record."""

    def __init__(self, chrome: str, driver: str, profile: Path, screenshots: Path) -> None:
        options = Options()
        options.binary_location = chrome
        for switch in (*SWITCHES, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.screenshots = screenshots
        self.resize(WIDE)

    def quit(self) -> None:
        self.driver.quit()

    def open(self, address: str) -> None:
        """Load a page anew, even if only the part of its address after # differs; its records start empty."""
        self.driver.get("about:blank")
        self.complaints()
        self.requests()
        self.driver.get(address)

    def resize(self, size: tuple[int, int]) -> None:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size is NARROW}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """Prefer ``light`` or ``dark``; nothing glides, since a click would miss what moves."""
        wanted = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        features = [{"name": feature, "value": value} for feature, value in wanted.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def save(self, name: str) -> None:
        """Save what is seen now."""
        assert self.driver.save_screenshot(str(self.screenshots / f"{name}.png"))

    def run(self, script: str, *arguments):
        """What a script gives."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def until(self, condition, what: str):
        """Wait for a condition; its value."""
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(lambda _: condition(), message=what)

    def text(self) -> str:
        """Everything that can be read."""
        return self.run("return document.body.innerText")

    def complaints(self) -> list[str]:
        """Warnings and errors in the console since the last call."""
        found = self.driver.get_log("browser")
        return [f"{one['level']} {one['message']}" for one in found if one["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> list[str]:
        """Addresses asked for since the last call."""
        events = (json.loads(one["message"])["message"] for one in self.driver.get_log("performance"))
        return [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
