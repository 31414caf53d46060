"""TLS as others see it: versions, ciphers, names, sessions, reloading, and what is refused."""

import http.client
import json
import select
import signal
import socket
import ssl
import subprocess
import time

import pytest
import websockets.sync.client

from kit.certificates import Certificate
from kit.echo import Echo
from kit.gateway import Gateway, command
from kit.raw import RawConnection


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def certificates(folder):
    return [Certificate(folder), Certificate(folder, "second", ["DNS:second.example", "DNS:*.third.example"])]


@pytest.fixture(scope="module")
def echo(certificates):
    with Echo(*certificates[0].flags, *certificates[1].flags) as echo:
        yield echo


def trusting(*certificates, version=None, **settings):
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate.chain)
    if version:
        context.minimum_version = context.maximum_version = version
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def shake_hands(port, context, name="localhost", **options):
    plain = socket.create_connection(("127.0.0.1", port), timeout=15)
    try:
        return context.wrap_socket(plain, server_hostname=name, **options)
    except Exception:
        plain.close()
        raise


def answer(secured):
    """Asks for something that is none: the status line of the refusal."""
    secured.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    received = b""
    while chunk := secured.recv(65536):
        received += chunk
    return received.split(b"\r\n")[0]


def names(secured):
    return [name for kind, name in secured.getpeercert()["subjectAltName"] if kind == "DNS"]


def s_client(port, *arguments, text=b""):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments], input=text,
                          capture_output=True, timeout=30)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


