"""OpenTelemetry: spans of requests and turns, by OTLP over HTTP with JSON, as its own messages read them."""

import base64
import http.server
import json
import socket
import threading
import time

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kit.chat import PATIENCE
from kit.dialect import Dialect
from kit.figures import figures
from kit.gateway import Gateway, command
from kit.upstream import KEY, closed_port

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Keeps the spans that it is sent; answers as `status` says."""

    def __init__(self):
        self.requests, self.status, self.condition = [], 200, threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.condition:
                    collector.requests.append((self.path, dict(self.headers.items()), body, collector.status))
                    collector.condition.notify_all()
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def messages(self):
        with self.condition:
            return [message(body) for _, _, body, status in self.requests if status == 200]

    def spans(self):
        return [span for each in self.messages() for part in each.resource_spans for scope in part.scope_spans
                for span in scope.spans]

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        with self.condition:
            while not condition(self.spans()):
                left = deadline - time.monotonic()
                assert left > 0, [span.name for span in self.spans()]
                self.condition.wait(left)
            return self.spans()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def message(body):
    """As protobuf reads it, unknown members refused. OTLP's JSON has ids in hexadecimal, protobuf's own in base64."""
    request = json.loads(body)
    for part in request["resourceSpans"]:
        for scope in part["scopeSpans"]:
            for span in scope["spans"]:
                for name, length in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
                    if name in span:
                        raw = bytes.fromhex(span[name])
                        assert len(raw) == length and any(raw)
                        span[name] = base64.b64encode(raw).decode()
    return json_format.ParseDict(request, ExportTraceServiceRequest())


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def chunk(finish=None, **delta):
    return {"data": {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                     "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}}


CALL = {"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "add_task", "arguments": json.dumps({"title": "a marker of what was said"})}}
ANSWERS = [
    {"nth": 1, "body": [chunk(role="assistant", tool_calls=[CALL]), chunk("tool_calls"), "data: [DONE]\n\n"]},
    {"nth": 2, "body": [chunk(role="assistant", content="Done, marker."), chunk("stop"), "data: [DONE]\n\n"]},
]


@pytest.fixture
def upstream():
    upstream = Dialect(ANSWERS)
    yield upstream
    upstream.close()


@pytest.fixture
def traced(database, collector):
    gateways = []

    def traced(**settings):
        gateways.append(Gateway(database, name="test_traces", **{
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": 50, **settings}))
        return gateways[-1]

    yield traced
    for gateway in gateways:
        gateway.remove()


def attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def has_turn(spans):
    return any(span.name == "turn" for span in spans)


def test_a_turn_and_its_parts(traced, collector, upstream, user):
    gateway = traced(AGENT="chat-completions", AGENT_BASE_URL=upstream.url, AGENT_API_KEY=KEY, AGENT_MODEL="m",
                     OTEL_SERVICE_NAME="chat", OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=te%20st,service.name=x",
                     OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b")
    with gateway.connect(user, headers={"traceparent": PARENT, "tracestate": "congo=t61, rojo=0f"}) as chat:
        turn = chat.turn("please remember this marker")
    spans = collector.wait(has_turn)
    by_name = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span)
    assert set(by_name) == {"GET /ws", "turn", "accept", "agent step", "tool", "end"}
    [request], [whole] = by_name["GET /ws"], by_name["turn"]
    assert {span.trace_id.hex() for span in spans} == {PARENT.split("-")[1]}
    assert request.parent_span_id.hex() == PARENT.split("-")[2] and request.kind == 2
    assert attributes(request) == {"http.request.method": "GET", "http.route": "/ws", "http.response.status_code": 101}
    assert whole.parent_span_id == request.span_id
    assert attributes(whole) == {"parley.thread": turn.thread, "parley.run": turn.run, "parley.status": "completed"}
    for name in ("accept", "agent step", "tool", "end"):
        for span in by_name[name]:
            assert span.parent_span_id == whole.span_id, name
            assert whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= whole.end_time_unix_nano
    assert [attributes(span)["parley.step"] for span in by_name["agent step"]] == [1, 2]
    assert attributes(by_name["tool"][0]) == {"gen_ai.tool.name": "add_task"}
    # The upstream goes on with the trace.
    given = [head["traceparent"] for head in upstream.heads]
    assert given == [f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in by_name["agent step"]]
    assert {head["tracestate"] for head in upstream.heads} == {"congo=t61,rojo=0f"} == {span.trace_state for span in spans}
    path, headers, body, _ = collector.requests[0]
    assert path == "/v1/traces" and headers["x-key"] == "a b" and headers["Content-Type"] == "application/json"
    resource = {each.key: each.value.string_value for each in collector.messages()[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "chat" and resource["deployment.environment.name"] == "te st"
    assert not [body for _, _, body, _ in collector.requests if b"marker" in body], "contents are nobody's business"


def test_an_answer_that_is_asked_for_again(traced, collector, user):
    gateway = traced()
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk")
        chat.post(op="regenerate", id="again", threadId=turn.thread, messageId=turn.message)
        spans = collector.wait(lambda spans: len([span for span in spans if span.name == "turn"]) == 2)
    first, second = [span for span in spans if span.name == "turn"]
    assert "parley.begins" not in attributes(first) and attributes(second)["parley.begins"] == "regenerated"
    parts = {span.name for span in spans if span.parent_span_id == second.span_id}
    assert {"accept", "end"} <= parts


def test_a_turn_over_http(traced, collector, user):
    gateway = traced()
    headers = {"Authorization": f"Bearer {gateway.token(user)}", "Content-Type": "application/json", "traceparent": PARENT}
    made = json.loads(gateway.request("POST", f"/api/users/{user}/conversations", "{}", headers)[2])
    path = f"/api/conversations/{made['id']}/messages"
    assert gateway.request("POST", path, json.dumps({"content": "hello"}), headers)[0] == 202
    spans = collector.wait(has_turn)
    [request] = [span for span in spans if span.name == "POST /api/conversations/{id}/messages"]
    [turn] = [span for span in spans if span.name == "turn"]
    assert turn.parent_span_id == request.span_id and turn.trace_id.hex() == PARENT.split("-")[1]
    assert user not in str(collector.requests)


def test_what_failed_says_so(traced, collector, user):
    gateway = traced(AGENT="chat-completions", AGENT_BASE_URL=f"http://127.0.0.1:{closed_port()}/v1", AGENT_MODEL="m",
                     AGENT_MAX_RETRIES=0)
    with gateway.connect(user) as chat:
        chat.turn("hello")
    spans = collector.wait(has_turn)
    for name in ("turn", "agent step"):
        [span] = [span for span in spans if span.name == name]
        assert span.status.code == 2 and attributes(span)["error.type"] == "upstream_unavailable"


@pytest.mark.parametrize("settings,parent,is_traced", [
    ({"OTEL_SDK_DISABLED": "true"}, None, False),
    ({"OTEL_TRACES_SAMPLER": "always_off"}, PARENT, False),
    ({"OTEL_TRACES_SAMPLER": "always_on"}, PARENT[:-2] + "00", True),
    ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, None, False),
    ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, PARENT, True),
    ({}, PARENT[:-2] + "00", False),
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, None, False),
    ({}, "00-00000000000000000000000000000000-b7ad6b7169203331-01", True),
])
def test_which_are_recorded(traced, collector, user, settings, parent, is_traced):
    gateway = traced(**settings)
    with gateway.connect(user, headers={"traceparent": parent} if parent else {}) as chat:
        chat.turn("hello")
    # What is left is sent at the end.
    assert gateway.stop() == 0
    assert has_turn(collector.spans()) == is_traced


def test_a_collector_that_is_away_holds_nobody_up(traced, collector, user):
    collector.status = 503
    gateway = traced(OTEL_BSP_MAX_QUEUE_SIZE=8, OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4)
    with gateway.connect(user) as chat:
        for _ in range(10):
            chat.turn("hello")
    assert figures(gateway)["parley_spans_total", (("outcome", "dropped"),)] > 0
    begun = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - begun < PATIENCE


def test_a_collector_that_never_answers_holds_up_no_stop(traced, user):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = traced(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
                         OTEL_EXPORTER_OTLP_TIMEOUT=600_000)
        with gateway.connect(user) as chat:
            chat.turn("hello")
        silent.settimeout(PATIENCE)
        silent.accept()
        assert gateway.stop() == 0


@pytest.mark.parametrize("settings,path", [
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "/"}, "/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "/otlp/"}, "/otlp/v1/traces"),
    # Written out whole where only the beginning is asked for: nobody means it twice.
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "/v1/traces"}, "/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "/otlp/v1/traces/"}, "/otlp/v1/traces"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "/own/?key=1"}, "/own/?key=1"),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ""}, "/"),
])
def test_where_they_go(traced, collector, user, settings, path):
    gateway = traced(**{name: collector.url + part for name, part in settings.items()})
    with gateway.connect(user) as chat:
        chat.turn("hello")
    assert gateway.stop() == 0
    assert {request[0] for request in collector.requests} == {path}


def test_what_is_left_is_sent_at_the_end(traced, collector, user):
    gateway = traced(OTEL_BSP_SCHEDULE_DELAY=600_000)
    with gateway.connect(user) as chat:
        chat.turn("hello")
    assert collector.requests == []
    assert gateway.stop() == 0
    assert has_turn(collector.spans())


@pytest.mark.parametrize("settings", [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, {"OTEL_TRACES_SAMPLER": "sometimes"},
    {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, {"OTEL_RESOURCE_ATTRIBUTES": "a"},
    {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0ac"},
])
def test_what_can_t_be_used_is_told(settings):
    answer = command("config", "check", **{"DATABASE_URL": "postgres://127.0.0.1/none", "AUTH_JWT_SECRET": "x" * 40,
                                           **settings})
    assert answer.returncode == 78 and next(reversed(settings)).rsplit("_ARG", 1)[0] in answer.stderr, answer
