"""Webhooks: what was stored is told, signed, in order, at least once, whatever ends in between."""

import base64
import http.server
import json
import secrets
import socket
import threading
import time

import pytest
import standardwebhooks

from kit.chat import PATIENCE
from kit.database import Database
from kit.figures import figures
from kit.gateway import Gateway, command


def secret():
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Receiver:
    """An endpoint: keeps what it is sent, and answers as `answer(event)` says: a status, or a status with headers."""

    def __init__(self, answer=lambda event: 200):
        self.requests, self.answer, self.condition = [], answer, threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                answer = receiver.answer(event)
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                with receiver.condition:
                    receiver.requests.append((dict(self.headers.items()), body, event, status))
                    receiver.condition.notify_all()
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self, taken=True):
        with self.condition:
            return [event for _, _, event, status in self.requests if not taken or status < 300]

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        with self.condition:
            while not condition([event for _, _, event, status in self.requests if status < 300]):
                left = deadline - time.monotonic()
                assert left > 0, [event for _, _, event, _ in self.requests]
                self.condition.wait(left)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def database(admin_url):
    """A database of the test's own: what another has left waiting is not sent."""
    database = Database(admin_url)
    yield database
    database.remove()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def told(database, receiver):
    """`told(**settings)` is a gateway that tells the receiver."""
    gateways = []

    def told(name="webhooks", **settings):
        gateways.append(Gateway(database, name=f"test_webhooks_{name}", **{
            "WEBHOOK_URLS": receiver.url, "WEBHOOK_SECRETS": secret(), "WEBHOOK_ALLOW_PRIVATE": "true", **settings}))
        return gateways[-1]

    yield told
    for gateway in gateways:
        gateway.remove()


def hurry(database):
    """What is put off is due now."""
    database.do("with due as (update parley.outbox set due_at = now() where dead_at is null returning 1) "
                "select count(*) from due")


def of(events, thread):
    return [event for event in events if event["data"].get("conversation_id") == thread]


def is_over(thread, runs=1):
    return lambda events: sum(event["type"] == "run.ended" for event in of(events, thread)) >= runs


def test_a_turn_is_told_in_order_and_signed_with_both_keys(told, receiver, database, user):
    keys = [secret(), secret()]
    gateway = told(WEBHOOK_SECRETS=",".join(keys))
    with gateway.connect(user) as chat:
        thread = chat.turn("add buy milk").thread
        chat.turn("list my tasks", thread=thread)
    receiver.wait(is_over(thread, 2))
    for headers, body, event, _ in receiver.requests:
        for key in keys:
            assert standardwebhooks.Webhook(key).verify(body, headers) == event
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret()).verify(body, headers)
    events = of(receiver.events(), thread)
    stored = database.messages(thread)
    messages = [event["data"] for event in events if event["type"] == "message.created"]
    assert [(each["position"], each["role"], each["content"]) for each in messages] == [
        (place, role, content) for place, (_, role, content, _) in enumerate(stored, 1)]
    # The object of the HTTP API, as it is there.
    listed = json.loads(gateway.get(f"/api/conversations/{thread}/messages", Authorization=f"Bearer {gateway.token(user)}")[2])
    for mine, theirs in zip(messages, listed["data"]):
        assert set(mine) <= set(theirs) and mine["id"] == theirs["id"] and mine["created_at"] == theirs["created_at"]
    ended = [index for index, event in enumerate(events) if event["type"] == "run.ended"]
    assert ended[-1] == len(events) - 1 and events[ended[0]]["data"]["status"] == "completed"
    assert len({headers["webhook-id"] for headers, *_ in receiver.requests}) == len(receiver.requests)
    database.wait("select count(*) from parley.outbox", wanted=lambda count: count == 0)


