"""The plain text mode of section 1: a socket without parley.v1, lines typed by hand."""


def test_a_line_is_a_message(connect, database, user):
    chat = connect(subprotocols=())
    chat.raw("add buy milk")
    ack = chat.until({"op": "ack"})
    assert "id" not in ack and ack["status"] == "running"
    chat.end_of(ack["runId"])
    assert database.tasks(user)[0][1] == "buy milk"
    chat.raw("what's on my list?")
    second = chat.until({"op": "ack"})
    assert second["threadId"] == ack["threadId"], "goes to the thread last used on this socket"
    chat.end_of(second["runId"])
    assert "milk" in "".join(chat.thread(ack["threadId"]).texts.values())


def test_json_works_there_too(connect):
    chat = connect(subprotocols=())
    turn = chat.turn("hello")
    chat.raw("thanks")
    assert chat.until({"op": "ack"})["threadId"] == turn.thread
    chat.raw('{"op":')
    assert chat.until({"op": "error"})["code"] == "invalid_json"


def test_a_subscribed_thread_is_a_used_one_or_a_new_one_is_made(connect):
    turn = connect().turn("hello")
    chat = connect(subprotocols=())
    chat.post(op="send", id="x", threadId=turn.thread, content="hello again")
    chat.end_of(chat.until({"op": "ack"})["runId"])
    chat.raw("and again")
    assert chat.until({"op": "ack"})["threadId"] == turn.thread


def test_the_rules_for_content_hold(connect):
    chat = connect(subprotocols=())
    chat.raw("  \t ")
    assert chat.until({"op": "error"})["code"] == "empty_content"
    chat.raw("x" * 10_001)
    assert chat.until({"op": "error"})["code"] == "content_too_long"
    chat.raw("a\0b")
    assert chat.until({"op": "error"})["code"] == "invalid_field"
    assert chat.turn("hello").end["outcome"]["type"] == "success"


def test_with_the_subprotocol_text_is_an_error(connect):
    chat = connect()
    chat.raw("add buy milk")
    assert chat.until({"op": "error"})["code"] == "invalid_json"
