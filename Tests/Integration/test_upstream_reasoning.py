"""AGENT_REASONING: what a model thinks, in whatever form it comes, is streamed as reasoning or kept back, and never part
of an answer."""

import json

import pytest

from kit import agui
from kit.dialect import Dialect
from kit.gateway import Gateway
from kit.http import Api
from kit.upstream import KEY


def chunk(**delta):
    return {"data": {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}}


END = [{"data": {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}}, "data: [DONE]\n\n"]


def event(kind, **fields):
    return {"data": {"type": kind, **fields}}


RUN = {"threadId": "{{threadId}}", "runId": "{{runId}}"}
ANSWER = [event("TEXT_MESSAGE_START", messageId="m", role="assistant"),
          event("TEXT_MESSAGE_CONTENT", messageId="m", delta="Good "), event("TEXT_MESSAGE_CONTENT", messageId="m", delta="morning!"),
          event("TEXT_MESSAGE_END", messageId="m"), event("RUN_FINISHED", **RUN)]

FORMS = {
    "reasoning_content": ("chat-completions", [
        chunk(role="assistant", content=None, reasoning_content="They greet. "), chunk(reasoning_content="I greet back."),
        chunk(content="Good "), chunk(content="morning!"), *END]),
    "reasoning and its details": ("chat-completions", [
        chunk(reasoning="They greet. ", reasoning_details=[{"type": "reasoning.text", "text": "They greet. "}]),
        chunk(reasoning="I greet back."), chunk(content="Good morning!"), *END]),
    "both names of one thought": ("chat-completions", [
        chunk(reasoning="They greet. ", reasoning_content="They greet. "),
        chunk(reasoning="I greet back.", reasoning_content="I greet back."), chunk(content="Good morning!"), *END]),
    "between tags": ("chat-completions", [
        chunk(content="<thi"), chunk(content="nk>They greet. I gre"), chunk(content="et back.</think>\n\nGood "),
        chunk(content="morning!"), *END]),
    "parts of a content": ("chat-completions", [
        chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "They greet. I greet back."}]}]),
        chunk(content=[{"type": "text", "text": "Good morning!"}]), *END]),
    "a whole completion": ("chat-completions", [
        {"data": {"choices": [{"index": 0, "message": {
            "role": "assistant", "reasoning_content": "They greet. I greet back.", "content": "Good morning!"},
            "finish_reason": "stop"}]}}, "data: [DONE]\n\n"]),
    "cut inside a character": ("chat-completions", [
        'data: {"choices":[{"index":0,"delta":{"reasoning_content":"They greet. \\ud83d"}}]}\n\n',
        'data: {"choices":[{"index":0,"delta":{"reasoning_content":"\\udc4b"}}]}\n\n', chunk(content="Good morning!"), *END]),
    "AG-UI 1.0": ("agui", [
        event("RUN_STARTED", **RUN), event("REASONING_START", messageId="r"),
        event("REASONING_MESSAGE_START", messageId="r", role="reasoning"),
        event("REASONING_MESSAGE_CONTENT", messageId="r", delta="They greet. "),
        event("REASONING_MESSAGE_CONTENT", messageId="r", delta="I greet back."),
        event("REASONING_MESSAGE_END", messageId="r"), event("REASONING_END", messageId="r"), *ANSWER]),
    "AG-UI in chunks": ("agui", [
        event("RUN_STARTED", **RUN), event("REASONING_MESSAGE_CHUNK", messageId="r", delta="They greet. "),
        event("REASONING_MESSAGE_CHUNK", messageId="r", delta="I greet back."), *ANSWER]),
    "AG-UI before 1.0": ("agui", [
        event("RUN_STARTED", **RUN), event("THINKING_START"), event("THINKING_TEXT_MESSAGE_START"),
        event("THINKING_TEXT_MESSAGE_CONTENT", delta="They greet. "), event("THINKING_TEXT_MESSAGE_CONTENT", delta=""),
        event("THINKING_TEXT_MESSAGE_CONTENT", delta="I greet back."), event("THINKING_TEXT_MESSAGE_END"),
        event("THINKING_END"), *ANSWER]),
}
THOUGHT = "They greet. I greet back."
SPAN = ["REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "REASONING_END"]


class Worlds:
    """A gateway for each kind of assistant, and whether reasoning is shown."""

    def __init__(self, database):
        self.database, self.made = database, {}

    def get(self, agent, reasoning):
        if (agent, reasoning) not in self.made:
            upstream = Dialect()
            address = {"AGENT_BASE_URL": upstream.url, "AGENT_MODEL": "m", "AGENT_API_KEY": KEY}
            if agent == "agui":
                address = {"AGENT_BASE_URL": upstream.origin + "/agent"}
            gateway = Gateway(self.database, name=f"test_upstream_reasoning_{agent}_{reasoning}", AGENT=agent,
                              AGENT_REASONING=reasoning, **address)
            self.made[agent, reasoning] = upstream, gateway
        return self.made[agent, reasoning]

    def close(self):
        for upstream, gateway in self.made.values():
            gateway.remove()
            upstream.close()


@pytest.fixture(scope="module")
def worlds(database):
    worlds = Worlds(database)
    yield worlds
    worlds.close()


def merged(kinds):
    return [kind for kind, before in zip(kinds, [None, *kinds]) if kind != before]


def stored(database, thread):
    return [row[2] for row in database.messages(thread)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reasoning", ["show", "hide"])
def test_form(worlds, database, user, form, reasoning):
    agent, body = FORMS[form]
    upstream, gateway = worlds.get(agent, reasoning)
    upstream.answers = [{"body": body}]
    with gateway.connect(user) as chat:
        turn = chat.turn("good morning")
        assert turn.text == "Good morning!" and turn.end["type"] == "RUN_FINISHED", turn.end
        thoughts = list(chat.thread(turn.thread).thoughts.values())
        text = ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]
        if reasoning == "show":
            assert len(thoughts) == 1
            assert thoughts[0].strip() == ("They greet. \N{WAVING HAND SIGN}" if "character" in form else THOUGHT)
            assert merged(turn.kinds) == ["RUN_STARTED", *SPAN, *text, "RUN_FINISHED"]
        else:
            assert thoughts == [] and merged(turn.kinds) == ["RUN_STARTED", *text, "RUN_FINISHED"]
        assert stored(database, turn.thread) == ["good morning", "Good morning!"]


def test_over_http(worlds, database, user):
    agent, body = FORMS["reasoning_content"]
    upstream, gateway = worlds.get(agent, "show")
    upstream.answers = [{"body": body}]
    api = Api(gateway, user)
    plain = {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "good morning"}], "tools": [],
             "context": [], "state": {}, "forwardedProps": {}}
    thread = api("POST", f"/api/users/{user}/conversations", {}, 201)["id"]
    for stream in (api.stream("/agui", plain),
                   api.stream(f"/api/conversations/{thread}/messages", {"content": "good morning"})):
        events = list(stream.events())
        for each in events:
            agui.check_event(json.dumps(each))
        assert merged([each["type"] for each in events])[1:6] == SPAN
        assert "".join(each["delta"] for each in events if each["type"] == "REASONING_MESSAGE_CONTENT") == THOUGHT
        assert "".join(each["delta"] for each in events if each["type"] == "TEXT_MESSAGE_CONTENT") == "Good morning!"


