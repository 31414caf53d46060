"""/metrics, /healthz, /readyz, the log lines, and the dashboard that is built on them."""

import json
import re

import pytest

from kit import TOP
from kit.figures import figures, grown, total
from kit.gateway import RESULTS, Gateway

TOKEN = "a-token-for-the-scraper"


def test_a_turn_is_counted(gateway, user):
    before = figures(gateway)
    with gateway.connect(user) as chat, gateway.connect(user):
        assert total(figures(gateway), "parley_sockets") - total(before, "parley_sockets") == 2
        assert total(figures(gateway), "parley_sessions") - total(before, "parley_sessions") == 1
        for _ in range(3):
            chat.turn("add milk")
    for name in ("parley_ack_seconds_count", "parley_turn_seconds_count", "parley_first_token_seconds_count"):
        assert grown(gateway, before, name, 3) == 3
    assert grown(gateway, before, "parley_runs_ended_total", 3, status="completed") == 3
    assert grown(gateway, before, "parley_sign_ins_total", 2, outcome="accepted") == 2
    assert grown(gateway, before, "parley_batch_rows_count", 3) >= 3
    assert grown(gateway, before, "parley_commit_seconds_count", 3) >= 3
    assert grown(gateway, before, "parley_deltas_total", 3) > 3
    assert grown(gateway, before, "parley_bytes_total", 1_000, direction="sent")
    assert grown(gateway, before, "parley_bytes_total", 100, direction="received")
    assert grown(gateway, before, "parley_http_responses_total", 1, **{"class": "2xx"})
    assert grown(gateway, before, "parley_loop_lag_seconds_count", 1)
    after = figures(gateway)
    assert total(after, "parley_runs", state="running") == 0 and total(after, "parley_runs", state="waiting") == 0
    assert total(after, "parley_pool_connections", state="idle") > 0
    assert total(after, "parley_ack_seconds_sum") < 60
    # Users and conversations add no series.
    assert set(after) == set(before)


def test_runs_by_state(database, user):
    gateway = Gateway(database, name="test_metrics_runs", AGENT="scripted", SCRIPTED_TOKENS=1000, SCRIPTED_PACE_MS=20,
                      COALESCE_MS=100)
    try:
        with gateway.connect(user) as chat:
            before = figures(gateway)
            turn = chat.turn("!tokens 200 1")
            events = sum(event["type"] == "TEXT_MESSAGE_CONTENT" for event in turn.events)
            assert grown(gateway, before, "parley_deltas_total", 200) == 200
            assert grown(gateway, before, "parley_merged_deltas_total", 1) == 200 - events
            thread = chat.send("hello")["threadId"]
            chat.send("more", thread=thread)
            now = figures(gateway)
            assert total(now, "parley_runs", state="running") == 1
            assert total(now, "parley_runs", state="waiting") == 1
            chat.post(op="cancel", threadId=thread)
            grown(gateway, now, "parley_runs_ended_total", 1, status="cancelled")
    finally:
        gateway.remove()


def test_refusals_are_counted(gateway, user):
    before = figures(gateway)
    path = f"/api/users/{user}/conversations"
    gateway.get(path)
    gateway.get(path, Authorization="Bearer x.y.z")
    gateway.get(path, Authorization=f"Bearer {gateway.token(user, ttl=-60)}")
    gateway.get(path, Authorization=f"Bearer {gateway.token(user)}", Origin="https://evil.example")
    for outcome in ("missing", "malformed", "expired", "origin"):
        assert grown(gateway, before, "parley_sign_ins_total", 1, outcome=outcome) == 1
    assert grown(gateway, before, "parley_http_responses_total", 4, **{"class": "4xx"}) == 4


def test_who_may_read_the_figures(gateway):
    for name in ("X-Forwarded-For", "Forwarded"):
        assert gateway.request("GET", "/metrics", headers={name: "127.0.0.1"})[0] == 403


def test_with_a_token(database):
    gateway = Gateway(database, name="test_metrics_token", METRICS_TOKEN=TOKEN)
    try:
        assert gateway.get("/metrics")[0] == 403
        assert gateway.get("/metrics", Authorization=f"Bearer {TOKEN}x")[0] == 403
        assert figures(gateway, **{"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.1"})
        gateway.stop()
        assert TOKEN not in (RESULTS / "test_metrics_token.log").read_text()
    finally:
        gateway.remove()


def test_ready_says_why_not(database):
    gateway = Gateway(database, name="test_metrics_ready")
    try:
        assert gateway.get("/healthz")[0] == 200
        assert json.loads(gateway.get("/readyz")[2]) == {"status": "ready"}
        database.do("update schema_migrations set checksum = 'x' || checksum where version = 1")
        gateway.ready_status(503)
        status, _, body = gateway.get("/readyz")
        assert json.loads(body)["reasons"] == ["migrations pending or changed"]
        assert gateway.get("/healthz")[0] == 200
        database.do("update schema_migrations set checksum = substr(checksum, 2) where version = 1")
        gateway.ready_status(200)
        for right in ("select on parley.messages {} parley_gateway", "insert on parley.runs {} parley",
                      "execute on function parley.accept_turns {} parley_gateway",
                      "usage on schema parley {} parley_gateway"):
            database.do("revoke " + right.format("from"))
            gateway.ready_status(503)
            assert json.loads(gateway.get("/readyz")[2])["reasons"] == ["database rights missing"], right
            database.do("grant " + right.format("to"))
            gateway.ready_status(200)
    finally:
        gateway.remove()


def test_log_lines(database, user):
    gateway = Gateway(database, name="test_metrics_log", LOG_FORMAT="json")
    marker = "zebra-in-the-content"
    try:
        token = gateway.token(user)
        with gateway.connect(user) as chat:
            ack = chat.send(f"add {marker}")
            chat.end_of(ack["runId"])
            session = chat.ready["sessionId"]
            chat.post(op="auth", token=token)
            chat.until(lambda frame: frame.get("op") == "authenticated")
        _, headers, _ = gateway.get(f"/api/users/{user}/conversations?token={token}", Authorization=f"Bearer {token}")
        gateway.stop()
    finally:
        gateway.remove()
    text = (RESULTS / "test_metrics_log.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert len(lines) >= len(text.splitlines()) - 1, "all but the line for the operator are JSON"
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    assert [line for line in lines if line.get("user") == user and line.get("session") == session
            and line["message"] == "socket opened" and line["request"]]
    [ended] = [line for line in lines if line.get("run") == ack["runId"]]
    assert ended["user"] == user and ended["session"] == session and ended["status"] == "completed"
    [answered] = [line for line in lines if line.get("request") == headers["X-Request-Id"]]
    assert answered["status"] == "200" and answered["path"] == f"/api/users/{user}/conversations"
    # Neither what was said nor what somebody signs in with.
    assert marker not in text and "milk" not in text
    for secret in (token, token.rsplit(".", 1)[1], gateway.secret):
        assert secret not in text


def test_the_dashboard_shows_what_there_is(gateway):
    dashboard = json.loads((TOP / "deploy" / "grafana" / "parley.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(expressions) >= 15
    names = {name for name, _ in figures(gateway)}
    used = set()
    for expression in expressions:
        used |= set(re.findall(r"\bparley_[a-z_]+", expression))
    assert used and not used - names, used - names
    # And of all there is nothing is left out.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names if name.startswith("parley_")}
    assert not families - {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods(gateway, method):
    assert gateway.request(method, "/metrics")[0] == 405