def test_nothing_is_written_where_nobody_is_told(database, user):
    gateway = Gateway(database, name="test_webhooks_none")
    try:
        with gateway.connect(user) as chat:
            chat.turn("add buy milk")
        assert database.value("select count(*) from parley.outbox") == 0
        assert figures(gateway)["parley_webhooks", (("state", "pending"),)] == 0
    finally:
        gateway.remove()


def test_a_failed_one_holds_up_its_conversation_alone(told, receiver, database, user):
    refused = []

    def answer(event):
        if event["type"] == "message.created" and event["data"]["content"] == "add first" and not refused:
            refused.append(event)
            return 404
        return 200

    receiver.answer = answer
    gateway = told()
    with gateway.connect(user) as chat:
        held = chat.turn("add first").thread
        receiver.wait(lambda events: bool(refused))
        free = chat.turn("add second").thread
        receiver.wait(is_over(free))
        assert of(receiver.events(), held) == []
    hurry(database)
    receiver.wait(is_over(held))
    types = [event["type"] for event in of(receiver.events(), held)]
    assert types[0] == "message.created" and types[-1] == "run.ended"


def test_dead_letters_are_looked_at_and_sent_again(told, receiver, database, user):
    receiver.answer = lambda event: 400
    gateway = told(WEBHOOK_MAX_ATTEMPTS=1)
    with gateway.connect(user) as chat:
        thread = chat.turn("add buy milk").thread
    database.wait("select count(*) from parley.outbox where dead_at is null", wanted=lambda count: count == 0)
    listed = command("webhooks", "list", "--json", **gateway.settings)
    assert listed.returncode == 0, listed.stderr
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {letter["state"] for letter in letters} == {"dead"} and letters[0]["error"] == "answered 400"
    assert receiver.url not in listed.stdout
    receiver.answer = lambda event: 200
    for wrong in ((), ("--all", "1"), ("x",)):
        assert command("webhooks", "resend", *wrong, **gateway.settings).returncode == 64
    gone = command("webhooks", "discard", str(letters[-1]["id"]), **gateway.settings)
    assert gone.stdout == "1 are gone\n", gone
    again = command("webhooks", "resend", "--all", **gateway.settings)
    assert again.stdout == f"{len(letters) - 1} are sent again\n", again
    receiver.wait(lambda events: len(of(events, thread)) == len(letters) - 1)
    assert figures(gateway)["parley_webhook_attempts_total", (("outcome", "given_up"),)] == len(letters)


def test_what_was_not_sent_before_a_kill_is_sent_after_it(told, receiver, database, user):
    arrived, goes = threading.Event(), threading.Event()

    def answer(event):
        arrived.set()
        goes.wait(PATIENCE)
        return 200

    receiver.answer = answer
    gateway = told()
    with gateway.connect(user) as chat:
        thread = chat.turn("add buy milk").thread
    assert arrived.wait(PATIENCE)
    gateway.kill()
    goes.set()
    receiver.answer = lambda event: 200
    gateway.start()
    receiver.wait(is_over(thread))
    # At least once, under the same id.
    ids = [headers["webhook-id"] for headers, _, event, _ in receiver.requests
           if event["type"] == "message.created" and event["data"]["role"] == "user"]
    assert len(set(ids)) == 1 and len(ids) >= 1
    database.wait("select count(*) from parley.outbox", wanted=lambda count: count == 0)


def test_two_gateways_send_each_once(told, receiver, database, user):
    settings = {"WEBHOOK_SECRETS": secret()}
    first, second = told("one", **settings), told("two", **settings)
    threads = []
    for gateway, name in ((first, user), (second, f"{user}-2")):
        with gateway.connect(name) as chat:
            threads += [chat.turn(f"add thing {number}").thread for number in range(5)]
    for thread in threads:
        receiver.wait(is_over(thread))
    ids = [headers["webhook-id"] for headers, *_ in receiver.requests]
    assert len(ids) == len(set(ids))


