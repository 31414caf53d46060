"""Reminders: at its time the assistant says it in the conversation in which it was asked for, once."""

import datetime
import re

import pytest

from kit.database import Database
from kit.gateway import Gateway


def remind(chat, what="check the oven", zone="Europe/Berlin"):
    """A reminder that is asked for in a conversation of its own."""
    id = chat.fresh_id()
    chat.post(op="send", id=id, content=f"remind me in 50 minutes to {what}", metadata={"timeZone": zone, "locale": "en"})
    ack = chat.until({"op": "ack", "id": id})
    chat.end_of(ack["runId"])
    return ack["threadId"]


def make_due(database, user, seconds=0):
    database.do(
        """with moved as (
            update parley.tasks t set due_at = date_trunc('milliseconds', now()) - %s * interval '1 second'
            where t.user_id = %s and t.due_at is not null and not t.is_completed and t.deleted_at is null returning t.id)
        select count(*) from moved""", seconds, user)


def told(database, thread):
    return [content for _, role, content, _ in database.messages(thread)
            if role == "assistant" and content.startswith("Reminder")]


def test_a_reminder_is_a_run_without_a_question(gateway, connect, database, user):
    with connect() as chat, connect() as other:
        thread = remind(chat)
        assert re.search(r"I'll remind you today \d\d:\d\d\.$", list(chat.thread(thread).texts.values())[-1])
        make_due(database, user)
        begun = chat.until(lambda frame: frame.get("type") == "RUN_STARTED" and not frame["input"]["messages"])
        end = chat.end_of(begun["runId"])
        assert end["outcome"] == {"type": "success"}
        kinds = [event["type"] for event in chat.events(thread, begun["runId"])]
        assert kinds[0] == "RUN_STARTED" and kinds[-1] == "RUN_FINISHED"
        # A socket that is elsewhere learns that there is something.
        assert other.until(lambda frame: frame.get("op") == "thread" and frame["threadId"] == thread)
        assert not [frame for frame in other.frames if frame.get("type") == "RUN_STARTED"]
        assert told(database, thread) == ["Reminder: #1 “check the oven”."]
        # A reload shows it, behind what was said, and "it" is what it was about.
        other.subscribe(thread)
        snapshot = next(frame for frame in other.frames if frame.get("op") == "snapshot")
        assert snapshot["messages"][-1]["content"] == "Reminder: #1 “check the oven”."
        chat.turn("snooze", thread=thread)
        assert database.value(
            "select count(*) from parley.reminders where user_id = %s and fired_at is null and due_at > now()", user) == 1


def test_it_waits_for_the_run_under_way(database, user):
    settings = {"AGENT": "scripted", "SCRIPTED_TOKENS": 400, "SCRIPTED_PACE_MS": 10}
    gateway = Gateway(database, name="test_reminders_scripted", **settings)
    try:
        with gateway.connect(user) as chat:
            first = chat.send("go")
            thread = first["threadId"]
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            database.do(
                """with made as (
                    insert into parley.tasks (user_id, title, due_at) values (%s, 'tea', now()) returning id, due_at)
                insert into parley.reminders (task_id, user_id, conversation_id, due_at, fires_at)
                select id, %s, %s, due_at, due_at from made""", user, user, thread)
            database.wait("select count(*) from parley.reminders where user_id = %s and claimed_at is not null", user)
            # Its answer comes behind that of the claim, which was committed before.
            queued = chat.send("!text after", thread=thread)
            chat.cancel(thread)
            chat.end_of(queued["runId"])
            database.wait(
                "select count(*) from messages where conversation_id = %s and content like 'Reminder%%'", thread,
                wanted=lambda count: count == 1)
            assert len(told(database, thread)) == 1
    finally:
        gateway.remove()


def test_those_of_a_users_session_are_left_to_its_gateway(database, user):
    """Another one could not say them: they would wait until its claim has ended."""
    gateways = [Gateway(database, name=f"test_reminders_{name}") for name in ("owner", "beside")]
    try:
        with gateways[0].connect(user) as chat:
            remind(chat)
            owner = database.value("select owner_node from parley.users where id = %s", user)
            with database.connection.transaction(force_rollback=True):
                database.do("update parley.reminders set fires_at = now() where user_id = %s", user)

                def claimed(node):
                    return database.value(
                        "select count(*) from parley.claim_reminders(%s, 50, 60000, 100) where user_id = %s", node, user)

                others = [node for [node] in database.rows("select id from parley.nodes where id <> %s", owner)]
                assert others and [claimed(node) for node in others] == [0] * len(others)
                assert claimed(owner) == 1
    finally:
        for gateway in gateways:
            gateway.remove()


