"""Branches, approvals and thoughts in the widget, against a socket of the test's own that says what the protocol says; at a
desk and on a phone."""

import itertools
import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

APPROVAL = "[data-testid=approval]"

SOCKET = """
window.sent = [];
class Told {
    constructor() {
        Object.assign(this, {readyState: 0});
        window.told = this;
        setTimeout(() => {
            this.readyState = 1;
            this.onopen?.();
            this.give({op: "ready", sessionId: "s", userId: window.user, epoch: "e", limits: {}, runs: []});
        });
    }
    give(frame) { this.onmessage?.({data: JSON.stringify(frame)}); }
    send(data) {
        const frame = JSON.parse(data);
        window.sent.push(frame);
        if (frame.op === "subscribe") setTimeout(() => {
            this.give({...window.snapshot, op: "snapshot", threadId: frame.threadId});
            this.give({op: "subscribed", id: frame.id, threadId: frame.threadId, mode: "snapshot", cursor: "e.1"});
        });
    }
    close() { this.readyState = 3; }
}
Object.assign(Told, {CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3});
window.WebSocket = Told;
"""


def message(id, role, content, **parley):
    return {"id": id, "role": role, "content": content,
            "metadata": {"parley": {"createdAt": "2026-01-01T10:00:00.000Z", "status": "complete", **parley}}}


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_branches", dev=True, AGENT="scripted", ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module", params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def chromium(request):
    with browser(*request.param) as page:
        page.size = "phone" if request.param[0] < 500 else "desk"
        yield page


@pytest.fixture
def conversation(chromium, site, gateway, user, connect):
    """`conversation(snapshot)`: a page that shows it."""
    thread = connect().turn("!text hello").thread

    def show(more="", **snapshot):
        told = json.dumps({"messages": [], "hasMore": False, "cursor": "e.1", "interrupts": [], **snapshot})
        site.pages["/told"] = (
            "<!doctype html><html lang=en><meta name=viewport content='width=device-width'><title>told</title>"
            f"<style>body {{ margin: 0 }} parley-chat {{ display: block; height: 100vh }}</style><script>{SOCKET}"
            f"window.user = {user!r}; window.snapshot = {told};</script><script type=module src='{gateway.url}/parley-chat.js'>"
            f"</script><main><h1 style='position: absolute; clip-path: inset(50%)'>A page</h1><parley-chat token='{gateway.token(user)}'>"
            f"</parley-chat></main><script>{more}</script>")
        chromium.driver.get(f"{site.origin}/told")
        chromium.online()
        chromium.driver.execute_script("document.querySelector('parley-chat').openConversation(arguments[0])", thread)
        return thread

    show.page = chromium
    return show


def sent(page, op):
    return [frame for frame in page.driver.execute_script("return window.sent") if frame["op"] == op]


_CURSORS = itertools.count(10)


def give(page, thread, *frames):
    page.driver.execute_script("for (const frame of arguments[0]) window.told.give(frame)", [
        {"threadId": thread, "metadata": {"parley": {"threadId": thread, "cursor": f"e.{next(_CURSORS)}"}}, **frame}
        if "type" in frame else {"threadId": thread, **frame} for frame in frames])


def branches(page):
    return page.contents("[data-testid=sibling]")


TREE = [message("q1", "user", "a question", parentId=None, siblings=["q0", "q1"], runId="r1"),
        message("a1", "assistant", "an answer", siblings=["a0", "a1", "a2"], runId="r1")]


def test_siblings_are_chosen(conversation):
    thread = conversation(messages=TREE)
    page = conversation.page
    page.until(lambda: branches(page) == ["2 of 2", "2 of 3"], "no siblings")
    assert page.findings_in_all_looks(f"branches-{page.size}") == []
    page.press("[data-testid=sibling-before]")
    [select] = sent(page, "select")
    assert (select["threadId"], select["messageId"]) == (thread, "q0")
    give(page, thread, {"op": "ack", "id": select["id"], "status": "selected"},
         {"op": "snapshot", "hasMore": False, "cursor": "e.2", "interrupts": [], "messages": [
             message("q0", "user", "the first question", parentId=None, siblings=["q0", "q1"], runId="r0")]})
    page.until(lambda: page.texts("user") == ["the first question"] and branches(page) == ["1 of 2"], "not the other branch")
    assert page.all("[data-testid=sibling-before]")[0].get_property("disabled")
    page.press("[data-testid=sibling-next]")
    assert sent(page, "select")[1]["messageId"] == "q1"
    # What can't be done now says so.
    give(page, thread, {"op": "error", "id": sent(page, "select")[1]["id"], "code": "busy", "message": "busy"})
    page.one("[data-testid=error-banner]")


