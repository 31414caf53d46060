"""The checker reports what it should: on records made by hand, and with faults put in on purpose under a real gateway."""

import asyncio
import copy
import datetime
import random
import uuid

import pytest

from .audit import found as audited
from .audit import install
from .checker import check
from .load import Plan
from .proxy import Balancer, Tamper
from .records import Answer, Cancelled, Left, Round, Rows, Sent
from . import rounds
from .rounds import run_round
from .view import ThreadView
from .world import DURABLE, FORGETFUL, World

NEVER_WRITTEN = 30
"""Runs that end before the power goes."""
THREAD, RUN, ASKED, REPLY, EPOCH = "t1", "r1", "m1", "m2", "e1"


# --- records made by hand: one thread with a message, its run and a reply of two deltas

def event(kind, cursor, **fields):
    return {"type": kind, "metadata": {"parley": {"threadId": THREAD, "cursor": f"{EPOCH}.{cursor}"}}, **fields}


def started(cursor=1, run=RUN):
    return event("RUN_STARTED", cursor, threadId=THREAD, runId=run,
                 input={"messages": [{"id": ASKED, "role": "user", "content": "!text a b"}]})


def opened(cursor=2):
    return event("TEXT_MESSAGE_START", cursor, messageId=REPLY)


def delta(cursor, text):
    return event("TEXT_MESSAGE_CONTENT", cursor, messageId=REPLY, delta=text)


def closed(cursor=6):
    return event("TEXT_MESSAGE_END", cursor, messageId=REPLY)


def finished(cursor=7, outcome="success", run=RUN):
    return event("RUN_FINISHED", cursor, threadId=THREAD, runId=run, outcome={"type": outcome})


WHOLE = [started(), opened(), delta(4, "a "), delta(5, "b"), closed(), finished()]


def view_of(events, times=None):
    view = ThreadView("c1", "u1", THREAD)
    view.joined(is_new=True)
    for index, one in enumerate(events):
        view.event(one, EPOCH, times[index] if times else float(index))
    return view


def test_an_ack_while_a_subscription_is_under_way():
    """The socket asked to go on behind its cursor: a message's ack does not begin the thread anew."""
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.may_resume = True
    view.joined()
    for index, one in enumerate(WHOLE[3:]):
        view.event(one, EPOCH, 10.0 + index)
    view.subscribed({"mode": "resumed", "cursor": f"{EPOCH}.7"})
    assert view.complaints == [] and view.assemblies[0].text == "a b"


def test_an_ack_after_a_subscription_was_refused():
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.may_resume = True
    view.not_subscribed()
    view.joined()
    for index, one in enumerate(WHOLE):
        view.event({**one, "metadata": {"parley": {"threadId": THREAD, "cursor": f"{EPOCH}.{20 + index}"}}}, EPOCH, 10.0)
    assert view.complaints == [] and view.assemblies[-1].text == "a b"


def message(id, position, role, content, **fields):
    return {"id": id, "thread": THREAD, "user_id": "u1", "position": position, "role": role, "content": content,
            "tool_calls": None, "tool_call_id": None, "run": RUN, "status": "complete", "client_id": None, **fields}


def good(events=WHOLE, times=None):
    """(round, rows) without a fault."""
    round = Round(1, 1, users=["u1"])
    sent = Sent("k1", "u1", "!text a b", reply="a b", attempts=[1], senders={"c1"},
                answers=[Answer(2, "c1", "running", None, THREAD, ASKED, RUN)])
    round.sent[("u1", "k1")] = sent
    round.views.append(view_of(events, times))
    rows = Rows(
        conversations=[{"id": THREAD, "user_id": "u1", "title": "", "status": "active", "message_count": 2}],
        messages=[message(ASKED, 1, "user", "!text a b", client_id="k1"), message(REPLY, 2, "assistant", "a b")],
        runs=[{"id": RUN, "thread": THREAD, "user_id": "u1", "message": ASKED, "status": "completed", "error": None,
               "started_at": 10.0, "finished_at": 12.0}])
    return round, rows


def with_task():
    """The same with a task that was added."""
    round, rows = good()
    round.sent[("u1", "k1")].title = "x"
    rows.tasks.append({"id": 5, "user_id": "u1", "title": "x", "message": ASKED})
    rows.operations.append({
        "thread": THREAD, "user_id": "u1", "message": ASKED, "run": RUN, "ordinal": 1, "type": "add",
        "params": {"title": "x"}, "result": {"task": {"id": 5}}, "status": "success"})
    return round, rows


