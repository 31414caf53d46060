"""An assistant behind https: who is believed, what a failure looks like, and the way through a proxy."""

import pytest

from kit.gateway import Gateway, command
from kit.tls import Authority, ConnectProxy, TLSFront
from kit.upstream import KEY, LLM, says


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
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def front(server, authority, request):
    names = getattr(request, "param", "DNS:localhost,DNS:upstream.test")
    front = TLSFront(authority.certificate("server", names), server.server.port)
    yield front
    front.close()


def gateway_to(database, name, url, **settings):
    return Gateway(database, name=f"test_upstream_tls_{name}", AGENT="chat-completions", AGENT_BASE_URL=url, AGENT_MODEL="m",
                   AGENT_API_KEY=KEY, AGENT_MAX_RETRIES=0, AGENT_BREAKER_FAILURES=0, **settings)


def unavailable(turn, word):
    assert turn.end["type"] == "RUN_ERROR" and turn.end["code"] == "upstream_unavailable", turn.end
    assert word in turn.end["message"] and KEY not in turn.end["message"], turn.end


def test_an_authority_of_ones_own(database, front, authority, llm, user):
    gateway = gateway_to(database, "own", f"https://localhost:{front.port}/v1", AGENT_CA_FILE=authority.file)
    try:
        with gateway.connect(user) as chat:
            llm.script(says("Hello over TLS", times=2))
            turn = chat.turn("hi")
            assert turn.text == "Hello over TLS"
            # The connection serves again: no second handshake.
            assert chat.turn("hi again", thread=turn.thread).text == "Hello over TLS"
            assert front.names == ["localhost"]
            # Cut in the middle, without the end that TLS has: no complete answer, whatever had come.
            front.cut_after = 700
            gateway.stop()
            gateway.start()
        with gateway.connect(user) as chat:
            llm.script(says("one two three four five six seven eight nine ten"))
            turn = chat.turn("hi", thread=turn.thread)
            assert turn.end["code"] == "upstream_truncated", turn.end
            front.cut_after = None
            llm.reset()
            llm.script(says("there again"))
            assert chat.turn("hi", thread=turn.thread).text == "there again"
    finally:
        gateway.remove()


@pytest.mark.parametrize("front, trusts, word", [
    ("DNS:localhost", False, "certificate"), ("DNS:elsewhere.test", True, "hostname"),
], indirect=["front"], ids=["unknown authority", "another name"])
def test_who_is_not_believed(database, front, authority, llm, user, trusts, word):
    gateway = gateway_to(database, "doubt", f"https://localhost:{front.port}/v1",
                         AGENT_CA_FILE=authority.file if trusts else None)
    try:
        with gateway.connect(user) as chat:
            unavailable(chat.turn("hi"), word)
        assert not llm.requests(), "the request was sent to a stranger"
    finally:
        gateway.remove()


def test_a_server_without_tls(database, server, llm, user):
    gateway = gateway_to(database, "plain", f"https://localhost:{server.server.port}/v1")
    try:
        with gateway.connect(user) as chat:
            unavailable(chat.turn("hi"), "TLS")
        assert not llm.requests()
    finally:
        gateway.remove()


@pytest.mark.parametrize("refuses", [None, 407, 502])
def test_through_a_proxy(database, front, authority, llm, user, refuses):
    proxy = ConnectProxy(front.port, credential="somebody:proxy-password", refuses=refuses)
    gateway = gateway_to(database, "proxy", "https://upstream.test/v1", AGENT_CA_FILE=authority.file,
                         HTTPS_PROXY=f"http://somebody:proxy-password@127.0.0.1:{proxy.port}")
    try:
        llm.script(says("by a detour"))
        with gateway.connect(user) as chat:
            turn = chat.turn("hi")
            if refuses:
                unavailable(turn, str(refuses))
                assert not llm.requests()
            else:
                assert turn.text == "by a detour"
                # TLS runs end to end, and the name is the proxy's to look up.
                assert front.names == ["upstream.test"]
        assert proxy.asked == ["CONNECT upstream.test:443 HTTP/1.1"]
        gateway.stop()
        assert "proxy-password" not in "\n".join(gateway.process.lines)
    finally:
        gateway.remove()
        proxy.close()


def test_a_file_that_is_none(database, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing\n")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        answer = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET="x" * 40, HTTP_PORT=0,
                         AGENT="chat-completions", AGENT_MODEL="m", AGENT_BASE_URL="https://localhost/v1",
                         AGENT_CA_FILE=path)
        assert answer.returncode == 78
        [line] = (answer.stdout + answer.stderr).strip().splitlines()
        assert "AGENT_CA_FILE" in line and str(path) in line
