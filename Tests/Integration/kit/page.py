"""The page in a headless Chromium, and what is looked for in the widget's shadow roots."""

import contextlib
import os
import shutil

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

from .gateway import RESULTS

_FIND = """
const selector = arguments[0], found = [];
const search = (root) => {
    for (const element of root.querySelectorAll("*")) {
        if (element.matches(selector)) found.push(element);
        if (element.shadowRoot) search(element.shadowRoot);
    }
};
search(document);
return found;
"""


class Page:
    def __init__(self, driver):
        self.driver = driver

    def all(self, selector):
        return self.driver.execute_script(_FIND, selector)

    def one(self, selector, timeout=15):
        """The first that matches and is shown, once there is one."""
        def look(_):
            return next((element for element in self.all(selector) if element.is_displayed()), None)
        return WebDriverWait(self.driver, timeout, 0.05).until(look, f"{selector} is not there")

    def until(self, condition, what, timeout=15):
        return WebDriverWait(self.driver, timeout, 0.05).until(lambda _: condition(), what)

    def texts(self, role):
        """The texts of the messages of a role, in their order."""
        return self.driver.execute_script(
            _FIND.replace("return found;", "return found.map((e) => e.querySelector('[data-testid=message-text]')"
                          ".textContent);"), f"[data-testid=message][data-role={role}]")

    def contents(self, selector):
        """The texts of what matches, in one look: elements may be drawn anew in between."""
        return self.driver.execute_script(_FIND.replace("return found;", "return found.map((e) => e.textContent);"), selector)

    def online(self):
        self.one("[data-testid=connection-state][data-state=online]")

    def sign_in(self, name):
        field = self.one("[data-testid=name-input]")
        field.clear()
        field.send_keys(name)
        self.one("[data-testid=sign-in]").click()
        self.online()

    def say(self, text):
        self.one("[data-testid=composer]").send_keys(text)
        self.one("[data-testid=send]").click()

    def choose(self, thread, name):
        """Presses an entry of a conversation's menu: edit, archive, restore or trash."""
        place = self.one(f"[data-testid=conversation-item][data-thread-id='{thread}']")
        row = self.driver.execute_script("return arguments[0].parentElement", place)
        ActionChains(self.driver).move_to_element(place).perform()
        row.find_element("css selector", "[data-testid=conversation-menu]").click()
        self.one(f"[data-testid=conversation-{name}]").click()

    def screenshot(self, name):
        folder = RESULTS / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(folder / f"{name}.png"))

    def errors(self):
        """What the page wrote to its console as an error."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def requested(self):
        """The addresses of all that the page has loaded."""
        return self.driver.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")


@contextlib.contextmanager
def browser(width=1200, height=800, believes_anybody=False):
    """`believes_anybody`: takes certificates of nobody's."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
                     f"--window-size={width},{height}"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root.
    if believes_anybody:
        options.add_argument("--ignore-certificate-errors")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.set_page_load_timeout(30)
        if width < 500:  # A window cannot be that narrow, a phone's screen can.
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": height, "deviceScaleFactor": 2, "mobile": True})
        yield Page(driver)
    finally:
        driver.quit()
