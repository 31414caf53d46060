"""AGENT=agui: agents of Pydantic AI, served as AG-UI, behind the gateway; and agents that do what no library does."""

import json

import pytest
from ag_ui.core import RunAgentInput
from pydantic_ai import Agent
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import DeferredToolRequests
from pydantic_ai.ui.ag_ui import AGUIAdapter
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from kit.gateway import Gateway
from kit.upstream import KEY, LLM, Served, calls, says

INPUT = ["threadId", "runId", "protocolVersion", "state", "messages", "tools", "context", "forwardedProps"]


class World:
    """An AG-UI endpoint whose agent the test chooses, and the inputs that it got."""

    def __init__(self):
        self.llm = LLM()
        self.inputs, self.headers, self.closed = [], [], 0
        self.agent, self.raw = None, None
        self.served = Served(Starlette(routes=[Route("/agent", self.run, methods=["POST"])]))

    async def run(self, request):
        body = await request.body()
        self.inputs.append(json.loads(body))
        self.headers.append(dict(request.headers))
        RunAgentInput.model_validate_json(body, strict=True, by_alias=True, by_name=False)
        if self.raw is not None:
            answer = self.raw(len(self.inputs))
            if isinstance(answer, int):
                return JSONResponse({"error": f"no, {KEY}"}, answer)
            return StreamingResponse(self.counted(answer), media_type="text/event-stream")
        return await AGUIAdapter.dispatch_request(request, agent=self.agent, include_usage=True)

    async def counted(self, events):
        import asyncio
        try:
            for event in events:
                if event is None:
                    await asyncio.sleep(60)
                yield event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n"
        except asyncio.CancelledError:
            self.closed += 1
            raise

    def close(self):
        self.served.close()
        self.llm.close()


@pytest.fixture(scope="module")
def everything():
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(everything):
    everything.llm.reset()
    everything.inputs.clear()
    everything.agent = everything.raw = None
    everything.closed = 0
    return everything


@pytest.fixture(scope="module")
def gateway(database, everything):
    gateway = Gateway(database, name="test_upstream_agui", AGENT="agui", AGENT_BASE_URL=everything.served.url + "/agent",
                      AGENT_API_KEY=KEY, AGENT_MAX_RETRIES=0, AGENT_BREAKER_FAILURES=0, AGENT_MAX_STEPS=4,
                      AGENT_IDLE_TIMEOUT_SECONDS=2)
    yield gateway
    gateway.remove()


@pytest.fixture(autouse=True)
def _fresh(world):
    """Each test begins with an upstream of its own making."""


def openai_agent(world, **options):
    provider = OpenAIProvider(base_url=world.llm.url, api_key="other")
    return Agent(OpenAIChatModel("gpt-test", provider=provider), **options)


def stored(database, thread):
    return [(role, content) for _, role, content, _ in database.messages(thread)]


# --- Pydantic AI


def test_a_turn_of_text(chat, world, database):
    world.agent = openai_agent(world)
    world.llm.script(says("Hello from behind two servers."))
    turn = chat.turn("hi")
    assert turn.text == "Hello from behind two servers." and turn.end["type"] == "RUN_FINISHED"
    assert stored(database, turn.thread) == [("user", "hi"), ("assistant", turn.text)]
    [sent] = world.inputs
    assert list(sent) == INPUT and sent["threadId"] == turn.thread and sent["runId"] == turn.run
    assert sent["messages"] == [{"id": turn.message, "role": "user", "content": "hi"}]
    assert len(sent["tools"]) == 6
    assert world.headers[-1]["authorization"] == f"Bearer {KEY}"
    # The ids on the wire are those of the stored messages.
    [message] = turn.texts
    assert message == database.value("select id::text from messages where conversation_id = %s and role = 'assistant'",
                                     turn.thread)
    [usage] = turn.end["usage"]
    assert usage["outputTokens"] > 0
    assert database.value("select usage->>'output_tokens' from runs where id = %s", turn.run) == str(usage["outputTokens"])