def test_what_was_missed_is_told_late_and_for_when_it_was(database, user):
    """Two gateways come back at once: one of them tells each."""
    names = ("test_reminders_one", "test_reminders_two")
    first = Gateway(database, name=names[0])
    try:
        with first.connect(user) as chat:
            threads = [remind(chat, f"thing {number}") for number in range(3)]
        first.stop()
        make_due(database, user, seconds=120)
        gateways = [Gateway(database, name=name) for name in (names[0] + "_again", names[1])]
        try:
            database.wait(
                "select count(*) from messages where user_id = %s and content like 'Reminder%%'", user,
                wanted=lambda count: count >= 3)
            again = [told(database, thread) for thread in threads]
            assert [len(each) for each in again] == [1, 1, 1]
            for [text] in again:
                assert re.fullmatch(r"Reminder, late: it was for (today|yesterday) \d\d:\d\d\. #\d “thing \d”\.", text)
        finally:
            for gateway in gateways:
                gateway.remove()
    finally:
        first.remove()


def test_each_is_told_once_whatever_dies(cluster):
    """Two gateways: the one that has the sessions is killed as it tells, then the database goes away under the other."""
    database = Database(cluster.admin_url)
    users = [f"storm-{number}" for number in range(4)]
    gateways = [Gateway(database, name=f"test_reminders_storm_{number}") for number in range(2)]
    try:
        threads = {}
        for user in users:
            with gateways[0].connect(user) as chat:
                threads[user] = [remind(chat, f"thing {number}") for number in range(4)]
        for user in users:
            make_due(database, user)
        database.wait("select count(*) from parley.reminders where fired_at is not null", wanted=lambda count: count >= 2)
        gateways[0].kill()
        cluster.stop("immediate")
        cluster.start()
        gateways[1].ready_status(200)
        # Claims of the dead one are free again when its lease is over; nobody waits for that here.
        database.do("update parley.reminders set fires_at = now() where fired_at is null")
        database.wait("select count(*) from parley.reminders where fired_at is null", wanted=lambda count: count == 0,
                      timeout=60)
        for user in users:
            assert [len(told(database, thread)) for thread in threads[user]] == [1] * 4
    finally:
        for gateway in gateways:
            gateway.remove()
        database.remove()


def test_what_comes_back_keeps_the_zone_in_which_it_was_said(connect, database, user):
    """Nine o'clock in Berlin stays that over a change of the clocks, wherever it is marked as done."""
    with connect() as chat:
        id = chat.fresh_id()
        chat.post(op="send", id=id, content="add stretch every day at 9am", metadata={"timeZone": "Europe/Berlin"})
        ack = chat.until({"op": "ack", "id": id})
        chat.end_of(ack["runId"])
        thread = ack["threadId"]

        def over(before, after):
            database.do("update parley.tasks set due_at = %s where user_id = %s", before, user)
            chat.post(op="send", id=chat.fresh_id(), threadId=thread, content="mark 1 as done",
                      metadata={"timeZone": "Asia/Tokyo"})
            chat.end_of(chat.until({"op": "ack", "threadId": thread, "status": "running"})["runId"])
            due = database.value("select due_at from parley.tasks where user_id = %s", user)
            assert due.astimezone(datetime.timezone.utc).isoformat() == after

        over("2041-03-30T08:00:00Z", "2041-03-31T07:00:00+00:00")
        over("2041-10-26T07:00:00Z", "2041-10-27T08:00:00+00:00")


def test_what_is_done_is_not_spoken_of(connect, database, user):
    with connect() as chat:
        thread = remind(chat)
        chat.turn("mark it as done", thread=thread)
        make_due(database, user)
        database.do("update parley.reminders set fires_at = now(), due_at = now() where user_id = %s", user)
        database.wait("select count(*) from parley.reminders where user_id = %s", user, wanted=lambda count: count == 0)
        assert told(database, thread) == []


@pytest.mark.parametrize("zone,shown", [("Asia/Tokyo", ""), ("Nowhere/Land", " UTC"), (5, " UTC"), (None, " UTC")])
def test_the_zone_comes_with_the_message(connect, zone, shown):
    with connect() as chat:
        id = chat.fresh_id()
        chat.post(op="send", id=id, content="add tea tomorrow at 17:00", metadata={"timeZone": zone})
        ack = chat.until({"op": "ack", "id": id})
        chat.end_of(ack["runId"])
        [text] = chat.thread(ack["threadId"]).texts.values()
        assert re.search(rf"due tomorrow, \w+day 17:00{shown}\.$", text)