def found(round, rows):
    return [violation.what for violation in check(round, rows)]


@pytest.mark.parametrize("make", [good, with_task])
def test_nothing_is_reported_where_nothing_is_wrong(make):
    assert found(*make()) == []


def lose(round, rows):
    """An acknowledged message with all that came of it."""
    rows.conversations.clear(), rows.messages.clear(), rows.runs.clear()


def store_twice(round, rows):
    rows.messages.append(message("m3", 3, "user", "!text a b", client_id="k1"))
    rows.conversations[0]["message_count"] = 3


def strange_message(round, rows):
    rows.messages.append(message("m3", 3, "user", "hm", client_id="k9", run="r9"))
    rows.runs.append({**rows.runs[0], "id": "r9", "message": "m3"})
    rows.conversations[0]["message_count"] = 3


def other_content(round, rows):
    rows.messages[0]["content"] = "!text a c"


def acks_differ(round, rows):
    round.sent[("u1", "k1")].answers.append(Answer(3, "c1", "duplicate", None, THREAD, "m9", RUN))


def accepted_twice(round, rows):
    round.sent[("u1", "k1")].answers.append(Answer(3, "c1", "queued", None, THREAD, ASKED, RUN))


def duplicate_of_nothing(round, rows):
    round.sent[("u1", "k1")].answers[0].status = "duplicate"


def refused_and_stored(round, rows):
    round.sent[("u1", "k1")].answers = [Answer(2, "c1", error="busy")]


def never_answered(round, rows):
    round.sent[("u1", "k1")].answers = []


def never_answered_nor_stored(round, rows):
    """It would have begun a thread."""
    round.sent[("u1", "k2")] = Sent("k2", "u1", "!text b", attempts=[3], senders={"c1"})


def position_twice(round, rows):
    rows.messages[1]["position"] = 1


def still_running(round, rows):
    rows.runs[0]["status"] = "running"


def no_run(round, rows):
    rows.runs[0]["message"] = "m9"


def two_at_a_time(round, rows):
    rows.messages.append(message("m3", 3, "user", "!text c", client_id="k2", run="r2"))
    rows.runs.append({**rows.runs[0], "id": "r2", "message": "m3", "started_at": 11.0, "finished_at": 13.0})


def overtaken(round, rows):
    two_at_a_time(round, rows)
    rows.runs[-1].update(started_at=8.0, finished_at=9.0)


def other_status(round, rows):
    rows.messages[1]["status"] = "cancelled"


def reply_doubled(round, rows):
    rows.messages[1]["content"] = "a ba b"


def end_taken_back(round, rows):
    rows.runs[0]["status"] = "cancelled"


def cancel_not_stored(round, rows):
    round.cancelled.append(Cancelled("c1", THREAD, RUN, "cancelled"))


def not_run_again(round, rows):
    round.left.append(Left(RUN, THREAD, "u1", "running", {}, False))
    rows.runs[0]["status"] = "interrupted"


def run_again_with_text(round, rows):
    round.left.append(Left(RUN, THREAD, "u1", "running", {"m7": "a "}, False))


def out_of_order(round, rows):
    round.sent[("u1", "k2")] = Sent("k2", "u1", "!text a b", thread=THREAD, attempts=[3], senders={"c1"},
                                    answers=[Answer(4, "c1", "running", None, THREAD, "m0", "r0")])
    rows.messages[0]["position"], rows.messages[1]["position"] = 2, 3
    rows.messages.insert(0, message("m0", 1, "user", "!text a b", client_id="k2", run="r0"))
    rows.runs.append({**rows.runs[0], "id": "r0", "message": "m0"})
    rows.conversations[0]["message_count"] = 3


def snapshot_of_nothing(round, rows):
    round.views[0].snapshots.append([{"id": "m9", "role": "user", "content": "x"}])


def snapshot_reversed(round, rows):
    round.views[0].snapshots.append([{"id": REPLY, "role": "assistant", "content": "a b"},
                                     {"id": ASKED, "role": "user", "content": "!text a b"}])


def result_not_logged(round, rows):
    view = view_of([started(), event("TOOL_CALL_START", 2, toolCallId="k", toolCallName="add_task"),
                    event("TOOL_CALL_END", 3, toolCallId="k"),
                    event("TOOL_CALL_RESULT", 4, toolCallId="k", messageId="m5", content='{"task":{"id":5}}')])
    view.is_live = False
    round.views.append(view)
    round.killed[EPOCH] = 9.0


