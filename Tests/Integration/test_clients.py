"""Clients that people use, each against `parley-bench echo`: from one byte to 16 MiB, compressed and not, plain and over TLS."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys

import pytest
import websocket
import websockets.sync.client

from kit.certificates import Certificate
from kit.echo import Echo
from kit.page import browser

SIZES = [1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20]
COMPRESSED = pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])

SCRIPT = """
const [url, sizes, done] = [%s];
const fail = (why) => done({error: String(why)});
try {
    const socket = new WebSocket(url), results = [];
    socket.binaryType = "arraybuffer";
    const text = (size) => "parley ".repeat(Math.ceil(size / 7)).slice(0, size);
    const bytes = (size) => Uint8Array.from({length: size}, (_, i) => i * 7 + (i >> 8));
    const queue = sizes.flatMap((size) => [text(size), bytes(size)]);
    const same = (a, b) => typeof a === "string" ? a === b
        : b instanceof ArrayBuffer && b.byteLength === a.length && new Uint8Array(b).every((byte, i) => byte === a[i]);
    socket.onopen = () => socket.send(queue[0]);
    socket.onmessage = (event) => {
        if (!same(queue[results.length], event.data)) return fail("message " + results.length + " came back changed");
        results.push(queue[results.length].length);
        if (results.length < queue.length) socket.send(queue[results.length]); else socket.close(4000, "done");
    };
    socket.onerror = (event) => fail(event.message || "error");
    socket.onclose = (event) => done({results, code: event.code, clean: event.wasClean, extensions: socket.extensions});
} catch (error) { fail(error); }
"""


@dataclasses.dataclass(frozen=True)
class Transport:
    """How clients come to the echo, and what each of them is told for it."""

    scheme: str
    echo: tuple = ()  # flags
    websockets: dict = dataclasses.field(default_factory=dict)  # keywords of connect
    websocket_client: dict = dataclasses.field(default_factory=dict)  # keywords of create_connection
    websocat: tuple = ()  # flags
    node: dict = dataclasses.field(default_factory=dict)  # environment


def plain(folder):
    return Transport("ws")


def encrypted(folder):
    """Its certificate is believed by those who can be told to, and by the others unseen."""
    certificate = Certificate(folder)
    return Transport(
        "wss", echo=certificate.flags,
        websockets={"ssl": ssl.create_default_context(cafile=certificate.chain)},
        websocket_client={"sslopt": {"ca_certs": certificate.chain}},
        websocat=("--insecure",), node={"NODE_EXTRA_CA_CERTS": str(certificate.chain)})


@pytest.fixture(scope="module", params=[plain, encrypted], ids=["ws", "wss"])
def transport(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def url(transport):
    """The echo's address, by whether it offers compression."""
    with Echo(*transport.echo) as compressing, Echo("--no-deflate", *transport.echo) as plain:
        yield {offers: f"{transport.scheme}://127.0.0.1:{echo.port}/"
               for offers, echo in ((True, compressing), (False, plain))}


def text_and_bytes(size):
    return ("parley " * (size // 7 + 1))[:size], os.urandom(size)


def check(result, compressed):
    assert "error" not in result, result
    assert result["results"] == [size for size in SIZES for _ in range(2)]
    assert result["code"] == 4000 and result["clean"]
    assert ("permessage-deflate" in result["extensions"]) == compressed


@COMPRESSED
def test_websockets(url, transport, compressed):
    with websockets.sync.client.connect(
            url[True], compression="deflate" if compressed else None, proxy=None, max_size=None,
            **transport.websockets) as connection:
        assert ("Sec-WebSocket-Extensions" in connection.response.headers) == compressed
        for size in SIZES:
            for message in text_and_bytes(size):
                connection.send(message)
                assert connection.recv(timeout=30) == message


def test_websocket_client(url, transport):
    """It has no compression."""
    connection = websocket.create_connection(url[True], timeout=30, **transport.websocket_client)
    for size in SIZES:
        text, data = text_and_bytes(size)
        connection.send(text)
        assert connection.recv() == text
        connection.send_binary(data)
        assert connection.recv() == data
    connection.close()


@pytest.mark.parametrize("size", SIZES)
def test_websocat(url, transport, size):
    """It has no compression, and takes a line for a message."""
    line = text_and_bytes(size)[0][:-1].encode() + b"\n"
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("websocat"), *transport.websocat, "-B", str(size + 1024), "-1", "-t",
         url[True]], input=line, capture_output=True, timeout=60)
    assert done.stdout == line, (done.stdout[:100], len(done.stdout), done.stderr[-300:])


@pytest.fixture(scope="module")
def chromium():
    with browser(believes_anybody=True) as page:
        yield page.driver


@COMPRESSED
def test_chromium(chromium, url, compressed):
    # A page of loopback may talk to loopback; any will do, and the echo says in one what it is.
    chromium.get(url[compressed].replace("ws", "http", 1))
    chromium.set_script_timeout(80)
    check(chromium.execute_async_script(
        SCRIPT % "arguments[0], arguments[1], arguments[2]", url[compressed], SIZES), compressed)


def node():
    """(program and flags, whether it has a WebSocket of its own) of the Node that is installed."""
    program = shutil.which("node")
    assert program, "there is no Node"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    major, minor = map(int, re.match(r"v(\d+)\.(\d+)", version).groups())
    if major >= 22:
        return [program], True
    if (major, minor) >= (20, 10):
        return [program, "--experimental-websocket"], True
    return [program], False


@COMPRESSED
def test_node(url, transport, compressed):
    """Its WebSocket where it has one: from 22 on, in 20 behind a flag. That older ones have none is looked at too."""
    program, has_one = node()
    if not has_one:
        done = subprocess.run([*program, "-p", "typeof WebSocket"], capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout.strip() == "undefined"
        return
    answer = "(result) => { console.log(JSON.stringify(result)); process.exit(0); }"
    script = SCRIPT % f"{json.dumps(url[compressed])}, {SIZES}, {answer}"
    done = subprocess.run([*program, "-e", script], env=os.environ | transport.node, capture_output=True, text=True,
                          timeout=80, check=True)
    result = json.loads(done.stdout)
    # Whether it asks for compression is its own matter; if so, it gets it.
    check(result, compressed and "permessage-deflate" in result.get("extensions", ""))