def test_users_and_reminders(told, receiver, database, user):
    gateway = told()
    with gateway.connect(user) as chat:
        thread = chat.turn("remind me in 50 minutes to check the oven").thread
        database.do(
            """with moved as (
                update parley.tasks set due_at = date_trunc('milliseconds', now()) where user_id = %s returning 1)
            select count(*) from moved""", user)
        receiver.wait(lambda events: any(event["type"] == "reminder.fired" for event in events))
    [fired] = [event for event in receiver.events() if event["type"] == "reminder.fired"]
    assert fired["data"]["conversation_id"] == thread and "check the oven" in fired["data"]["content"]
    token = gateway.token(user)
    assert gateway.request("DELETE", f"/api/users/{user}", headers={"Authorization": f"Bearer {token}"})[0] in (200, 204)
    receiver.wait(lambda events: any(event["type"] == "user.deleted" for event in events))
    [deleted] = [event for event in receiver.events() if event["type"] == "user.deleted"]
    assert deleted["data"] == {"id": user}


def test_what_a_person_decides_is_told(told, receiver, database, user):
    """Each message and each ended run once, in their order: of what was approved, and of what was declined in any way."""
    gateway = told(APPROVE_TOOLS="delete_task", AGENT="todo")
    with gateway.connect(user) as chat:
        thread = chat.turn("add milk, eggs, bread").thread
        for decision in ("resume", "cancel", "send"):
            turn = chat.turn("delete 1", thread=thread)
            [interrupt] = turn.end["outcome"]["interrupts"]
            if decision == "resume":
                chat.post(op="resume", id="r", threadId=thread, resume=[
                    {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}])
                chat.end_of(chat.until({"op": "ack", "id": "r"})["runId"])
            elif decision == "cancel":
                assert chat.cancel(thread)["status"] == "cancelled"
            else:
                chat.turn("show my list", thread=thread)
        runs = {str(id): status for id, status in database.rows("select id, status from runs where conversation_id = %s",
                                                                thread)}
    assert sorted(runs.values()) == ["cancelled"] * 2 + ["completed"] * 4
    receiver.wait(is_over(thread, len(runs)))
    events = of(receiver.events(), thread)
    assert {e["data"]["id"]: e["data"]["status"] for e in events if e["type"] == "run.ended"} == runs
    assert [e["data"]["id"] for e in events if e["type"] == "message.created"] == [
        str(id) for id, *_ in database.messages(thread)]
    assert len({e["data"]["id"] for e in events}) == len(events)
    database.wait("select count(*) from parley.outbox", wanted=lambda count: count == 0)


def test_what_was_deleted_is_not_sent(told, receiver, database, user):
    receiver.answer = lambda event: 404
    gateway = told()
    with gateway.connect(user) as chat:
        thread = chat.turn("add a secret").thread
    database.wait("select count(*) from parley.outbox where attempts > 0", wanted=lambda count: count > 0)
    token = gateway.token(user)
    assert gateway.request("DELETE", f"/api/conversations/{thread}", headers={"Authorization": f"Bearer {token}"})[0] < 300
    receiver.answer = lambda event: 200
    hurry(database)
    receiver.wait(is_over(thread))
    for event in of(receiver.events(), thread):
        assert event["data"]["deleted"] is True and "content" not in event["data"]


KEYS = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize("settings,has", [({"CONTENT_KEYS": KEYS}, False),
                                          ({"CONTENT_KEYS": KEYS, "WEBHOOK_CONTENTS": "true"}, True),
                                          ({"WEBHOOK_CONTENTS": "false"}, False)])
def test_contents_go_along_where_that_is_meant(admin_url, receiver, user, settings, has):
    database = Database(admin_url)
    gateway = Gateway(database, name="test_webhooks_contents", WEBHOOK_URLS=receiver.url, WEBHOOK_SECRETS=secret(),
                      WEBHOOK_ALLOW_PRIVATE="true", **settings)
    try:
        with gateway.connect(user) as chat:
            thread = chat.turn("add buy milk").thread
        receiver.wait(is_over(thread))
        contents = {event["data"]["content"] for event in receiver.events() if event["type"] == "message.created"}
        assert ("add buy milk" in contents) if has else contents == {None}
    finally:
        gateway.remove()
        database.remove()