def written_by_a_dead_one(round, rows):
    rows.audit.append(("runs r1 was committed by a gateway that is fenced", "u1"))


@pytest.mark.parametrize("fault, report", [
    (lose, "was acknowledged and is not stored"),
    (store_twice, "is stored 2 times"),
    (strange_message, "was sent by nobody"),
    (other_content, "with another content"),
    (acks_differ, "do not agree"),
    (accepted_twice, "was accepted twice"),
    (duplicate_of_nothing, "sent once and answered as a duplicate"),
    (refused_and_stored, "was refused as busy and is stored"),
    (never_answered, "was never answered"),
    (never_answered_nor_stored, "message k2 was never answered"),
    (position_twice, "positions [1, 1]"),
    (still_running, "is still running"),
    (no_run, "has 0 runs"),
    (two_at_a_time, "started before r1 had finished"),
    (overtaken, "came after that of 3"),
    (other_status, "is completed and its message m2 is cancelled"),
    (reply_doubled, "said 'a ba b', not 'a b'"),
    (end_taken_back, "end as success, and it is cancelled"),
    (cancel_not_stored, "was acknowledged and it is completed"),
    (not_run_again, "was not run again"),
    (run_again_with_text, "had text or effects"),
    (out_of_order, "was sent after the ack of k1"),
    (snapshot_of_nothing, "which is not stored"),
    (snapshot_reversed, "out of order"),
    (result_not_logged, "saw the result"),
    (written_by_a_dead_one, "was committed by a gateway that is fenced"),
])
def test_faults_in_the_records(fault, report):
    round, rows = good()
    fault(round, rows)
    assert any(report in what for what in found(round, rows)), found(round, rows)
    lines = []
    rounds.report(round, rows, check(round, rows), lines.append)
    assert any(report in line for line in lines), lines


@pytest.mark.parametrize("node", ["a", "b"])
def test_one_run_at_a_time_whoever_has_it(node):
    """A user's session is one gateway's at a time, so none waits for another's transaction."""
    round, rows = good()
    two_at_a_time(round, rows)
    begun = datetime.datetime(2026, 1, 1)
    rows.runs[0].update(node="a", started_at=begun, finished_at=begun + datetime.timedelta(milliseconds=1015))
    rows.runs[1].update(node=node, started_at=begun + datetime.timedelta(seconds=1),
                        finished_at=begun + datetime.timedelta(seconds=9))
    assert any("had finished" in what for what in found(round, rows))


def double_task(round, rows):
    rows.tasks.append({**rows.tasks[0], "id": 6})


def no_task(round, rows):
    rows.tasks.clear()


def no_log(round, rows):
    rows.operations.clear()


def two_operations(round, rows):
    rows.operations.append({**rows.operations[0], "ordinal": 2})


def denied(round, rows):
    """An effect of which the user was told that there is none."""
    rows.runs[0].update(status="failed", error={"code": "tool_failed", "message": "This step was not carried out."})
    rows.messages[1]["status"] = "failed"


def pending(round, rows):
    rows.operations[0].update(status="pending", result=None)


def other_title(round, rows):
    rows.tasks[0]["title"] = "y"


@pytest.mark.parametrize("fault, report", [
    (double_task, "is there 2 times"),
    (no_task, "which is not there"),
    (no_log, "was added by 0 operations"),
    (two_operations, "was added by 2 operations"),
    (denied, "there is an operation without a result"),
    (pending, "is pending"),
    (other_title, "that nobody asked for"),
])
def test_faults_in_the_effects(fault, report):
    round, rows = with_task()
    fault(round, rows)
    assert any(report in what for what in found(round, rows)), found(round, rows)


def edited(index, *events):
    return WHOLE[:index] + list(events) + WHOLE[index + 1:]


