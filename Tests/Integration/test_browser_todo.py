"""Whole conversations with the to-do assistant in a real browser: what is said, and what the list is then."""

import pytest

from kit.page import browser

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}

# (what is said, what the answer has in it)…, and the open tasks at the end.
CONVERSATIONS = {
    "numbers of one's own": (
        [("add milk", "#1 “milk”"), ("add eggs", "#2 “eggs”"), ("mark 1 as done", "Done: #1 “milk”"),
         ("what's left?", "#2 eggs")], ["eggs"]),
    "a time leaves the title": (
        [("add dentist tomorrow at 17:00", "#1 “dentist” to your list, due tomorrow"),
         ("what's due tomorrow?", "1 task due tomorrow"), ("what's overdue?", "Nothing is overdue")], ["dentist"]),
    "another time": (
        [("add dentist tomorrow at 17:00", "17:00"), ("postpone it to next friday", "Friday"),
         ("make it 18:00", "18:00")], ["dentist"]),
    "what comes back": (
        [("add water the plants every day at 23:58", "every day"), ("done with 1", "It comes back")], ["water the plants"]),
    "undo, and again": (
        [("add tea", "#1"), ("add jam", "#2"), ("delete 1 and 2", "Deleted 2 tasks"), ("undo", "I took back 2 changes"),
         ("undo", "#2 jam: off your list again")], ["tea"]),
    "asked before it harms": (
        [("add milk", "#1"), ("add eggs", "#2"), ("delete all but the milk", "Shall I delete #2 “eggs”?"),
         ("no", "I changed nothing"), ("delete everything", "Shall I delete all tasks"), ("no", "nothing")],
        ["milk", "eggs"]),
    "a pasted list": (
        [("- milk\n- eggs\n[x] bread\nThanks!", "Added 2 tasks"), ("what's left?", "2 open tasks")], ["milk", "eggs"]),
    "what is seen": (
        [("add tea", "#1"), ("add jam", "#2"), ("what's on my list?", "#2 jam"), ("delete the first one", "Deleted #2 “jam”")],
        ["tea"]),
    "another language": (
        [("füge Milch hinzu", "nur Englisch"), ("borra la tarea 1", "solo entiendo inglés")], []),
    "a reminder that is asked for": (
        [("remind me in 30 minutes to check the oven", "I'll remind you"), ("undo", "I took that back")], []),
}


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


def say(page, text):
    """Types it, lines as a person breaks them, and gives the answer that comes of it."""
    before = len(page.texts("user"))
    page.driver.execute_script(
        "const field = arguments[0]; field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))",
        page.one("[data-testid=composer]"), text)
    page.click("[data-testid=send]")
    page.until(lambda: len(page.texts("user")) == before + 1, f"{text} is not shown")
    answers = "[data-testid=message][data-role=assistant][data-status=complete]"
    page.until(lambda: len([each for each in page.all(answers) if each.text]) >= before + 1, f"no answer to {text}")
    return page.texts("assistant")[-1]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(chromium, gateway, database, user, name):
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    turns, left = CONVERSATIONS[name]
    for text, answer in turns:
        shown = say(chromium, text)
        assert answer in shown, f"{text}: {shown}"
    assert [title for _, title, done in database.tasks(user) if not done] == left
