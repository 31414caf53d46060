"""A client as a browser's tab is one: it holds a socket, comes back when it is lost, resumes by cursor, and sends again
what was not acknowledged."""

import asyncio
import json
import time

import websockets.exceptions
from websockets.asyncio.client import connect

from .records import Answer, Cancelled
from .view import ThreadView

RESEND = 2.5
"""Seconds without an answer on a living socket after which a message is sent again."""
UNEXPECTED_CLOSES = {1002, 1003, 1007, 1009, 1011, 4401, 4429}


class Account:
    """What the clients of one user have in common."""

    def __init__(self, user, token):
        self.user, self.token = user, token
        self.threads, self.clients = [], []


class Client:
    def __init__(self, name, account, round, plan, author, random, port):
        self.name, self.account, self.round, self.plan = name, account, round, plan
        self.author, self.random = author, random
        self.url = f"ws://127.0.0.1:{port}/ws"
        self.views = {}
        self.waiting = {}
        """id → (Sent, when it was last sent, on which socket)"""
        self.is_over = False
        self.sockets = 0
        self.socket = None
        self.epoch = None
        self.unfinished = set()
        """Runs that its last `ready` spoke of."""
        self._subscribing, self._cancelling, self._pings = {}, {}, {}
        self._operations = 0
        self._forgets_cursors = False
        self._changed = asyncio.Event()
        account.clients.append(self)

    # --- the socket

    async def live(self):
        compression = "deflate" if self.random.random() < self.plan.deflate else None
        headers = {"Authorization": f"Bearer {self.account.token}"}
        back_off = 0.05
        while not self.is_over:
            try:
                socket = await connect(
                    self.url, additional_headers=headers, subprotocols=["parley.v1"], compression=compression, proxy=None,
                    open_timeout=8, close_timeout=1, ping_interval=None, max_size=None, max_queue=None)
            except websockets.exceptions.InvalidStatus as refusal:
                back_off = max(back_off, self._refused(refusal.response))
            except (OSError, EOFError, TimeoutError, websockets.exceptions.WebSocketException):
                pass
            else:
                back_off = 0.05
                await self._use(socket)
            if not self.is_over:
                await asyncio.sleep(back_off * self.random.uniform(0.5, 1.5))
                back_off = min(back_off * 2, 0.6)

    def _refused(self, response):
        """How long to wait before the next try, at the least: a part of what is asked for, since a round is short."""
        seconds = response.headers.get("Retry-After", "")
        if response.status_code != 503 or not seconds.isdigit() or not 1 <= int(seconds) <= 5:
            self._report(f"the handshake was answered with {response.status_code}, Retry-After {seconds!r}")
            return 0
        self.round.refused += 1
        return min(int(seconds) * 0.3, 0.6)

    async def _use(self, socket):
        self.sockets += 1
        number = self.sockets
        try:
            async for text in socket:
                try:
                    self._received(socket, json.loads(text), number)
                except (ValueError, LookupError, TypeError, AttributeError) as reason:
                    self._report(f"a frame that can't be understood ({reason!r}): {text!r}")
        except (OSError, EOFError, websockets.exceptions.ConnectionClosed):
            pass
        finally:
            if socket.close_code in UNEXPECTED_CLOSES:
                self._report(f"the socket was closed with {socket.close_code} {socket.close_reason!r}")
            socket.transport.abort()
            self.socket = None
            self._subscribing, self._cancelling, self._pings = {}, {}, {}
            for view in self.views.values():
                view.socket_lost()
                view.frames.append((time.monotonic(), number, "socket lost"))
            self._changed.set()

    def drop(self):
        if self.socket:
            self.socket.transport.abort()

    def end(self):
        self.is_over = True
        self.drop()

    def _post(self, frame):
        """Never waits: what is written here fits any buffer, and a dead socket's reader notices by itself."""
        thread = frame.get("threadId")
        if thread in self.views:
            self.views[thread].frames.append((time.monotonic(), self.sockets, {"sent": frame}))
        if self.socket:
            asyncio.ensure_future(self._write(self.socket, json.dumps(frame)))

    async def _write(self, socket, text):
        try:
            await socket.send(text)
        except (OSError, websockets.exceptions.ConnectionClosed):
            pass

    def _operation(self):
        self._operations += 1
        return f"o{self._operations}"

    def _report(self, what, thread=None):
        self.round.violations.append((f"{self.name}: {what}", self.account.user, thread))

    # --- what it does

    def send(self, thread=None, sent=None):
        if sent is None:
            sent = self.author.message(self.account.user, thread)
            self.round.sent[(sent.user, sent.id)] = sent
        sent.senders.add(self.name)
        self.waiting.setdefault(sent.id, (sent, 0, 0))
        self._offer(sent)
        return sent

    def _offer(self, sent):
        if self.socket is None:
            return
        sent.attempts.append(self.round.tick())
        self.waiting[sent.id] = (sent, time.monotonic(), self.sockets)
        frame = {"op": "send", "id": sent.id, "content": sent.content}
        if sent.thread:
            frame["threadId"] = sent.thread
        if sent.policy != "enqueue":
            frame["policy"] = sent.policy
        self._post(frame)

    def cancel(self, thread, run=None):
        id = self._operation()
        self._cancelling[id] = thread
        self._post({"op": "cancel", "id": id, "threadId": thread, **({"runId": run} if run else {})})

    def follow(self, thread):
        view = self._view(thread)
        if self.socket is None or view.is_live or thread in self._subscribing.values():
            return
        id = self._operation()
        self._subscribing[id] = thread
        frame = {"op": "subscribe", "id": id, "threadId": thread}
        if view.after and not self._forgets_cursors:
            frame["after"] = view.after
            view.may_resume = True
        self._post(frame)

    def _view(self, thread):
        view = self.views.get(thread)
        if view is None:
            view = self.views[thread] = ThreadView(self.name, self.account.user, thread)
            self.round.views.append(view)
        return view

    async def act(self, ends):
        """The load, until it is over. The pauses are its pace."""
        while (now := time.monotonic()) < ends:
            pause = self.random.expovariate(1 / self.plan.pause)
            await asyncio.sleep(min(pause, ends - now))
            if self.socket is not None and time.monotonic() < ends:
                self._act_once()

    def _act_once(self):
        self._resend_stale()
        random = self.random
        if random.random() < self.plan.drop:
            return self.drop()
        threads = self.account.threads
        running = [view for view in self.views.values() if view.is_live and view.run]
        what = random.choices(("send", "several", "cancel", "again", "twins", "fresh"), (62, 9, 14, 5, 5, 5))[0]
        if what == "cancel" and running:
            view = random.choice(running)
            return self.cancel(view.thread, view.run if random.random() < 0.5 else None)
        if what == "again":
            known = [sent for sent in self.round.sent.values() if sent.user == self.account.user and sent.acks]
            if known:
                self.send(sent=random.choice(known))
            return
        thread = random.choice(threads) if threads and random.random() < len(threads) / self.plan.threads else None
        if what == "twins":
            sent = self.author.message(self.account.user, thread)
            sent.policy = "enqueue"
            self.round.sent[(sent.user, sent.id)] = sent
            self.send(sent=sent)
            other = random.choice(self.account.clients)
            if other is not self:
                other.send(sent=sent)
            return
        if what == "fresh":
            self._forgets_cursors = True
            return self.drop()
        for _ in range(random.randint(2, 5) if what == "several" else 1):
            self.send(thread)

    def _resend_stale(self):
        now = time.monotonic()
        for sent, at, number in list(self.waiting.values()):
            if number != self.sockets or now - at > RESEND:
                self._offer(sent)

    # --- the quiet end

    def come_back(self):
        """Before the end some clients come back with their cursors, some with none."""
        chance = self.random.random()
        if chance < 0.45:
            self._forgets_cursors = chance < 0.2
            self.drop()

    @property
    def is_settled(self):
        return self.socket is not None and not self.waiting and all(view.is_live for view in self.views.values())

    async def settle(self):
        """Until everything is acknowledged and every thread followed, and what was said up to then has arrived."""
        while True:
            if self.is_settled:
                id = self._operation()
                self._pings[id] = False
                self._post({"op": "ping", "id": id})
                while self.is_settled and self._pings.get(id) is False:
                    await self._news()
                if self.is_settled and self._pings.get(id):
                    return
            elif self.socket is not None:
                self._resend_stale()
                for thread in self.views:
                    self.follow(thread)
            await self._news()

    async def idle(self):
        while not self.is_settled or any(view.run for view in self.views.values()):
            await self.settle()
            if any(view.run for view in self.views.values()):
                await self._news()

    async def _news(self):
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), 0.2)
        except TimeoutError:
            pass

    # --- what comes

    def _received(self, socket, frame, number):
        now = time.monotonic()
        thread = frame.get("threadId")
        if self.socket is not socket and frame.get("op") != "ready":
            self._report(f"a frame before `ready`: {frame}", thread)
        if "type" in frame:
            thread = frame["metadata"]["parley"]["threadId"]
            view = self._view(thread)
            view.frames.append((now, number, frame))
            view.event(frame, self.epoch, now)
            if view.run is None:
                self._changed.set()
            return
        if thread and (thread in self.views or frame["op"] != "thread"):
            self._view(thread).frames.append((now, number, frame))
        handler = getattr(self, "_on_" + frame["op"].lower(), None)
        if handler is None:
            return self._report(f"unexpected frame {frame}")
        if frame["op"] == "ready":
            self.socket = socket
        handler(frame)
        self._changed.set()

    def _on_ready(self, frame):
        self.epoch = frame["epoch"]
        self.round.epochs.add(self.epoch)
        self.unfinished = {run["runId"] for run in frame["runs"]}
        if frame["userId"] != self.account.user:
            self._report(f"ready for another user: {frame}")
        for thread in self.views:
            self.follow(thread)
        self._forgets_cursors = False
        # Some wait with their messages for the end of the catch-up, some do not.
        if self.random.random() < 0.5:
            self._resend_stale()

    def _on_ack(self, frame):
        id = frame["id"]
        if id in self._cancelling:
            thread = self._cancelling.pop(id)
            status, run, view = frame["status"], frame.get("runId"), self._view(thread)
            self.round.cancelled.append(Cancelled(self.name, thread, run, status))
            if status == "cancelled" and view.is_live and view.run is not None and view.run == run:
                view.complaints.append(f"the cancel of {run} was answered before the run's end was said")
            return
        sent = self.round.sent.get((self.account.user, id))
        if sent is None:
            return self._report(f"an ack to nothing: {frame}", frame.get("threadId"))
        sent.answers.append(Answer(self.round.tick(), self.name, frame["status"], None, frame["threadId"],
                                   frame["messageId"], frame["runId"]))
        self.waiting.pop(id, None)
        thread = frame["threadId"]
        if thread not in self.account.threads:
            self.account.threads.append(thread)
        is_first = sent.thread is None and len(sent.attempts) == 1 and frame["status"] == "running"
        self._view(thread).joined(is_new=is_first)

    def _on_error(self, frame):
        id, code = frame.get("id"), frame["code"]
        if id in self._cancelling:
            thread = self._cancelling.pop(id)
            if code != "unavailable":
                self._report(f"a cancel was refused: {frame}", thread)
        elif id in self._subscribing:
            thread = self._subscribing.pop(id)
            self._view(thread).frames.append((time.monotonic(), self.sockets, frame))
            self._view(thread).not_subscribed()
            if code != "unavailable":
                self._report(f"a thread that was acknowledged can't be followed: {frame}", thread)
        elif (sent := self.round.sent.get((self.account.user, id))) is not None:
            if sent.thread in self.views:
                self.views[sent.thread].frames.append((time.monotonic(), self.sockets, frame))
            sent.answers.append(Answer(self.round.tick(), self.name, error=code))
            if sent.refused:
                self.waiting.pop(id, None)
            elif code == "unavailable":
                self._offer_later(sent)
            else:
                self.waiting.pop(id, None)
                self._report(f"a message was refused: {frame}", sent.thread)
        else:
            self._report(f"an error to nothing: {frame}")

    def _offer_later(self, sent):
        """As `unavailable` asks for, though sooner than `retryAfter`: a round is short."""
        number = self.sockets

        def again():
            if sent.id in self.waiting and self.sockets == number:
                self._offer(sent)

        asyncio.get_running_loop().call_later(self.random.uniform(0.2, 0.5), again)

    def _on_snapshot(self, frame):
        self._view(frame["threadId"]).snapshot(frame)

    def _on_subscribed(self, frame):
        # One that was not asked for: the history had changed.
        if "id" in frame and self._subscribing.pop(frame["id"], None) != frame["threadId"]:
            self._report(f"subscribed to something else: {frame}", frame["threadId"])
        self._view(frame["threadId"]).subscribed(frame)

    def _on_thread(self, frame):
        thread = frame["threadId"]
        if thread not in self.account.threads:
            self.account.threads.append(thread)
            if self.random.random() < 0.3:
                self.follow(thread)

    def _on_pong(self, frame):
        if frame["id"] in self._pings:
            self._pings[frame["id"]] = True

    def _on_draining(self, frame):
        pass