@pytest.mark.parametrize("events, report", [
    (edited(2), "stored is 'a b'"),
    (edited(2, delta(4, "a a ")), "stored is 'a b'"),
    (edited(2, delta(4, "a "), delta(4, "a ")), "the cursor does not rise"),
    (edited(3, delta(3, "b")), "the cursor does not rise"),
    (edited(1), "which is not open"),
    (edited(1, opened(2), opened(3)), "opened twice"),
    (edited(4), "finished with open items"),
    (edited(0), "outside a run"),
    (edited(0, started(0), started(1)), "starts while"),
    (edited(5, finished(7, run="r2")), "finishes while"),
    (WHOLE + [finished(8)], "outside a run"),
    (WHOLE + [started(8)], "starts again"),
    (WHOLE[:5], "never saw the end"),
    ([], "does not show"),
])
def test_faults_in_the_events(events, report):
    round, rows = good(copy.deepcopy(events))
    assert any(report in what for what in found(round, rows)), found(round, rows)


@pytest.mark.parametrize("events, stored, is_killed, is_right", [
    (WHOLE[:3], "a b", False, True),  # it went away in the middle
    (WHOLE[:3], "a", False, False),
    (WHOLE[:4], "a ", False, False),
    (WHOLE[:4], "a ", True, True),  # the gateway went with what it had not checkpointed yet
    (WHOLE[:4], "", True, True),
    (WHOLE[:3], "a b", True, True),  # a checkpoint that the client had not seen
    (WHOLE[:4], "a c", True, False),
    (WHOLE, "a ", True, False),  # its end was said
])
def test_what_an_interrupted_client_may_have(events, stored, is_killed, is_right):
    round, rows = good(events, times=[10.0] * len(events))
    round.views[0].is_live = False
    round.sent[("u1", "k1")].reply = None
    rows.messages[1]["content"] = stored
    if is_killed:
        round.killed[EPOCH] = 11.0
    assert (found(round, rows) == []) == is_right, found(round, rows)


def test_text_that_should_have_been_checkpointed():
    round, rows = good(WHOLE[:4], times=[0.0, 0.0, 1.0, 11.5])
    round.views[0].is_live = False
    round.killed[EPOCH] = 12.0
    rows.runs[0]["status"] = "interrupted"
    rows.messages[1].update(content="a ", status="interrupted")
    assert found(round, rows) == []
    rows.messages[1]["content"] = ""
    assert any("s before the gateway was killed" in what for what in found(round, rows))


def test_a_resumed_socket_goes_on_where_it_was():
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.may_resume = True
    for one in WHOLE[3:]:
        view.event(one, EPOCH, 9.0)
    view.subscribed({"mode": "resumed", "cursor": f"{EPOCH}.7"})
    round, rows = good()
    round.views = [view]
    assert found(round, rows) == []


def test_a_repeat_after_a_resume_is_seen():
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.may_resume = True
    for one in WHOLE[2:]:
        view.event(one, EPOCH, 9.0)
    assert "the cursor does not rise" in view.complaints[0]
    assert view.shown()[REPLY] == "a a b"


def test_events_before_a_snapshot_are_seen():
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.may_resume = True
    view.event(WHOLE[3], EPOCH, 9.0)
    view.snapshot({"messages": [], "hasMore": False, "cursor": f"{EPOCH}.5"})
    assert view.complaints == ["events came before the snapshot"]


def test_the_order_is_that_of_one_queue():
    """Also where one gateway has taken it over from another."""
    for nodes in (("a:1/x", "a:1/y"), ("a:1/x", "b:1/x")):
        round, rows = good()
        overtaken(round, rows)
        for run, node in zip(rows.runs, nodes):
            run["node"] = node
        assert any("came after that of 3" in what for what in found(round, rows))


def test_the_database_notes_who_writes_and_what_ends_twice(database, gateway, user):
    install(database)
    thread, message, run = (str(uuid.uuid4()) for _ in range(3))
    with gateway.connect(user) as chat:
        chat.turn("hello")
    assert audited(database, [user]) == []
    database.do("insert into conversations (id, user_id) values (%s, %s)", thread, user)
    database.do("insert into messages (id, conversation_id, user_id, position, role, content, run_id)"
                " values (%s, %s, %s, 1, 'user', 'x', %s)", message, thread, user, run)
    database.do("insert into runs (id, conversation_id, user_id, user_message_id, status) values (%s, %s, %s, %s,"
                " 'completed')", run, thread, user, message)
    database.do("update runs set status = 'failed' where id = %s", run)
    found = [what for what, _ in audited(database, [user])]
    assert sum("was committed by a gateway that is fenced" in what for what in found) == 3
    assert f"run {run} has ended as completed, and again as failed" in found


