"""AGENT=chat-completions against llmock: what is asked, shown and stored, tools, and the end of it all."""

import json

import openai.types.chat
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter, with_config

from kit.gateway import Gateway
from kit.upstream import KEY, LLM, SlowFirstToken, ToolFault, calls, says

TOOLS = ["add_task", "list_tasks", "get_task", "update_task", "delete_task", "complete_task"]


@pytest.fixture(scope="module")
def server():
    server = LLM()
    yield server
    server.close()


@pytest.fixture
def llm(server):
    server.reset()
    return server


@pytest.fixture(scope="module")
def gateway(database, server):
    gateway = Gateway(database, name="test_upstream", AGENT="chat-completions", AGENT_BASE_URL=server.url,
                      AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test", AGENT_INSTRUCTIONS="Be brief.", AGENT_MAX_RETRIES=0,
                      AGENT_BREAKER_FAILURES=0)
    yield gateway
    gateway.remove()


@pytest.fixture(autouse=True)
def _scripted(llm):
    """Each test begins with an upstream that has nothing to say and has been asked nothing."""


_PARAMETERS = TypeAdapter(with_config(ConfigDict(extra="forbid"))(CompletionCreateParamsStreaming))


def check_body(body):
    """As the types of the `openai` package have it, with nothing that they do not know."""
    _PARAMETERS.validate_python(body)
    unanswered = []
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in unanswered, "a result behind no call"
            unanswered.remove(message["tool_call_id"])
        else:
            assert not unanswered, "a call without its result"
            unanswered = [call["id"] for call in message.get("tool_calls", [])]
            for call in message.get("tool_calls", []):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert not unanswered


def stored(database, thread):
    return [(role, content, status) for _, role, content, status in database.messages(thread)]


def test_a_turn_of_text(chat, llm, database):
    llm.script(says("Hello there, how are you?"))
    turn = chat.turn("hi")
    assert turn.text == "Hello there, how are you?"
    assert turn.kinds.count("TEXT_MESSAGE_CONTENT") > 1, "it did not stream"
    [request] = llm.requests(1)
    assert request.completed and request.path == "/v1/chat/completions"
    check_body(request.body)
    assert request.body["model"] == "gpt-test" and request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert [tool["function"]["name"] for tool in request.body["tools"]] == TOOLS
    assert stored(database, turn.thread) == [("user", "hi", "complete"), ("assistant", turn.text, "complete")]
    # What was counted is on the wire and in the row.
    [usage] = turn.end["usage"]
    assert usage["inputTokens"] > 0 and usage["outputTokens"] > 0
    assert database.value("select usage from runs where id = %s", turn.run) == {
        "input_tokens": usage["inputTokens"], "output_tokens": usage["outputTokens"]}


def test_tools_are_carried_out_and_answered(chat, llm, database, user):
    llm.script(calls(("add_task", {"title": "buy milk", "description": "two"}), ("add_task", {"title": "eggs"}),
                     text="One moment. "), says("Both are on your list."))
    turn = chat.turn("add milk and eggs")
    assert turn.tools == ["add_task", "add_task"]
    assert all("task" in json.loads(call["result"]) for call in turn.calls)
    assert sorted(row[1] for row in database.tasks(user)) == ["buy milk", "eggs"]
    # Text before and after the tools, in its order.
    assert list(turn.texts.values()) == ["One moment. ", "Both are on your list."]
    assert [role for role, _, _ in stored(database, turn.thread)] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [text for role, text, _ in stored(database, turn.thread) if role == "assistant"] == list(turn.texts.values())
    first, second = llm.requests(2)
    check_body(second.body)
    assistant, *results = second.body["messages"][2:]
    assert assistant["content"] == "One moment. " and len(assistant["tool_calls"]) == 2
    assert [json.loads(result["content"]) for result in results] == [json.loads(call["result"]) for call in turn.calls]
    [usage] = turn.end["usage"]
    assert usage["inputTokens"] > len(json.dumps(first.body["messages"])) // 40  # Summed over both requests.
    # The log of operations knows the run's two.
    assert database.value("select count(*) from task_operation_logs where run_id = %s and status = 'success'",
                          turn.run) == 2


def test_usage_is_the_sum_of_all_steps(chat, llm, database):
    llm.script(calls(("list_tasks", {})), says("x" * 400))
    turn = chat.turn("what is there?")
    [usage] = turn.end["usage"]
    assert usage["outputTokens"] == 1 + 100, "llmock counts 1 for the call and a quarter of the text's characters"
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


