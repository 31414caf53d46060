"""A TCP relay on loopback between all clients and the gateways, which can stall bytes, cut connections by RST, and
tamper with one text delta. With several gateways it is what a balancer is: it sends a user to one of them."""

import asyncio
import base64
import json
import socket
import struct

_RESET = struct.pack("ii", 1, 0)
_BUFFER = 32 * 1024
"""Small, so that a stalled client is one to the gateway soon."""


class _End(asyncio.Protocol):
    """One side of a link."""

    def __init__(self, link):
        self.link, self.transport, self.other = link, None, None

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data):
        self.link.relay(self, data)

    def eof_received(self):
        self.link.close()
        return False

    def connection_lost(self, reason):
        self.link.close()

    def pause_writing(self):
        self.other.hold("full")

    def resume_writing(self):
        self.other.release("full")

    # Reading stops as long as there is any reason for it.
    def hold(self, reason):
        self._reasons().add(reason)
        if self.transport and not self.transport.is_closing():
            self.transport.pause_reading()

    def release(self, reason):
        self._reasons().discard(reason)
        if not self._reasons() and self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def _reasons(self):
        return self.__dict__.setdefault("reasons", set())


class Link:
    """A client's connection and the one to the gateway."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.client, self.server = _End(self), _End(self)
        self.client.other, self.server.other = self.server, self.client
        self.early, self.is_closed, self.tamper = [], False, None
        self.is_waiting, self.port = False, None
        """Whether it waits to hear whose it is, before it is connected; where it goes."""

    async def connect(self, port):
        self.port = port
        try:
            connection = socket.socket()
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            loop = asyncio.get_running_loop()
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
                await loop.create_connection(lambda: self.server, sock=connection)
            except BaseException:
                connection.close()
                raise
        except OSError:
            return self.close()
        if self.is_closed:
            self.server.transport.abort()
            return
        for data in self.early:
            self.server.transport.write(data)
        self.early = []

    def relay(self, end, data):
        if end is self.client:
            if self.server.transport is None:
                self.early.append(data)
                if self.is_waiting and (user := _user(b"".join(self.early))):
                    self.is_waiting = False
                    self.proxy.connect(self, self.proxy.balancer.port(user))
            elif not self.server.transport.is_closing():
                self.server.transport.write(data)
            return
        if self.tamper:
            data = self.tamper.feed(data)
        if data and self.client.transport and not self.client.transport.is_closing():
            self.client.transport.write(data)

    def close(self):
        """What has not been passed on is lost, as with a line that goes dead."""
        if self.is_closed:
            return
        self.is_closed = True
        self.proxy.links.discard(self)
        for end in (self.client, self.server):
            if end.transport:
                end.transport.close() if end is self.client else end.transport.abort()

    def cut(self):
        """RST to both sides."""
        if self.is_closed:
            return
        self.is_closed = True
        self.proxy.links.discard(self)
        for end in (self.client, self.server):
            if end.transport and not end.transport.is_closing():
                end.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()

    def stall(self, sides="both"):
        for end, name in ((self.client, "client"), (self.server, "server")):
            if sides in ("both", name):
                end.hold("stalled")

    def resume(self):
        for end in (self.client, self.server):
            if not self.is_closed:
                end.release("stalled")


def _user(head):
    """Whose request it is, by the token in its header; `None` as long as the header is not whole."""
    lines, mark, _ = head.partition(b"\r\n\r\n")
    if not mark:
        return None
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"authorization":
            claims = value.split(b".")[1]
            return json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))["sub"]
    return None


class Balancer:
    """Where a user's connections go: to the same one of several ports, as long as it is up."""

    def __init__(self, random, ports):
        self._random, self.ports, self._down = random, list(ports), set()
        self._homes = {}

    def port(self, user):
        home = self._homes.get(user)
        if home is None or home in self._down:
            up = [place for place in range(len(self.ports)) if place not in self._down]
            home = self._homes[user] = self._random.choice(up or range(len(self.ports)))
        return self.ports[home]

    def down(self, place):
        """It answers no more: who went there goes elsewhere from now on, and stays."""
        self._down.add(place)

    def up(self, place, port):
        self._down.discard(place)
        self.ports[place] = port


class Proxy:
    def __init__(self):
        self.links, self.target, self.port, self.tamper, self.balancer = set(), None, None, None, None
        """`tamper`: makes the Tamper of a new link. `balancer`: chooses where one goes; otherwise all go to `target`."""
        self._server, self._connecting = None, set()

    async def start(self):
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self):
        link = Link(self)
        self.links.add(link)
        if self.tamper:
            link.tamper = self.tamper()
        if self.balancer:
            link.is_waiting = True
        else:
            self.connect(link, self.target)
        return link.client

    def connect(self, link, port):
        task = asyncio.ensure_future(link.connect(port))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def chosen(self, random, share):
        """A part of the links, the same for the same seed as far as the links are."""
        links = [link for link in self.links if link.client.transport]
        links.sort(key=lambda link: (link.client.transport.get_extra_info("peername") or ("", 0))[1])
        return random.sample(links, round(len(links) * share))

    async def stop(self):
        self._server.close()
        for link in list(self.links):
            link.cut()
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)


class Tamper:
    """Changes one text delta on its way to a client: `drop` leaves the event out, `double` says its text twice.

    Reads uncompressed frames of a server: not masked, and not fragmented by this gateway.
    """

    def __init__(self, how, budget, skip=3):
        self.how, self.budget, self.skip = how, budget, skip
        """`budget`: a list with one item for each delta to change, shared by all links."""
        self._buffer, self._is_open = b"", False

    def feed(self, data):
        self._buffer += data
        out = []
        if not self._is_open:
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                return b""
            out.append(head + mark)
            self._buffer, self._is_open = rest, True
        while (frame := self._frame()) is not None:
            head, payload = frame
            out.append(self._changed(head, payload))
        return b"".join(out)

    def _frame(self):
        data = self._buffer
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start or len(data) < start + size:
            return None
        self._buffer = data[start + size:]
        return data[:start], data[start:start + size]

    def _changed(self, head, payload):
        if not self.budget or b'"TEXT_MESSAGE_CONTENT"' not in payload:
            return head + payload
        if self.skip:
            self.skip -= 1
            return head + payload
        self.budget.pop()
        if self.how == "drop":
            return b""
        event = json.loads(payload)
        event["delta"] *= 2
        payload = json.dumps(event).encode()
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
        return head[:1] + length + payload
