"""Clients that send all the time, and keep account of what they were told."""

import collections
import queue
import threading
import time

from .chat import PATIENCE


class Senders:
    """`count` sockets of users of their own, each sending turns one after the other, and what is refused again with the
    same id. `answers` gets each answer's kind as it comes: "ack", or the code of an error."""

    def __init__(self, gateway, user, count=6, patience=2 * PATIENCE, content="message"):
        self.answers = queue.Queue()
        self.kept, self.codes, self.failures = {}, collections.Counter(), []
        self.longest = 0
        self.answered, self.refused = set(), set()
        self._stop = threading.Event()
        self._gateway, self._patience, self._content = gateway, patience, content
        self.names = [f"{user}-{n}" for n in range(count)]
        self._threads = [threading.Thread(target=self._guard, args=[name], daemon=True) for name in self.names]
        for thread in self._threads:
            thread.start()

    def _guard(self, name):
        try:
            with self._gateway.connect(name) as chat:
                self._run(chat, name)
        except Exception as error:  # noqa: BLE001 the test tells it
            self.failures.append(f"{name}: {type(error).__name__}: {error}")
            self.answers.put("failed")

    def _run(self, chat, name):
        thread, number = None, 0
        while not self._stop.is_set():
            number += 1
            id, content = f"{name}/{number}"[-60:], f"{self._content} {number} of {name}"
            while True:
                chat.post(op="send", id=id, threadId=thread, content=content)
                asked = time.monotonic()
                answer = chat.until(lambda frame: frame.get("id") == id, timeout=self._patience)
                self.longest = max(self.longest, time.monotonic() - asked)
                self.answered.add(name)
                if answer["op"] == "ack":
                    break
                self.codes[answer["code"]] += 1
                self.refused.add(name)
                self.answers.put(answer["code"])
                if self._stop.is_set():
                    return
                # What the server asks for; a frame that comes meanwhile is taken.
                try:
                    chat.receive(timeout=answer.get("retryAfter", 1) / 4)
                except TimeoutError:
                    pass
            self.kept[id] = (answer["messageId"], content, name)
            self.answers.put("ack")
            thread = answer["threadId"]
            if answer["status"] != "duplicate":
                chat.end_of(answer["runId"], timeout=self._patience)

    def until(self, kind, count, timeout=60):
        """Waits for that many more answers of a kind, or of any; returns how many answers came."""
        deadline, seen = time.monotonic() + timeout, 0
        while count > 0:
            assert not self.failures, self.failures
            got = self.answers.get(timeout=max(deadline - time.monotonic(), 0.01))
            seen += 1
            count -= kind in (got, None)
        return seen

    def skip(self):
        """Forgets the answers that have come."""
        while not self.answers.empty():
            self.answers.get_nowait()

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(3 * self._patience)
            assert not thread.is_alive(), "a client still waits for an answer"
        assert not self.failures, self.failures

    def check(self, database):
        """What was acknowledged is stored, once; nothing is stored twice; whatever was not said `unavailable`."""
        assert set(self.codes) <= {"unavailable"}, self.codes
        rows = database.rows("select id::text, client_id, content, user_id from messages where role = 'user'"
                             " and user_id = any(%s)", self.names)
        stored = {client: (id, content, user) for id, client, content, user in rows}
        assert len(stored) == len(rows) == len({row[2] for row in rows}), "something is stored twice"
        lost = {id: kept for id, kept in self.kept.items() if stored.get(id) != kept}
        assert not lost, f"acknowledged and not stored: {lost}"
        replies = database.value("select count(*) from runs r where user_id = any(%s) and status = 'completed' and"
                                 " (select count(*) from messages m where m.run_id = r.id and m.role = 'assistant') <> 1",
                                 self.names)
        assert replies == 0, "a reply is stored twice, or not at all"