def test_our_tools_are_run_here_and_answered_there(chat, world, database, user):
    world.agent = openai_agent(world, output_type=[str, DeferredToolRequests])
    world.llm.script(calls(("add_task", {"title": "milk"}), ("add_task", {"title": "eggs"}), text="Right. "),
                     says("Both added."))
    turn = chat.turn("add milk and eggs")
    assert turn.end["type"] == "RUN_FINISHED", turn.end
    assert sorted(row[1] for row in database.tasks(user)) == ["eggs", "milk"]
    assert turn.tools == ["add_task", "add_task"] and list(turn.texts.values()) == ["Right. ", "Both added."]
    assert [role for role, _ in stored(database, turn.thread)] == ["user", "assistant", "tool", "tool", "assistant"]
    first, second = world.inputs
    assert second["parentRunId"] == first["runId"] != second["runId"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool", "tool"]
    # What the model behind the agent was told of it.
    told = [message for message in world.llm.bodies()[1]["messages"] if message["role"] == "tool"]
    assert sorted(json.loads(message["content"])["task"]["title"] for message in told) == ["eggs", "milk"]


def test_tools_of_its_own_are_recorded_as_its(chat, world, database, user):
    world.agent = openai_agent(world, output_type=[str, DeferredToolRequests])

    @world.agent.tool_plain
    def weather(city: str) -> str:
        return f"It rains in {city}."

    world.llm.script(calls(("weather", {"city": "Bern"})), calls(("add_task", {"title": "umbrella"})), says("Take one."))
    turn = chat.turn("do I need an umbrella?")
    assert [(call["name"], call["result"] is not None) for call in turn.calls] == [("weather", True), ("add_task", True)]
    assert turn.calls[0]["result"] == "It rains in Bern." and turn.text == "Take one."
    assert [content for role, content in stored(database, turn.thread) if role == "tool"][0] == "It rains in Bern."
    # Only ours is an operation.
    assert database.value("select count(*) from task_operation_logs where run_id = %s", turn.run) == 1
    # The next turn is told of all of it.
    world.llm.script(says("fine"))
    chat.turn("thanks", thread=turn.thread)
    assert [message["role"] for message in world.inputs[-1]["messages"]] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize("decision", ["approved", "declined", "cancelled"])
def test_an_approval_is_the_persons(chat, world, database, decision):
    """What the agent asks goes to the person as it is, and what the person says goes back."""
    world.agent = openai_agent(world, output_type=[str, DeferredToolRequests])
    paid = []

    @world.agent.tool_plain(requires_approval=True)
    def pay(amount: int) -> str:
        paid.append(amount)
        return "paid"

    world.llm.script(calls(("pay", {"amount": 5})), says("Done."))
    turn = chat.turn("pay five")
    [interrupt] = turn.end["outcome"]["interrupts"]
    assert interrupt["toolCallId"] == turn.calls[0]["id"] and "responseSchema" in interrupt and not paid
    entry = {"interruptId": interrupt["id"], "status": "cancelled" if decision == "cancelled" else "resolved"}
    if decision != "cancelled":
        entry["payload"] = {"approved": decision == "approved"}
    chat.post(op="resume", id="r", threadId=turn.thread, resume=[entry])
    ack = chat.until({"op": "ack", "id": "r"})
    assert ack["status"] == "running"
    assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
    assert paid == ([5] if decision == "approved" else [])
    [sent] = world.inputs[1]["resume"]
    assert {name: value for name, value in sent.items() if name != "interruptId"} == \
        {name: value for name, value in entry.items() if name != "interruptId"}
    result = chat.thread(turn.thread).calls[turn.calls[0]["id"]]["result"]
    assert result == "paid" if decision == "approved" else result
    # The exchange is whole in what the next turn sees.
    world.llm.script(says("fine"))
    chat.turn("thanks", thread=turn.thread)
    assert [message["role"] for message in world.inputs[-1]["messages"]] == [
        "user", "assistant", "tool", "assistant", "user"]


def test_an_agent_that_fails(chat, world, database):
    def broken(messages: list, info: AgentInfo):
        raise RuntimeError(f"the key is {KEY}")

    world.agent = Agent(FunctionModel(broken))
    turn = chat.turn("hi")
    assert turn.end["code"] == "upstream_error" and KEY not in json.dumps(turn.end)
    world.agent = openai_agent(world)
    world.llm.script(says("back"))
    assert chat.turn("again", thread=turn.thread).text == "back"


def test_cancel_reaches_the_agent_and_its_model(chat, world, database):
    world.agent = openai_agent(world)
    world.llm.pace(20)
    world.llm.script(says("word " * 400))
    ack = chat.send("go")
    for _ in range(3):
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    assert chat.cancel(ack["threadId"])["status"] == "cancelled"
    [request] = world.llm.requests(1)
    assert not request.completed and request.chunks_sent < 400


def test_tools_for_ever(chat, world):
    world.agent = openai_agent(world, output_type=[str, DeferredToolRequests])
    world.llm.script(calls(("list_tasks", {}), times=None))
    turn = chat.turn("go on")
    assert turn.end["code"] == "upstream_error"
    assert len(world.inputs) == 4 and [len(sent["tools"]) for sent in world.inputs] == [6, 6, 6, 0]


# --- What no library does


STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}


def chunk(text, message="m"):
    return {"type": "TEXT_MESSAGE_CHUNK", "messageId": message, "delta": text}


