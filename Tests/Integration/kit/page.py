"""The page in a headless Chromium, and what is looked for in the widget's shadow roots."""

import contextlib
import os
import shutil

from selenium import webdriver
from selenium.common.exceptions import (
    DetachedShadowRootException, ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

from .carried import axe
from .gateway import RESULTS

DRAWN_ANEW = [StaleElementReferenceException, DetachedShadowRootException]
"""What a look at an element ends with that was drawn anew since it was found: the next look finds what is there by then."""

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


_AXE = """
const [done] = arguments;
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    // The levels of an answer's headings are the answer's own.
    rules: {"heading-order": {enabled: false}}}).then((result) =>
    done(result.violations.map((each) => [each.id, each.nodes.map((node) => [node.html.slice(0, 160), node.failureSummary])])));
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
        return WebDriverWait(self.driver, timeout, 0.05, DRAWN_ANEW).until(look, f"{selector} is not there")

    def until(self, condition, what, timeout=15):
        return WebDriverWait(self.driver, timeout, 0.05, DRAWN_ANEW).until(lambda _: condition(), what)

    def click(self, selector, timeout=15):
        """Presses the first that matches and is shown, once it can be pressed: where it stands by then."""
        def pressed(_):
            element = next((element for element in self.all(selector) if element.is_displayed()), None)
            if element is None:
                return False
            element.click()
            return True
        moving = [*DRAWN_ANEW, ElementClickInterceptedException, ElementNotInteractableException]
        WebDriverWait(self.driver, timeout, 0.05, moving).until(pressed, f"{selector} can't be pressed")

    def press(self, selector, at=0):
        """Presses what matches whether or not it can be seen (a drawer, on a phone)."""
        pressed = _FIND.replace("return found;", "found[arguments[1]]?.click(); return found.length > arguments[1];")
        self.until(lambda: self.driver.execute_script(pressed, selector, at), f"no {selector}")

    def texts(self, role):
        """The texts of the messages of a role, in their order."""
        return self.driver.execute_script(
            _FIND.replace("return found;", "return found.map((e) => e.querySelector('[data-testid=message-text]')"
                          ".textContent);"), f"[data-testid=message][data-role={role}]")

    def contents(self, selector):
        """The texts of what matches, in one look: elements may be drawn anew in between."""
        return self.driver.execute_script(_FIND.replace("return found;", "return found.map((e) => e.textContent);"), selector)

    def attributes(self, selector, name):
        """An attribute of all that match, in one look."""
        return self.driver.execute_script(
            _FIND.replace("return found;", "return found.map((e) => e.getAttribute(arguments[1]));"), selector, name)

    def findings(self, state):
        """What axe has to say against what is shown, as texts that begin with the state's name; with a screenshot."""
        self.screenshot(f"access-{state}")
        self.driver.set_script_timeout(60)
        self.driver.execute_script(axe())
        return [f"{state}: {name}: {node}" for name, nodes in self.driver.execute_async_script(_AXE) for node in nodes]

    def looks(self, scheme="light", forced=False):
        """The person's colour scheme, and whether the system forces its own colours."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
            {"name": "forced-colors", "value": "active" if forced else "none"}]})

    def findings_in_all_looks(self, state):
        """The same in the light, in the dark, and in forced colours."""
        found = []
        for name, look in (("light", {}), ("dark", {"scheme": "dark"}), ("forced", {"forced": True})):
            self.looks(**look)
            found += self.findings(f"{state}-{name}")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        return found

    def online(self):
        self.one("[data-testid=connection-state][data-state=online]")

    def sign_in(self, name):
        field = self.one("[data-testid=name-input]")
        field.clear()
        field.send_keys(name)
        self.click("[data-testid=sign-in]")
        self.online()

    def say(self, text):
        self.one("[data-testid=composer]").send_keys(text)
        self.click("[data-testid=send]")

    def choose(self, thread, name):
        """Presses an entry of a conversation's menu: edit, archive, restore or trash."""
        place = f"[data-testid=conversation-item][data-thread-id='{thread}']"
        self.until(lambda: ActionChains(self.driver).move_to_element(self.one(place)).perform() is None, "not to be pointed at")
        self.click(f"li:has({place}) [data-testid=conversation-menu]")
        self.click(f"[data-testid=conversation-{name}]")

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
