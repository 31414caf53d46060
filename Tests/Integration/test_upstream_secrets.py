"""The API key appears in no log, error, metric or database row, whatever the upstream does with it."""

import json

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from kit.gateway import Gateway, command
from kit.upstream import KEY, Served

EVENTS = [
    f'data: {{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key","type":"{KEY}"}}}}\n\n',
    f'data: {{"error":"{KEY}"}}\n\n', f"event: error\ndata: {KEY}\n\n", f"data: {KEY}\n\n",
    f'data: {{"error":{{"code":"{KEY}","type":"{KEY}"}}}}\n\n', f": {KEY}\n\n",
]


@pytest.fixture(scope="module")
def upstream():
    """It gives the key away in every way that it can, one after the other."""
    seen = []

    async def answer(request):
        assert request.headers["authorization"] == f"Bearer {KEY}"
        seen.append(await request.json())
        number = len(seen) - 1
        if number < len(EVENTS):
            return StreamingResponse(iter([EVENTS[number]]), media_type="text/event-stream")
        number -= len(EVENTS)
        body = [f"no: {KEY}", json.dumps({"error": {"message": KEY, "code": KEY}}), json.dumps({"error": KEY})][number % 3]
        return PlainTextResponse(body, [401, 400, 500][number % 3], headers={"x-echo": KEY, "www-authenticate": KEY})

    served = Served(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    served.seen = seen
    yield served
    served.close()


def test_nowhere(database, upstream, user):
    # The address may hold a credential too.
    address = upstream.url.replace("http://", "http://somebody:url-password-to-hide@") + "/v1"
    gateway = Gateway(database, name="test_upstream_secrets", AGENT="chat-completions", AGENT_BASE_URL=address,
                      AGENT_API_KEY=KEY, AGENT_MODEL="m", AGENT_MAX_RETRIES=0, AGENT_BREAKER_FAILURES=0, LOG_LEVEL="trace")
    try:
        with gateway.connect(user) as chat:
            for _ in range(len(EVENTS) + 3):
                turn = chat.turn("hello")
                assert turn.end["type"] == "RUN_ERROR"
                assert turn.end["code"].startswith("upstream_"), turn.end
            frames = json.dumps(chat.frames)
        # And one that was asked again, without what is optional.
        assert len(upstream.seen) == len(EVENTS) + 3 + 1
        metrics = gateway.get("/metrics")[2].decode()
        assert gateway.stop() == 0
        log = "\n".join(gateway.process.lines)
    finally:
        gateway.remove()
    assert "invalid_api_key" in log, "the operator is not told what is wrong"
    places = {"frames": frames, "metrics": metrics, "log": log, "requests": json.dumps(upstream.seen)}
    for (table,) in database.do("select tablename from pg_tables where schemaname = 'parley'").fetchall():
        rows = database.do(f"select row_to_json(t)::text from parley.{table} t").fetchall()
        places[f"table {table}"] = "\n".join(row for (row,) in rows)
    assert places["table messages"] and places["table runs"]
    for place, text in places.items():
        for secret in (KEY, KEY[3:], "url-password-to-hide"):
            assert secret not in text, f"a secret is in {place}"


@pytest.mark.parametrize("settings, named", [
    ({"AGENT_API_KEY": f"{KEY}\r\nX-Evil: 1", "AGENT_BASE_URL": "http://127.0.0.1:1/v1"}, "AGENT_API_KEY"),
    ({"AGENT_API_KEY": KEY, "AGENT_BASE_URL": f"ftp://somebody:{KEY}@127.0.0.1/v1"}, "AGENT_BASE_URL"),
    ({"AGENT_API_KEY": KEY}, "AGENT_BASE_URL"),
    ({"AGENT_API_KEY": KEY, "AGENT_BASE_URL": "http://127.0.0.1:1/v1", "AGENT_MODEL": ""}, "AGENT_MODEL"),
])
def test_settings_that_cannot_be_used(database, settings, named):
    answer = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET="x" * 40, HTTP_PORT=0,
                     **{"AGENT": "chat-completions", "AGENT_MODEL": "m", **settings})
    assert answer.returncode == 78
    [line] = (answer.stdout + answer.stderr).strip().splitlines()
    assert named in line and KEY not in line