def test_another_answer_is_asked_for_once(conversation):
    thread = conversation(messages=TREE)
    page = conversation.page
    page.until(lambda: page.all("[data-testid=regenerate]"), "no way to another answer")
    page.driver.execute_script("arguments[0].click(); arguments[0].click()", page.all("[data-testid=regenerate]")[0])
    [asked] = sent(page, "regenerate")
    assert (asked["threadId"], asked["messageId"]) == (thread, "q1") and asked["id"]
    # Read when the answer is whole: which answers stand beside it.
    page.driver.execute_script("window.snapshot = arguments[0]", {
        "messages": [
            message("q1", "user", "a question", parentId=None, siblings=["q0", "q1"], runId="r2"),
            message("a3", "assistant", "another", siblings=["a0", "a1", "a2", "a3"], runId="r2")],
        "hasMore": False, "cursor": "e.50", "interrupts": []})
    give(page, thread, {"op": "ack", "id": asked["id"], "messageId": "q1", "runId": "r2", "status": "running"},
         {"op": "snapshot", "hasMore": False, "cursor": "e.2", "interrupts": [], "messages": TREE[:1]},
         {"type": "RUN_STARTED", "runId": "r2", "parentRunId": "r1", "protocolVersion": "1.0",
          "input": {"threadId": thread, "runId": "r2", "messages": [{"id": "q1", "role": "user", "content": "a question"}],
                    "tools": [], "context": []}},
         {"type": "TEXT_MESSAGE_START", "messageId": "a3", "role": "assistant"},
         {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a3", "delta": "another"},
         {"type": "TEXT_MESSAGE_END", "messageId": "a3"}, {"type": "RUN_FINISHED", "runId": "r2", "outcome": {"type": "success"}})
    page.until(lambda: page.texts("assistant") == ["another"], "not the other answer")
    page.until(lambda: branches(page) == ["2 of 2", "4 of 4"], "not beside the others")
    assert page.texts("user") == ["a question"] and sent(page, "send") == []


def test_a_failed_turn_is_asked_again_as_what_it_is(conversation):
    failed = message("q1", "user", "a question", parentId=None, runId="r1", run={"status": "failed", "code": "upstream_error"})
    conversation(messages=[failed])
    page = conversation.page
    page.press("[data-testid=ask-again]")
    page.press("[data-testid=ask-again]")
    [asked] = sent(page, "regenerate")
    assert (asked["id"], asked["messageId"]) == ("again-r1", "q1") and sent(page, "send") == []


def test_a_question_is_edited(conversation):
    conversation(messages=TREE)
    page = conversation.page
    page.press("[data-testid=rewrite]")
    field = page.one("[data-testid=rewrite-field]")
    assert field.get_property("value") == "a question"
    assert page.findings_in_all_looks(f"rewrite-{page.size}") == []
    # A key of an input method is not taken.
    assert page.driver.execute_script(
        "return arguments[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, "
        "composed: true, cancelable: true}))", field)
    ActionChains(page.driver).send_keys(Keys.ESCAPE).perform()
    page.until(lambda: not page.all("[data-testid=rewrite-field]"), "Escape does not leave it")
    page.press("[data-testid=rewrite]")
    ActionChains(page.driver).send_keys(" of mine", Keys.ENTER).perform()
    page.until(lambda: sent(page, "send"), "not sent")
    [edited] = sent(page, "send")
    assert edited["content"] == "a question of mine" and edited["parentId"] is None
    assert page.errors() == []


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def asking(*calls):
    first = {**message("a1", "assistant", "", runId="r1"), "toolCalls": list(calls)}
    return {"messages": [message("q1", "user", "delete it", parentId=None, runId="r1"), first],
            "interrupts": [{"id": f"i-{each['id']}", "reason": "tool_approval", "message": "It can't be undone.",
                            "toolCallId": each["id"], "expiresAt": "2030-01-01T10:00:00Z"} for each in calls]}


def test_an_approval_with_a_correction(conversation):
    thread = conversation(**asking(call("c1", "add_task", {"title": "buy milk", "urgent": True, "count": 2})))
    page = conversation.page
    card = page.one(APPROVAL)
    assert "Add" in card.text and "undone" in card.text
    fields = {each.get_attribute("data-name"): each for each in page.all("[data-testid=approval-field]")}
    assert set(fields) == {"title", "urgent", "count"}
    assert page.findings_in_all_looks(f"approval-{page.size}") == []
    fields["title"].clear()
    fields["title"].send_keys("buy brown milk")
    page.click("[data-testid=approve]")
    [resumed] = sent(page, "resume")
    assert resumed["threadId"] == thread and resumed["resume"] == [{
        "interruptId": "i-c1", "status": "resolved",
        "payload": {"approved": True, "parameters": {"title": "buy brown milk", "urgent": True, "count": 2}}}]
    # What can't be used is to be decided anew.
    give(page, thread, {"op": "error", "id": resumed["id"], "code": "invalid_field", "message": "title is too long"})
    page.until(lambda: "too long" in page.one(APPROVAL).text, "it does not say why")
    page.click("[data-testid=approve]")
    page.until(lambda: len(sent(page, "resume")) == 2, "not answered anew")
    give(page, thread, {"op": "ack", "id": sent(page, "resume")[1]["id"], "status": "running", "runId": "r2"},
         {"type": "RUN_STARTED", "runId": "r2", "protocolVersion": "1.0", "input": {
             "threadId": thread, "runId": "r2", "messages": [], "tools": [], "context": [],
             "resume": [{"interruptId": "i-c1", "status": "resolved"}]}},
         {"type": "TOOL_CALL_RESULT", "messageId": "t1", "toolCallId": "c1", "role": "tool", "content": '{"task":{"title":"buy brown milk"}}'},
         {"type": "RUN_FINISHED", "runId": "r2", "outcome": {"type": "success"}})
    page.until(lambda: not page.all(APPROVAL), "what was decided is asked for")
    page.one("[data-testid=tool-card][data-status=done]")
    assert page.errors() == []


def test_all_that_asks_is_answered_together(conversation):
    conversation(**asking(call("c1", "delete_task", {"task_id": 1}), call("c2", "delete_task", {"task_id": 2})))
    page = conversation.page
    page.until(lambda: len(page.all(APPROVAL)) == 2, "not both ask")
    page.press("[data-testid=approve]", 0)
    page.until(lambda: page.all(f"{APPROVAL}[data-decision=approved]"), "not decided")
    assert page.findings_in_all_looks(f"decided-{page.size}") == []
    assert sent(page, "resume") == []
    page.all("[data-testid=decline-reason]")[1].send_keys("not that one")
    page.press("[data-testid=decline]", 1)
    [resumed] = sent(page, "resume")
    assert [each["payload"] for each in resumed["resume"]] == [{"approved": True}, {"approved": False, "reason": "not that one"}]


def test_a_turn_that_begins_to_ask(conversation):
    thread = conversation()
    page = conversation.page
    page.until(lambda: sent(page, "subscribe"), "not opened")
    place = {"input": {"threadId": thread, "runId": "r1", "messages": [{"id": "q1", "role": "user", "content": "do it"}],
                       "tools": [], "context": []}}
    give(page, thread, {"type": "RUN_STARTED", "runId": "r1", "protocolVersion": "1.0", **place},
         {"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "delete_task"},
         {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": '{"task_id":7}'}, {"type": "TOOL_CALL_END", "toolCallId": "c1"},
         {"type": "RUN_FINISHED", "runId": "r1", "outcome": {"type": "interrupt", "interrupts": [
             {"id": "i1", "reason": "tool_approval", "toolCallId": "c1"}]}})
    page.one(APPROVAL)
    page.one("[data-testid=tool-card][data-status=waiting]")
    waits = "[data-testid=conversation-item][data-suspended]"
    page.until(lambda: page.all(waits) and "waits for you" in page.all(waits)[0].get_property("textContent"), "the list does not say so")
    page.until(lambda: "May the assistant" in page.all("[data-testid=announcer]")[0].get_property("textContent"), "nobody hears of it")
    # Cancelled, from wherever: nothing asks any more.
    give(page, thread, {"op": "snapshot", "hasMore": False, "cursor": "e.20", "interrupts": [], "messages": []})
    page.until(lambda: not page.all(APPROVAL) and not page.all(waits), "it still asks")


def test_thoughts_are_folded(conversation):
    thread = conversation()
    page = conversation.page
    page.until(lambda: sent(page, "subscribe"), "not opened")
    begin = {"type": "RUN_STARTED", "runId": "r1", "protocolVersion": "1.0", "input": {
        "threadId": thread, "runId": "r1", "messages": [{"id": "q1", "role": "user", "content": "why"}], "tools": [], "context": []}}
    give(page, thread, begin, {"type": "REASONING_START", "messageId": "m1"},
         {"type": "REASONING_MESSAGE_START", "messageId": "m1", "role": "reasoning"},
         {"type": "REASONING_MESSAGE_CONTENT", "messageId": "m1", "delta": "First, "},
         {"type": "REASONING_MESSAGE_CONTENT", "messageId": "m1", "delta": "I look."})
    thoughts = page.one("[data-testid=reasoning]")
    assert thoughts.text == "Thinking…" and thoughts.get_attribute("open") is None
    give(page, thread, {"type": "REASONING_MESSAGE_END", "messageId": "m1"},
         {"type": "REASONING_END", "messageId": "m1"}, {"type": "TEXT_MESSAGE_START", "messageId": "a1", "role": "assistant"},
         {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a1", "delta": "Because."}, {"type": "TEXT_MESSAGE_END", "messageId": "a1"},
         {"type": "RUN_FINISHED", "runId": "r1", "outcome": {"type": "success"}})
    page.until(lambda: page.texts("assistant") == ["Because."], "the thoughts are in the answer, or it is not there")
    page.press("[data-testid=reasoning] summary")
    page.until(lambda: "First, I look." in page.one("[data-testid=reasoning]").text, "not to be unfolded")
    assert page.findings_in_all_looks(f"reasoning-{page.size}") == []


OWN = """
const chat = document.querySelector("parley-chat");
chat.toolCards = {
    get_weather: ({arguments: {place}, result, status}) => {
        const card = document.getElementById("weather") ?? Object.assign(document.createElement("div"), {id: "weather"});
        card.textContent = `${place}: ${result?.degrees ?? status}`;
        return card;
    },
    add_task: () => null,
    broken: () => { throw new Error("the page's own"); },
};
chat.suggestions = ["One", "Two"];
"""


def test_cards_of_the_page(conversation):
    tools = [call("c1", "get_weather", {"place": "Oslo"}), call("c2", "add_task", {"title": "x"}), call("c3", "broken", {})]
    results = [{**message(f"t{at}", "tool", content, runId="r1"), "toolCallId": f"c{at}"}
               for at, content in ((1, '{"degrees":3}'), (2, "{}"), (3, "{}"))]
    conversation(OWN, messages=[message("q1", "user", "weather", runId="r1"),
                                {**message("a1", "assistant", "", runId="r1"), "toolCalls": tools}, *results])
    page = conversation.page
    page.until(lambda: page.all("#weather") and page.all("#weather")[0].text == "Oslo: 3", "the page's card is not shown")
    assert page.findings_in_all_looks(f"own-cards-{page.size}") == []
    # In the page's own document, where its styles reach it.
    assert page.driver.execute_script("return document.getElementById('weather').getRootNode() === document")
    shown = [each for each in page.all("[data-testid=tool-card]") if each.is_displayed()]
    assert {each.get_attribute("data-tool") for each in shown} == {"add_task", "broken"}
    page.driver.execute_script("document.querySelector('parley-chat').newConversation()")
    page.until(lambda: not page.all("#weather"), "it is left behind")
    assert page.contents("[data-testid=example]") == ["One", "Two"]


def test_a_long_conversation(conversation):
    """A thousand messages: all in the document, laid out near the screen alone."""
    thread = conversation(messages=[
        message(f"m{at}", "assistant" if at % 2 else "user", f"number {at}\n" * (1 + at % 7), runId=f"r{at // 2}") for at in range(1000)])
    page = conversation.page
    page.until(lambda: len(page.all("[data-testid=message]")) == 1000, "not all of them")
    assert len(page.all("[data-far]")) > 900
    shown = "return arguments[0].querySelector('[data-testid=message-text]').checkVisibility({contentVisibilityAuto: true})"
    first, last = page.all("[data-message-id=m0]")[0], page.all("[data-message-id=m999]")[0]
    on_screen = "const box = arguments[0].getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight"
    page.until(lambda: page.driver.execute_script(on_screen, last), "it does not begin at its end")
    assert page.driver.execute_script(shown, last) and not page.driver.execute_script(shown, first)
    # Streaming goes on at its end, whatever lies before.
    give(page, thread, {"type": "RUN_STARTED", "runId": "new", "protocolVersion": "1.0", "input": {
        "threadId": thread, "runId": "new", "messages": [{"id": "q", "role": "user", "content": "on"}], "tools": [], "context": []}},
        {"type": "TEXT_MESSAGE_START", "messageId": "a", "role": "assistant"},
        *({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": f"line {at}\n\n"} for at in range(50)))
    answer = page.one("[data-message-id=a]")
    page.until(lambda: page.driver.execute_script(on_screen, answer), "what streams is not followed")
    # Upwards what was far is laid out.
    page.driver.execute_script("arguments[0].scrollIntoView()", first)
    page.until(lambda: page.driver.execute_script(shown, page.all("[data-message-id=m0]")[0]), "not laid out where it is seen")
    # Who reads further up is left there.
    top = "return document.querySelector('parley-chat').shadowRoot.querySelector('.scroller').scrollTop"
    page.until(lambda: page.driver.execute_script(on_screen, first), "not at the beginning")
    place = page.driver.execute_script(top)
    give(page, thread, *({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": f"more {at}\n\n"} for at in range(20)))
    page.until(lambda: "more 19" in page.texts("assistant")[-1], "it does not go on")
    assert page.driver.execute_script(top) == place


def streaming(page, thread, text):
    give(page, thread, {"type": "RUN_STARTED", "runId": "r1", "protocolVersion": "1.0", "input": {
        "threadId": thread, "runId": "r1", "messages": [{"id": "q1", "role": "user", "content": "on"}], "tools": [], "context": []}},
        {"type": "TEXT_MESSAGE_START", "messageId": "a1", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a1", "delta": text})


_SELECT = """
const root = document.querySelector("parley-chat").shadowRoot;
const walker = document.createTreeWalker(root.querySelector("[data-message-id=a1] [data-testid=message-text]"), NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
    const at = node.data.indexOf(arguments[0]);
    if (at >= 0) return getSelection().setBaseAndExtent(node, at, node, at + arguments[0].length);
}
"""
_SELECTED = "return String(document.querySelector('parley-chat').shadowRoot.getSelection())"


@pytest.mark.parametrize("words", ["paragraph", "return x"], ids=["text", "code"])
def test_what_is_selected_stays_so(conversation, words):
    """While the answer goes on behind it, and when it is whole: code has its colours once the selection is let go."""
    thread = conversation()
    page = conversation.page
    page.until(lambda: sent(page, "subscribe"), "not opened")
    streaming(page, thread, "A paragraph that goes on\n\n```python\ndef f(x):\n    return x\n")
    page.until(lambda: "return x" in "".join(page.texts("assistant")) and page.all("[data-testid=code-block]"), "not shown")
    page.driver.execute_script(_SELECT, words)
    give(page, thread, {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a1", "delta": "```\n\nand more.\n\nAnd more."},
         {"type": "TEXT_MESSAGE_END", "messageId": "a1"}, {"type": "RUN_FINISHED", "runId": "r1", "outcome": {"type": "success"}})
    page.one("[data-message-id=a1][data-status=complete]")
    page.until(lambda: any("prism" in name for name in page.requested()), "the colours are not asked for")
    if words == "paragraph":
        page.until(lambda: page.all(".token-keyword"), "no colours")
    assert page.driver.execute_script(_SELECTED) == words
    page.driver.execute_script("getSelection().removeAllRanges()")
    page.until(lambda: page.all(".token-keyword"), "no colours")


def test_the_page_stays_where_it_is(conversation):
    """A chat that streams below what is read, or shows a message that was sought, moves nothing but itself."""
    thread = conversation("document.body.prepend(Object.assign(document.createElement('div'), {style: 'height: 3000px'}))",
                          messages=[message(f"m{at}", "assistant" if at % 2 else "user", f"number {at}") for at in range(40)])
    page = conversation.page
    page.until(lambda: len(page.all("[data-testid=message]")) == 40, "no history")
    streaming(page, thread, "\n\n".join(f"line {at}" for at in range(60)))
    page.until(lambda: "line 59" in page.texts("assistant")[-1], "it does not stream")
    assert page.driver.execute_script("return scrollY") == 0
    page.driver.execute_script("document.querySelector('parley-chat').openConversation(arguments[0], 'm3')", thread)
    page.until(lambda: page.all("[data-message-id=m3][data-revealed]"), "not shown")
    where = page.driver.execute_script("""
        const scroller = document.querySelector("parley-chat").shadowRoot.querySelector(".scroller").getBoundingClientRect();
        const box = arguments[0].getBoundingClientRect();
        return [scrollY, box.top >= scroller.top, box.bottom <= scroller.bottom];""", page.all("[data-message-id=m3]")[0])
    assert where[1:] == [True, True]
    # Where the keyboard is goes to the composer, which the page shows for that; on a phone it stays.
    assert where[0] == 0 or page.size == "desk"
