"""Long conversations: the newest messages first in hand, all of them kept."""


def test_a_snapshot_holds_the_newest_fifty(connect, database):
    chat = connect()
    thread = chat.turn("hello 0").thread
    for n in range(1, 30):
        chat.turn(f"hello {n}", thread=thread)
    rows = database.messages(thread)
    assert len(rows) >= 60
    late = connect()
    late.subscribe(thread)
    snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
    assert snapshot["hasMore"] is True
    assert [message["id"] for message in snapshot["messages"]] == [row[0] for row in rows[-50:]]


def test_tool_exchanges_are_in_the_snapshot_as_messages(connect):
    chat = connect()
    turn = chat.turn("add buy milk")
    late = connect()
    late.subscribe(turn.thread)
    snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
    roles = [message["role"] for message in snapshot["messages"]]
    assert roles[0] == "user" and roles[-1] == "assistant" and "tool" in roles
    calls = [call for message in snapshot["messages"] for call in message.get("toolCalls", [])]
    assert [call["function"]["name"] for call in calls] == ["add_task"]
    tool = next(message for message in snapshot["messages"] if message["role"] == "tool")
    assert tool["toolCallId"] == calls[0]["id"] == turn.calls[0]["id"]
    assert tool["content"] == turn.calls[0]["result"] and tool["id"] == turn.calls[0]["messageId"]