def test_a_user_goes_where_the_user_went_as_long_as_that_is_up():
    balancer = Balancer(random.Random(1), [10, 20])
    homes = {user: balancer.port(user) for user in map(str, range(20))}
    assert set(homes.values()) == {10, 20} and {user: balancer.port(user) for user in homes} == homes
    balancer.down(0)
    assert {balancer.port(user) for user in homes} == {20}
    balancer.up(0, 11)
    assert {balancer.port(user) for user in homes} == {20}
    balancer.down(1)
    assert {balancer.port(user) for user in homes} == {11}


def test_a_snapshot_begins_anew():
    view = view_of(WHOLE[:3])
    view.socket_lost()
    view.snapshot({"messages": [{"id": ASKED, "role": "user", "content": "!text a b"}], "hasMore": False,
                   "cursor": f"{EPOCH}.0"})
    for one in WHOLE:
        view.event(one, EPOCH, 9.0)
    assert view.complaints == []
    assert view.shown() == {ASKED: "!text a b", REPLY: "a b"}
    assert [assembly.text for assembly in view.assemblies] == ["a ", "a b"]


# --- faults put in on purpose, the gateway as it is

SMALL = Plan(users=8, sockets=3, load=2.5, pause=0.4, drop=0.03, deflate=0)


def violations_of(strike, lines=DURABLE, prepare=None, number=1):
    async def go():
        await world.start()
        if prepare:
            prepare(world)
        try:
            return await run_round(world, 7, number, SMALL, fault=strike)
        finally:
            await world.stop()

    world = World(lines)
    try:
        _, _, violations = asyncio.run(go())
    finally:
        world.remove()
    return [violation.what for violation in violations]


async def nothing(world, round, random):
    """No fault but the clients' own comings and goings."""


@pytest.mark.timeout(120)
def test_commits_that_are_said_before_they_are_durable():
    async def lose_power(world, round, random):
        # Runs that have ended were acknowledged before.
        await world.call(lambda: world.database.wait(
            "select count(*) from runs where finished_at is not null", wanted=lambda count: count >= NEVER_WRITTEN))
        await world.call(world.cluster.kill)
        await world.call(world.cluster.start)

    reported = violations_of(lose_power, FORGETFUL)
    assert any("was acknowledged and is not stored" in what for what in reported), reported[:20]


@pytest.mark.timeout(120)
def test_the_same_loss_of_power_takes_nothing_from_a_database_that_is_durable():
    async def lose_power(world, round, random):
        await world.call(world.cluster.kill)
        await world.call(world.cluster.start)

    assert violations_of(lose_power, DURABLE) == []


DOUBLED = """
    create function double_task() returns trigger language plpgsql security definer as $$ begin
        insert into parley.tasks (user_id, title, last_interaction_id)
        values (new.user_id, new.title, new.last_interaction_id);
        return null;
    end $$;
    create trigger double_task after insert on parley.tasks for each row when (pg_trigger_depth() = 0)
        execute function double_task()"""
NOT_LOGGED = """
    create function forget_operation() returns trigger language plpgsql security definer as $$ begin
        delete from parley.task_operation_logs where operation_id = new.operation_id;
        return null;
    end $$;
    create trigger forget_operation after update on parley.task_operation_logs for each row
        execute function forget_operation()"""
NO_EFFECT = """
    create function lose_task() returns trigger language plpgsql security definer as $$ begin
        delete from parley.tasks where id = new.id;
        return null;
    end $$;
    create trigger lose_task after insert on parley.tasks for each row execute function lose_task()"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trigger, report", [
    (DOUBLED, "is there 2 times"), (NOT_LOGGED, "was added by 0 operations"), (NO_EFFECT, "which is not there"),
], ids=["doubled", "not logged", "no effect"])
def test_effects_apart_from_their_log(trigger, report):
    reported = violations_of(nothing, prepare=lambda world: world.database.do(trigger))
    assert any(report in what for what in reported), reported[:20]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["drop", "double"])
def test_one_text_delta_on_its_way(how):
    def tamper(world):
        budget = [how]
        world.proxy.tamper = lambda: Tamper(how, budget)

    reported = violations_of(nothing, prepare=tamper)
    assert any("the text of" in what or "shows" in what for what in reported), reported[:20]
    assert not [what for what in reported if "cursor" in what or "open" in what], "only the text is wrong"


@pytest.mark.timeout(120)
def test_nothing_is_reported_of_an_honest_gateway():
    assert violations_of(nothing) == []