def test_a_redirect_leads_nowhere(told, receiver, database, user):
    elsewhere = Receiver()
    try:
        receiver.answer = lambda event: (307, {"Location": elsewhere.url})
        gateway = told(WEBHOOK_MAX_ATTEMPTS=1)
        with gateway.connect(user) as chat:
            chat.turn("add buy milk")
        database.wait("select count(*) from parley.outbox where dead_at is not null", wanted=lambda count: count > 0)
        assert "redirected" in database.value("select max(last_error) from parley.outbox")
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_a_name_of_a_private_address_is_not_called(told, receiver, database, user):
    """Whatever a name server says: here the name of this machine."""
    gateway = told(WEBHOOK_URLS=f"https://localhost:{receiver.server.server_port}/", WEBHOOK_ALLOW_PRIVATE="false",
                   WEBHOOK_MAX_ATTEMPTS=1)
    with gateway.connect(user) as chat:
        chat.turn("add buy milk")
    database.wait("select count(*) from parley.outbox where dead_at is not null", wanted=lambda count: count > 0)
    assert "private" in database.value("select max(last_error) from parley.outbox")
    assert receiver.requests == []


def test_whatever_way_a_private_address_is_written(told, receiver, database, user):
    """As a number, in other bases, shortened, with the dot of a whole name: what a resolver takes for this machine."""
    forms = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost.")
    urls = ",".join(f"https://{form}:{receiver.server.server_port}/" for form in forms)
    gateway = told(WEBHOOK_URLS=urls, WEBHOOK_ALLOW_PRIVATE="false", WEBHOOK_MAX_ATTEMPTS=1)
    with gateway.connect(user) as chat:
        chat.turn("add buy milk")
    database.wait("select count(distinct endpoint) from parley.outbox where dead_at is not null",
                  wanted=lambda count: count == len(forms))
    assert receiver.requests == []


def test_a_receiver_that_never_answers_holds_up_nobody_else(told, receiver, database, user):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        gateway = told(WEBHOOK_URLS=f"{url},{receiver.url}", WEBHOOK_TIMEOUT_SECONDS=1)
        with gateway.connect(user) as chat:
            thread = chat.turn("add buy milk").thread
        receiver.wait(is_over(thread))
        database.wait("select count(*) from parley.outbox where last_error like '%%too long%%'",
                      wanted=lambda count: count > 0)
        assert database.value("select count(*) from parley.outbox where dead_at is null and due_at > now()") > 0
        assert gateway.stop() == 0


@pytest.mark.parametrize("urls,settings,words", [
    ("https://127.0.0.1/", {}, "a private address"),
    ("https://[::ffff:10.0.0.1]/", {}, "a private address"),
    ("https://169.254.169.254/latest", {}, "a private address"),
    ("http://hooks.example/", {}, "only https"),
    ("https://hooks.example/,https://hooks.example/", {}, "number 2: the same"),
    ("https://hooks.example/", {"WEBHOOK_SECRETS": None}, "WEBHOOK_SECRETS is required"),
    ("https://hooks.example/", {"WEBHOOK_SECRETS": "whsec_c2hvcnQ="}, "WEBHOOK_SECRETS: one of them"),
    ("ftp://hooks.example/", {}, "number 1"),
])
def test_what_can_t_be_used_is_told_before_anything_is_sent(urls, settings, words):
    answer = command("config", "check", **{"DATABASE_URL": "postgres://127.0.0.1/none", "AUTH_JWT_SECRET": "x" * 40,
                                           "WEBHOOK_URLS": urls, "WEBHOOK_SECRETS": secret(), **settings})
    assert answer.returncode == 78 and words in answer.stderr, answer
    assert "hooks.example" not in answer.stderr