def test_what_was_missed_of_a_thought_comes_again(worlds, database, user):
    upstream, gateway = worlds.get("chat-completions", "show")
    upstream.answers = [{"body": [chunk(reasoning_content="one "), chunk(reasoning_content="two "), {"sleep_s": 60}]}]
    with gateway.connect(user) as first, gateway.connect(user) as second:
        ack = first.send("good morning")
        held = first.thread(ack["threadId"])
        cut = first.until(lambda frame: frame.get("type") == "REASONING_MESSAGE_CONTENT")
        while "".join(held.thoughts.values()) != "one two ":
            first.receive()
        second.subscribe(ack["threadId"])
        assert list(second.thread(ack["threadId"]).thoughts.values()) == ["one two "]
        with gateway.connect(user) as third:
            third.carry_over(ack["threadId"], first)
            third.threads[ack["threadId"]].thoughts = {key: cut["delta"] for key in held.thoughts}
            third.threads[ack["threadId"]].cursor = None
            assert third.subscribe(ack["threadId"], cut["metadata"]["parley"]["cursor"])["mode"] == "resumed"
            assert list(third.thread(ack["threadId"]).thoughts.values()) == ["one two "]
        first.cancel(ack["threadId"])
        assert first.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
        assert stored(database, ack["threadId"]) == ["good morning"]


BARE = [chunk(role="assistant", content="They greet; say hello."), chunk(content="\n</think>"), chunk(content="\n\nHello."), *END]


def test_a_thought_without_its_opening_tag_is_held_back_once_it_is_known(worlds, database, user):
    """The first reply of a model may have shown it when the tag comes; from then on it is held back to the tag."""
    upstream, gateway = worlds.get("chat-completions", "show")
    upstream.answers = [{"body": BARE}]
    with gateway.connect(user) as chat:
        first = chat.turn("hello")
        assert first.text.endswith("Hello.") and stored(database, first.thread)[-1] == "Hello."
        for _ in range(3):
            turn = chat.turn("hello", thread=first.thread)
            assert turn.text == "Hello." and stored(database, turn.thread)[-1] == "Hello."
            assert "They greet; say hello.\n" in chat.thread(turn.thread).thoughts.values()
        # A reply that thinks nothing is whole, and after some of them nothing is held back any more.
        upstream.answers = [{"body": [chunk(content="Plain."), *END]}]
        for _ in range(4):
            assert chat.turn("hello", thread=first.thread).text == "Plain."
        upstream.answers = [{"body": [chunk(content="Streamed "), {"sleep_s": 60}]}]
        ack = chat.send("hello", thread=first.thread)
        chat.until({"type": "TEXT_MESSAGE_CONTENT", "delta": "Streamed "})
        chat.cancel(first.thread)
        chat.end_of(ack["runId"])


def test_the_operator_may_say_so(database, user):
    upstream = Dialect([{"body": BARE}])
    gateway = Gateway(database, name="test_upstream_reasoning_compat", AGENT="chat-completions", AGENT_BASE_URL=upstream.url,
                      AGENT_MODEL="m", AGENT_COMPAT="thoughts=bare")
    try:
        with gateway.connect(user) as chat:
            assert chat.turn("hello").text == "Hello."
    finally:
        gateway.remove()
        upstream.close()
