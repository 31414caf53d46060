"""A whole conversation with a model upstream, in a real browser: ten turns, with tools."""

import pytest

from kit.gateway import Gateway
from kit.page import browser
from kit.upstream import KEY, LLM, calls, says

ANSWER = "[data-testid=message][data-role=assistant]"
CARD = "[data-testid=tool-card]"


@pytest.fixture(scope="module")
def llm():
    llm = LLM()
    llm.pace(5)
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def gateway(database, llm):
    gateway = Gateway(database, name="test_browser_upstream", dev=True, AGENT="chat-completions",
                      AGENT_BASE_URL=llm.url, AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test")
    yield gateway
    gateway.remove()


def turns(tasks):
    """What is said, what the model does, and what it answers; `tasks` gives the ids as they are by then."""
    yield "Hello!", [], "Hello! What shall I put on your list?"
    yield "add milk", [[("add_task", {"title": "milk"})]], "Milk is on your list."
    yield "and eggs and bread, please", [
        [("add_task", {"title": "eggs"}), ("add_task", {"title": "bread", "description": "rye"})]], "Both added."
    yield "what do I have?", [[("list_tasks", {})]], "You have bread, eggs and milk."
    yield "make it oat milk", [[("list_tasks", {})], [("update_task", {"task_id": tasks()["milk"], "title": "oat milk"})]], \
        "It is oat milk now."
    yield "I got the eggs", [[("complete_task", {"task_id": tasks()["eggs"]})]], "Eggs are done."
    yield "tell me about the bread", [[("get_task", {"task_id": tasks()["bread"]})]], "The bread is to be rye."
    yield "drop the bread", [[("delete_task", {"task_id": tasks()["bread"]})]], "Bread is gone."
    yield "drop number 999999", [[("delete_task", {"task_id": 999999})]], "There is no such task."
    yield "thank you", [], "You are welcome! “Oat milk” is what is left. 🥛"


def test_ten_turns(gateway, llm, database, user):
    def tasks():
        return {row[1]: row[0] for row in database.tasks(user)}

    with browser(height=1400) as page:
        page.driver.get(gateway.url)
        page.sign_in(user)
        answers, cards = [], 0
        for said, steps, answer in turns(tasks):
            llm.script(*(calls(*step) for step in steps), says(answer))
            page.say(said)
            answers.append(answer)
            cards += sum(map(len, steps))
            page.until(lambda: page.texts("assistant") == answers, f"not answered: {said}")
            page.until(lambda: len(page.all(f"{ANSWER}[data-status=complete]")) == len(answers), f"not complete: {said}")
        page.until(lambda: len(page.all(CARD)) == cards, "not all calls are shown")
        page.screenshot("upstream-ten-turns")
        assert page.errors() == []
        assert sorted(tasks()) == ["eggs", "oat milk"]
        page.driver.refresh()
        page.online()
        if not page.all(ANSWER):
            page.click("[data-testid=conversation-item]")
        page.until(lambda: page.texts("assistant") == answers, "another history after a reload")
        page.until(lambda: len(page.all(CARD)) == cards, "not all calls are in the history")
        page.screenshot("upstream-history")
    assert len(llm.requests()) == 10 + 9
    assert database.value("select count(*) from runs where user_id = %s and status = 'completed'", user) == 10
