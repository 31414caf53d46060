"""What a model is told of a conversation is in the order question, answer, question, answer: after a restart with a queue,
and when a person interrupts."""

from kit.dialect import Dialect
from kit.gateway import Gateway
from test_upstream_dialects import chunk, says


def told(body):
    return [(m["role"], m["content"]) for m in body["messages"] if m["role"] != "system"]


def alternates(messages):
    return all(role == ("user", "assistant")[place % 2] for place, (role, _) in enumerate(messages))


def started(database, upstream, **settings):
    return Gateway(database, name="test_upstream_order", AGENT="chat-completions", AGENT_BASE_URL=upstream.url, AGENT_MODEL="m", **settings)


def test_a_queue_over_a_restart(database, user):
    upstream = Dialect([{"body": [chunk(reasoning_content="…"), {"sleep_s": 60}]}])
    gateway = started(database, upstream)
    try:
        with gateway.connect(user) as chat:
            first = chat.send("one")
            thread = first["threadId"]
            acks = [first, *(chat.send(text, thread=thread) for text in ("two", "three"))]
        gateway.kill()
        upstream.answers = [says(f"answer to {word}", **{"if": ["the last message holds", word]}) for word in ("one", "two", "three", "four")]
        gateway.start()
        for ack in acks:
            database.wait("select status from runs where id = %s", ack["runId"], wanted=lambda status: status == "completed", timeout=30)
        with gateway.connect(user) as chat:
            assert chat.turn("four", thread=thread).text == "answer to four"
        messages = told(upstream.bodies[-1])
        assert alternates(messages)
        assert messages == [pair for word in ("one", "two", "three") for pair in (("user", word), ("assistant", f"answer to {word}"))] + [
            ("user", "four")]
    finally:
        gateway.remove()
        upstream.close()


def test_a_person_who_interrupts(database, user):
    upstream = Dialect([{"nth": 1, "body": [chunk(content="Half an answer"), {"sleep_s": 60}]}, says("The other.")])
    gateway = started(database, upstream)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("one")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            second = chat.send("no, two", thread=ack["threadId"], policy="interrupt")
            assert chat.end_of(second["runId"])["type"] == "RUN_FINISHED"
            assert chat.turn("three", thread=ack["threadId"]).text == "The other."
        expected = [("user", "one"), ("assistant", "Half an answer"), ("user", "no, two")]
        assert told(upstream.bodies[1]) == expected
        assert told(upstream.bodies[2]) == [*expected, ("assistant", "The other."), ("user", "three")]
    finally:
        gateway.remove()
        upstream.close()


def test_a_person_who_interrupts_before_anything_was_said(database, user):
    upstream = Dialect([{"nth": 1, "body": [": wait\n\n", {"sleep_s": 60}]}, says("The other.")])
    gateway = started(database, upstream)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("one")
            database.wait("select status from runs where id = %s", ack["runId"], wanted=lambda status: status == "running")
            second = chat.send("no, two", thread=ack["threadId"], policy="interrupt")
            assert chat.end_of(second["runId"])["type"] == "RUN_FINISHED"
        assert told(upstream.bodies[-1]) == [("user", "one\n\nno, two")]
    finally:
        gateway.remove()
        upstream.close()