def test_chunks_and_unknown_events(chat, world, database):
    world.raw = lambda _: [
        STARTED, chunk("Hel"), {"type": "SOMETHING_NEW", "messageId": "m"}, chunk("lo"),
        ": a comment\n\n", {"type": "THINKING_START"},
        {"type": "TOOL_CALL_CHUNK", "toolCallId": "c", "toolCallName": "add_task", "delta": "{\"title\":"},
        {"type": "TOOL_CALL_CHUNK", "delta": "\"x\"}"}, FINISHED] if len(world.inputs) == 1 else [
        STARTED, chunk("Done."), FINISHED]
    turn = chat.turn("hi")
    assert turn.tools == ["add_task"] and turn.text == "HelloDone."
    assert turn.end["type"] == "RUN_FINISHED"


def call(id="c", name="lookup", arguments="{}"):
    return [{"type": "TOOL_CALL_START", "toolCallId": id, "toolCallName": name},
            {"type": "TOOL_CALL_ARGS", "toolCallId": id, "delta": arguments}, {"type": "TOOL_CALL_END", "toolCallId": id}]


def result(content, id="c"):
    return {"type": "TOOL_CALL_RESULT", "messageId": "x", "toolCallId": id, "content": content, "role": "tool"}


ODD = {
    "a long call id": [*call("i" * 5000), result("fine", "i" * 5000)],
    "NUL wherever it can be": [
        *call("c\0", "look\0up", "{\"a\\u0000\":\"\\u0000\", \"b\": \"\0\"}"), result("r\0", "c\0")],
    "half a pair": [*call(arguments="{\"a\":\"\\ud83d\"}"), result("fine")],
    "depth": [*call(arguments="[" * 5000 + "]" * 5000), result("{" * 500)],
    "numbers": [*call(arguments="{\"a\":1e400,\"b\":1" + "0" * 400 + ",\"c\":-1e-400}"), result("fine")],
    "many digits": [*call(arguments="{\"a\":1e308,\"b\":5e-324,\"c\":-0.0}"), result("fine")],
    "the same name twice": [*call(arguments="{\"a\":1,\"a\":{\"b\":2}}"), result("fine")],
    "a long name": [*call(name="n" * 100_000), result("fine")],
    "a result as long as a message": [*call(), result("e" * 200_000)],
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_stored_as_it_was_shown(chat, world, database, name):
    """Nothing of it makes the database refuse the end of the run."""
    world.raw = lambda _: [STARTED, *ODD[name], chunk("Done."), FINISHED]
    turn = chat.turn("hi")
    assert (turn.end["type"], turn.text) == ("RUN_FINISHED", "Done."), turn.end
    [shown] = turn.calls
    rows = database.rows("select role, content, tool_calls->'tools'->0->>'id', tool_call_id from messages"
                         " where conversation_id = %s order by position", turn.thread)
    assert [row[0] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[1][2] == rows[2][3] == shown["id"] and rows[2][1] == shown["result"]
    assert database.run_status(turn.run) == "completed"
    # The next turn is told of it, and the upstream takes what it is told.
    world.raw = lambda _: [STARTED, chunk("fine"), FINISHED]
    assert chat.turn("thanks", thread=turn.thread).text == "fine"
    assert [message["role"] for message in world.inputs[-1]["messages"]][-4:] == ["assistant", "tool", "assistant", "user"]


def test_a_result_that_is_longer_than_a_message_may_be(chat, world, database):
    world.raw = lambda _: [STARTED, chunk("half"), *call(), result("e" * 200_001), chunk("never"), FINISHED]
    turn = chat.turn("hi")
    assert turn.end["code"] == "upstream_truncated" and turn.text == "half"
    assert stored(database, turn.thread) == [("user", "hi"), ("assistant", "half")]
    assert database.run_status(turn.run) == "failed"


FAULTS = {
    "out of order": ([STARTED, {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "x"}], "upstream_error", ""),
    "no start": ([chunk("x")], "upstream_truncated", "x"),
    "unreadable": ([STARTED, chunk("half"), "data: {nonsense\n\n"], "upstream_error", "half"),
    "cut": ([STARTED, chunk("half")], "upstream_truncated", "half"),
    "RUN_ERROR": ([STARTED, chunk("half"), {"type": "RUN_ERROR", "message": f"key {KEY}"}], "upstream_error", "half"),
    "stopped": ([STARTED, chunk("half"), FINISHED | {"outcome": {"type": "cancelled"}}], "upstream_error", "half"),
    "stall": ([STARTED, chunk("half"), None], "upstream_timeout", "half"),
    "401": (401, "upstream_error", ""),
    "503": (503, "upstream_unavailable", ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(chat, world, database, name):
    events, code, text = FAULTS[name]
    world.raw = lambda _: events
    turn = chat.turn("hi")
    assert turn.end["code"] == code, turn.end
    assert KEY not in json.dumps(turn.end)
    assert turn.text == text
    assert [content for role, content in stored(database, turn.thread) if role == "assistant"] == [text] * bool(text)
    world.raw = lambda _: [STARTED, chunk("back"), FINISHED]
    assert chat.turn("again", thread=turn.thread).text == "back"