@pytest.mark.parametrize("version, name", [
    (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")], ids=["1.2", "1.3"])
def test_versions(echo, certificates, version, name):
    context = trusting(certificates[0], version=version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with shake_hands(echo.port, context) as secured:
        assert secured.version() == name
        assert secured.selected_alpn_protocol() == "http/1.1"
        assert secured.compression() is None
        assert "GCM" in secured.cipher()[0] or "CHACHA20" in secured.cipher()[0]
        assert answer(secured) == b"HTTP/1.1 426 Upgrade Required"


@pytest.mark.parametrize("arguments", [
    ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
    ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"], ["-alpn", "h2"],
], ids=["TLS 1.1", "TLS 1.0", "CBC", "no forward secrecy", "nobody's", "ALPN h2 alone"])
def test_what_is_not_spoken(echo, arguments):
    code, output = s_client(echo.port, *arguments)
    assert code != 0 and "alert" in output, output


def test_renegotiation(echo):
    """A client that asks for it is told no, in time for nothing to have been sent again."""
    code, output = s_client(echo.port, "-tls1_2", text=b"R\n")
    assert "RENEGOTIATING" in output and "no renegotiation" in output, output


@pytest.mark.parametrize("name, expected", [
    ("localhost", ["localhost"]), ("second.example", ["second.example", "*.third.example"]),
    ("a.third.example", ["second.example", "*.third.example"]), ("unknown.example", ["localhost"]), (None, ["localhost"]),
])
def test_names(echo, certificates, name, expected):
    context = trusting(*certificates, check_hostname=False)
    with shake_hands(echo.port, context, name) as secured:
        assert names(secured) == expected


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_sessions(echo, certificates, version):
    """Taken up again, for each name its own, and not by a client that changes the ticket's name."""
    context = trusting(*certificates, version=version)
    for name in ("localhost", "second.example"):
        with shake_hands(echo.port, context, name) as first:
            assert not first.session_reused
            answer(first)  # With TLS 1.3 the ticket comes after the handshake.
            session = first.session
        for _ in range(2):
            with shake_hands(echo.port, context, name, session=session) as again:
                assert again.session_reused
                assert answer(again) == b"HTTP/1.1 426 Upgrade Required"


def test_reload(folder):
    """SIGHUP: new connections get the new certificate, open sockets and old sessions go on, and what is bad is refused."""
    certificate = Certificate(folder, "changing")
    with Echo(*certificate.flags) as echo:
        context = trusting(certificate, version=ssl.TLSVersion.TLSv1_2)

        def served():
            loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
            with shake_hands(echo.port, loose) as secured:
                return secured.getpeercert(True)

        def reload(line):
            seen = len(echo.process.lines)
            echo.process.signal(signal.SIGHUP)
            return echo.process.line(line, start=seen)

        with shake_hands(echo.port, context) as first:
            session = first.session
        before = served()
        with websockets.sync.client.connect(
                f"wss://localhost:{echo.port}/", sock=socket.create_connection(("127.0.0.1", echo.port)),
                ssl=trusting(certificate), proxy=None) as open_one:
            certificate.make(["DNS:localhost", "DNS:new.example"])
            assert served() == before
            reload("certificates read again")
            after = served()
            assert after != before
            certificate.key.write_text("nothing")
            line = reload("certificates not changed")
            assert "changing.key has no private key that can be used" in line
            assert served() == after
            with shake_hands(echo.port, context, session=session) as again:
                assert again.session_reused
            open_one.send("still here")
            assert open_one.recv(timeout=15) == "still here"


def test_slow_handshakes(certificates):
    """A byte now and then is cut when the time is over, which goes on counting behind the handshake."""
    with Echo("--handshake-ms", "700", *certificates[0].flags) as echo:
        with RawConnection(echo) as raw:
            sent = 0
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
                try:
                    raw.send(bytes([byte]))
                except (BrokenPipeError, ConnectionResetError):
                    break
                sent += 1
                if select.select([raw.socket], [], [], 0.02)[0]:
                    break
            assert sent < 500
            assert raw.ended() == b""
        with shake_hands(echo.port, trusting(certificates[0])) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            received = b""
            while chunk := secured.recv(65536):
                received += chunk
            assert received.startswith(b"HTTP/1.1 408 ")


def test_plain_text_on_the_port(echo):
    with RawConnection(echo) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        # An alert and the end; not a word of HTTP.
        assert raw.rest()[:1] in (b"\x15", b"")


def test_flood(certificates):
    """Hundreds of clients that connect and say nothing, and as many that shake hands and leave, hold nobody up."""
    with Echo(*certificates[0].flags) as echo:
        context = trusting(certificates[0])
        with websockets.sync.client.connect(
                f"wss://localhost:{echo.port}/", sock=socket.create_connection(("127.0.0.1", echo.port)), ssl=context,
                proxy=None) as open_one:
            silent = [socket.create_connection(("127.0.0.1", echo.port)) for _ in range(1_100)]
            hellos = []
            for _ in range(200):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                with pytest.raises(ssl.SSLWantReadError):
                    context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
                peer = socket.create_connection(("127.0.0.1", echo.port))
                peer.sendall(outgoing.read())
                hellos.append(peer)
            open_one.send("still here")
            assert open_one.recv(timeout=15) == "still here"
            # 1024 at once: the oldest have gone.
            silent[0].settimeout(15)
            assert silent[0].recv(1) == b""
            for peer in silent + hellos:
                peer.close()


@pytest.fixture(scope="module")
def gateway(database, certificates):
    gateway = Gateway(database, name="test_tls", TLS_CERTIFICATE=", ".join(str(one.chain) for one in certificates),
                      TLS_PRIVATE_KEY=",".join(str(one.key) for one in certificates))
    try:
        yield gateway
    finally:
        gateway.remove()


def test_a_turn(gateway, certificates):
    """Users of all shards: sockets move between them with their TLS."""
    context = trusting(certificates[0])
    for number in range(4):
        with websockets.sync.client.connect(
                f"wss://localhost:{gateway.port}/ws", ssl=context, proxy=None,
                sock=socket.create_connection(("127.0.0.1", gateway.port)),
                additional_headers={"Authorization": f"Bearer {gateway.token(f'tls-{number}')}"}) as connection:
            connection.send("add buy milk")
            seen = []
            while not seen or seen[-1].get("type") != "RUN_FINISHED":
                seen.append(json.loads(connection.recv(timeout=15)))
            assert any(event.get("type") == "TOOL_CALL_RESULT" for event in seen)


def test_sessions_of_all_shards(gateway, certificates):
    """Whichever shard accepts, it takes the session up."""
    context = trusting(certificates[0], version=ssl.TLSVersion.TLSv1_2)
    with shake_hands(gateway.port, context) as first:
        session = first.session
    for _ in range(12):
        with shake_hands(gateway.port, context, session=session) as again:
            assert again.session_reused


def test_the_gateway_reloads(gateway, certificates):
    assert gateway.process.line("listening on ").split()[-1].startswith("https://")
    seen = len(gateway.process.lines)
    gateway.process.signal(signal.SIGHUP)
    gateway.process.line("certificates read again", start=seen)
    connection = http.client.HTTPSConnection("localhost", gateway.port, context=trusting(certificates[0]), timeout=15)
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Strict-Transport-Security"].startswith("max-age=")
    connection.close()


@pytest.mark.parametrize("settings, text", [
    ({"TLS_CERTIFICATE": "/nowhere"}, "TLS_CERTIFICATE names 1 and TLS_PRIVATE_KEY 0"),
    ({"TLS_PRIVATE_KEY": "/nowhere"}, "TLS_CERTIFICATE names 0 and TLS_PRIVATE_KEY 1"),
    ({"TLS_CERTIFICATE": "/nowhere", "TLS_PRIVATE_KEY": "/nowhere"}, "TLS_CERTIFICATE: /nowhere can't be read"),
])
def test_settings_that_can_not_be_used(database, settings, text):
    done = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET="x" * 32, HTTP_PORT=0, **settings)
    assert done.returncode == 78 and text in done.stderr, (done.returncode, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