@pytest.mark.parametrize("fault", ["malformed_arguments", "unknown_tool"])
def test_a_broken_call_is_told_to_the_model(chat, llm, database, fault):
    llm.script(calls(("add_task", {"title": "buy milk"})), ToolFault(fault), says("Sorry."))
    turn = chat.turn("add milk")
    assert turn.text == "Sorry." and turn.end["type"] == "RUN_FINISHED"
    [call] = turn.calls
    error = json.loads(call["result"])["error"]
    assert error["code"] == {"malformed_arguments": "invalid_arguments", "unknown_tool": "unknown_tool"}[fault]
    check_body(llm.requests(2)[1].body)
    assert json.loads(llm.bodies()[1]["messages"][-1]["content"])["error"] == error
    if fault == "malformed_arguments":
        assert database.value("select status from task_operation_logs where run_id = %s", turn.run) == "failed"


@pytest.mark.parametrize("arguments", [{"title": ""}, {"title": 7}, {"title": "x", "user_id": "somebody"}, {}])
def test_arguments_that_are_not_by_the_schema(chat, llm, database, user, arguments):
    llm.script(calls(("add_task", arguments)), says("Sorry."))
    turn = chat.turn("add it")
    assert json.loads(turn.calls[0]["result"])["error"]["code"] == "invalid_arguments"
    assert turn.text == "Sorry." and not database.tasks(user)
    assert database.value("select status from task_operation_logs where run_id = %s", turn.run) == "failed"


def test_steps_are_bounded(chat, llm, database):
    llm.script(*(calls(("add_task", {"title": f"step {number}"})) for number in range(8)))
    turn = chat.turn("go on for ever")
    assert turn.end["type"] == "RUN_ERROR" and turn.end["code"] == "upstream_error"
    bodies = llm.bodies()
    assert len(bodies) == 8
    assert [body.get("tool_choice") for body in bodies] == [None] * 7 + ["none"]
    assert len(turn.calls) == 8 and len([call for call in turn.calls if call["result"]]) == 7
    llm.reset()
    llm.script(says("fine"))
    assert chat.turn("and now?", thread=turn.thread).text == "fine"
    check_body(llm.bodies()[0])


def test_the_window_of_history(chat, llm):
    thread = None
    for number in range(6):
        llm.script(calls(("list_tasks", {})), says(f"answer {number}"))
        thread = chat.turn(f"question {number}", thread=thread).thread
    llm.reset()
    llm.script(says("done"))
    chat.turn("last", thread=thread)
    [body] = llm.bodies()
    check_body(body)
    # Ten stored messages, a turn being four: two whole turns and the question.
    whole = ["user", "assistant", "tool", "assistant"]
    assert [message["role"] for message in body["messages"]] == ["system", *whole, *whole, "user"]
    assert body["messages"][1]["content"] == "question 4"


def test_the_length_limit(chat, llm, database):
    llm.script(says("as far as it went", finish_reason="length"))
    turn = chat.turn("tell me all")
    assert turn.end["code"] == "upstream_truncated"
    assert stored(database, turn.thread)[1:] == [("assistant", "as far as it went", "failed")]


def test_a_wrong_finish_reason(chat, llm):
    llm.script(calls(("list_tasks", {}), finish_reason="stop"), says("fine", finish_reason="tool_calls"))
    turn = chat.turn("list")
    assert turn.tools == ["list_tasks"] and turn.text == "fine" and turn.end["type"] == "RUN_FINISHED"


# --- cancel


def test_cancel_reaches_the_upstream(chat, llm, database):
    llm.pace(20)
    llm.script(says("word " * 400))
    ack = chat.send("go")
    for _ in range(5):
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    assert chat.cancel(ack["threadId"])["status"] == "cancelled"
    [request] = llm.requests(1)
    assert not request.completed and 5 <= request.chunks_sent < 400
    text = "".join(chat.thread(ack["threadId"]).texts.values())
    assert stored(database, ack["threadId"])[1:] == [("assistant", text, "cancelled")]


def test_cancel_before_the_first_token(chat, llm):
    llm.script(SlowFirstToken(30))
    ack = chat.send("go")
    chat.until({"type": "RUN_STARTED"})
    llm.asked()
    assert chat.cancel(ack["threadId"])["status"] == "cancelled"
    [request] = llm.requests(1)
    assert not request.completed and request.chunks_sent == 0


def test_cancel_in_the_second_step(chat, llm, database, user):
    llm.pace(20)
    llm.script(calls(("add_task", {"title": "milk"})), says("word " * 400))
    ack = chat.send("add milk")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    chat.cancel(ack["threadId"])
    first, second = llm.requests(2)
    assert first.completed and not second.completed
    # What was done is done, and the next turn is told of it.
    assert [row[1] for row in database.tasks(user)] == ["milk"]
    llm.reset()
    llm.script(says("fine"))
    chat.turn("and?", thread=ack["threadId"])
    [body] = llm.bodies()
    check_body(body)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool", "assistant", "user"]

