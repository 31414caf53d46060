"""What the clients saw against what the database holds. Pure: a Round and its Rows in, violations out."""

import json
from collections import Counter, defaultdict

from .records import Violation

CHECKPOINT_LIMIT = 3.0
"""Seconds of streamed text that a killed gateway may take with it. It promises 1; the rest is for a busy machine."""

_OF_REPLIES = {"completed": "complete", "cancelled": "cancelled", "failed": "failed", "interrupted": "interrupted"}
"""A run's status → that of its assistant messages."""
TERMINAL = set(_OF_REPLIES)
_SUCCESS, _CANCELLED = "success", "cancelled"


def check(round, rows):
    return _Check(round, rows).all()


def _in_order(messages):
    """As they are shown: question by question, each with what its run has said, in the order of storage."""
    said = defaultdict(list)
    for message in messages:
        if message["role"] != "user":
            said[message["run"]].append(message)
    asked = {message["run"] for message in messages if message["role"] == "user"}
    for message in messages:
        if message["role"] == "user":
            yield message
            yield from said[message["run"]]
        elif message["run"] not in asked:
            yield message


class _Check:
    def __init__(self, round, rows):
        self.round, self.rows, self.found = round, rows, []
        self.messages = {message["id"]: message for message in rows.messages}
        self.threads = defaultdict(list)
        for message in rows.messages:
            self.threads[message["thread"]].append(message)
        self.runs = {run["id"]: run for run in rows.runs}
        self.by_key = {(m["user_id"], m["client_id"]): m for m in rows.messages if m["client_id"] is not None}
        self.operations = defaultdict(list)
        for operation in rows.operations:
            self.operations[operation["run"]].append(operation)

    def all(self):
        for what, user in self.rows.audit:
            self.bad(what, user)
        for sent in self.round.sent.values():
            self._sent(sent)
        self._order()
        self._history()
        self._runs()
        self._turns()
        self._left()
        self._tools()
        for cancelled in self.round.cancelled:
            self._cancelled(cancelled)
        for view in self.round.views:
            self._view(view)
        return self.found

    def bad(self, what, user=None, thread=None, evidence=None):
        self.found.append(Violation(what, user, thread, evidence))

    # --- messages

    def _sent(self, sent):
        def bad(what):
            thread = stored["thread"] if stored else sent.thread or next((ack.thread for ack in acks), None)
            self.bad(what, sent.user, thread, sent)

        stored, acks = self.by_key.get((sent.user, sent.id)), sent.acks
        copies = sum(1 for m in self.rows.messages if m["user_id"] == sent.user and m["client_id"] == sent.id) \
            if stored else 0
        if copies > 1:
            bad(f"message {sent.id} is stored {copies} times")
        if len({(ack.thread, ack.message, ack.run) for ack in acks}) > 1:
            bad(f"the acks to {sent.id} do not agree")
        if sum(ack.status != "duplicate" for ack in acks) > 1:
            bad(f"message {sent.id} was accepted twice")
        if len(sent.attempts) == 1 and any(ack.status == "duplicate" for ack in acks):
            bad(f"message {sent.id} was sent once and answered as a duplicate")
        for ack in acks[:1]:
            if stored is None:
                bad(f"message {sent.id} was acknowledged and is not stored")
            elif (stored["id"], stored["thread"]) != (ack.message, ack.thread):
                bad(f"message {sent.id} is stored as {stored['id']} in {stored['thread']}, not as its ack says")
            run = self.runs.get(ack.run)
            if stored is not None and (run is None or run["message"] != ack.message):
                bad(f"the run of {sent.id} is not the one of its ack, {ack.run}")
        if stored is not None:
            if stored["content"] != sent.content:
                bad(f"message {sent.id} is stored with another content: {stored['content']!r}")
            if sent.thread and stored["thread"] != sent.thread:
                bad(f"message {sent.id} is stored in another thread, {stored['thread']}")
            # With several senders one can be refused and another accepted.
            if sent.refused and not acks and len(sent.senders) == 1:
                bad(f"message {sent.id} was refused as {sent.refused[0].error} and is stored")
        if not sent.settled and sent.attempts:
            bad(f"message {sent.id} was never answered")

    def _order(self):
        """Who waited for an ack before the next message finds it behind, whatever client sent which."""
        threads = defaultdict(list)
        for sent in self.round.sent.values():
            stored = self.by_key.get((sent.user, sent.id))
            if stored is not None and sent.attempts and sent.acks:
                threads[stored["thread"]].append(
                    (sent.attempts[0], min(ack.at for ack in sent.acks), stored["position"], sent))
        for thread, entries in threads.items():
            entries.sort(key=lambda entry: entry[0])
            for begun, _, position, sent in entries:
                for _, acked, earlier, before in entries:
                    if acked < begun and earlier > position:
                        self.bad(f"message {sent.id} (position {position}) was sent after the ack of {before.id}"
                                 f" (position {earlier})", sent.user, thread)

    def _history(self):
        for user, key in self.by_key:
            if (user, key) not in self.round.sent:
                self.bad(f"message {key} was sent by nobody", user, self.by_key[(user, key)]["thread"])
        for message in self.rows.messages:
            if message["role"] == "user" and message["client_id"] is None:
                self.bad(f"user message {message['id']} has no sender", message["user_id"], message["thread"])
            elif message["role"] != "user" and message["run"] not in self.runs:
                self.bad(f"{message['role']} message {message['id']} is of no run", message["user_id"], message["thread"])
        for conversation in self.rows.conversations:
            positions = [message["position"] for message in self.threads[conversation["id"]]]
            if positions != list(range(1, len(positions) + 1)) or conversation["message_count"] != len(positions):
                self.bad(f"positions {positions}, message_count {conversation['message_count']}",
                         conversation["user_id"], conversation["id"])
            if not positions:
                self.bad("a conversation without a message", conversation["user_id"], conversation["id"])

    # --- runs

    def _runs(self):
        runs_of = Counter(run["message"] for run in self.rows.runs)
        by_message = {(sent.user, sent.id): sent for sent in self.round.sent.values()}
        replies = defaultdict(list)
        for message in self.rows.messages:
            if message["role"] == "user" and runs_of[message["id"]] != 1:
                self.bad(f"message {message['client_id']} has {runs_of[message['id']]} runs", message["user_id"],
                         message["thread"])
            if message["role"] == "assistant":
                replies[message["run"]].append(message)
        for run in self.rows.runs:
            def bad(what):
                self.bad(f"run {run['id']} {what}", run["user_id"], run["thread"], run)

            if run["status"] not in TERMINAL:
                bad(f"is still {run['status']}")
                continue
            for message in replies[run["id"]]:
                if message["status"] != _OF_REPLIES[run["status"]]:
                    bad(f"is {run['status']} and its message {message['id']} is {message['status']}")
            asked = self.messages.get(run["message"])
            sent = by_message.get((run["user_id"], asked["client_id"])) if asked else None
            text = "".join(message["content"] for message in replies[run["id"]])
            if sent and sent.reply is not None:
                if run["status"] == "completed" and text != sent.reply:
                    bad(f"said {text!r}, not {sent.reply!r}")
                elif not sent.reply.startswith(text):
                    bad(f"said {text!r}, which does not begin {sent.reply!r}")
            if sent and sent.title and run["status"] == "completed" and len(self.operations[run["id"]]) != 1:
                bad(f"is completed with {len(self.operations[run['id']])} operations")
            message = (run["error"] or {}).get("message", "")
            if run["status"] == "failed" and "step was not carried out" in message:
                results = sum(m["role"] == "tool" and m["run"] == run["id"] for m in self.messages.values())
                if len(self.operations[run["id"]]) > results:
                    bad(f"said {message!r} and there is an operation without a result")
            if run["status"] == "failed" and (run["error"] or {}).get("code") not in ("tool_failed", "internal"):
                bad(f"failed: {run['error']}")

    def _turns(self):
        """One run at a time in a thread; and where nobody interrupts, in the order of their messages: a user's queue is
        one gateway's at a time."""
        hasty = {stored["thread"] for key, stored in self.by_key.items()
                 if key in self.round.sent and self.round.sent[key].policy == "interrupt"}
        threads = defaultdict(list)
        for run in self.rows.runs:
            if run["started_at"] and run["finished_at"] and run["message"] in self.messages:
                threads[run["thread"]].append(run)
        for thread, runs in threads.items():
            runs.sort(key=lambda run: (run["started_at"], run["finished_at"]))
            for before, run in zip(runs, runs[1:]):
                if before["finished_at"] > run["started_at"]:
                    self.bad(f"run {run['id']} started before {before['id']} had finished", run["user_id"], thread, run)
                positions = [self.messages[one["message"]]["position"] for one in (before, run)]
                # What a killed gateway left is taken up in its own order.
                if thread not in hasty and not self.round.left and positions[0] > positions[1]:
                    self.bad(f"run {run['id']} of position {positions[1]} came after that of {positions[0]}",
                             run["user_id"], thread, run)

    def _left(self):
        """Protocol.md section 4, "Crash": run again, or closed with the text that was checkpointed."""
        for left in self.round.left:
            run = self.runs.get(left.run)
            if run is None or left.user not in self.round.users:
                continue
            if left.texts or left.has_effects:
                if run["status"] != "interrupted":
                    self.bad(f"run {left.run} had text or effects when the gateway was killed and is {run['status']}",
                             left.user, left.thread, left)
                stored = {m["id"]: m["content"] for m in self.threads[left.thread]
                          if m["run"] == left.run and m["role"] == "assistant"}
                if stored != left.texts:
                    self.bad(f"run {left.run} had the checkpoint {left.texts}, stored is {stored}", left.user, left.thread)
            elif run["status"] == "interrupted":
                self.bad(f"run {left.run} had neither text nor effects and was not run again", left.user, left.thread, left)

    def _cancelled(self, cancelled):
        run = self.runs.get(cancelled.run)
        if cancelled.status == "cancelled" and (run is None or run["status"] != "cancelled"):
            self.bad(f"the cancel of {cancelled.run} was acknowledged and it is {run and run['status']}",
                     run and run["user_id"], cancelled.thread, cancelled)

    # --- tools

    def _tools(self):
        """A task for each successful `add`, the same one, and no other."""
        tasks = {task["id"]: task for task in self.rows.tasks}
        added = Counter()
        for operation in self.rows.operations:
            def bad(what):
                self.bad(f"operation {operation['ordinal']} of run {operation['run']} {what}", operation["user_id"],
                         operation["thread"], operation)

            if operation["status"] not in ("success", "failed") or operation["result"] is None:
                bad(f"is {operation['status']}")
            elif operation["type"] == "add" and operation["status"] == "success":
                task = operation["result"]["task"]
                added[task["id"]] += 1
                stored = tasks.get(task["id"])
                if stored is None:
                    bad(f"has added task {task['id']}, which is not there")
                elif (stored["user_id"], stored["title"], stored["message"]) \
                        != (operation["user_id"], operation["params"].get("title"), operation["message"]):
                    bad(f"has added {operation['params']}, and the task is {stored}")
            run = self.runs.get(operation["run"])
            if run is None or run["message"] != operation["message"]:
                bad("is of another message than its run")
        threads = {message["id"]: message["thread"] for message in self.rows.messages}
        for task in self.rows.tasks:
            if added[task["id"]] != 1:
                self.bad(f"task {task['id']} {task['title']!r} was added by {added[task['id']]} operations",
                         task["user_id"], threads.get(task["message"]), task)
        titles = Counter((task["user_id"], task["title"]) for task in self.rows.tasks)
        for sent in self.round.sent.values():
            if not sent.title:
                continue
            stored = self.by_key.get((sent.user, sent.id))
            run = next((r for r in self.rows.runs if stored and r["message"] == stored["id"]), None)
            wanted = sum(o["type"] == "add" and o["status"] == "success" for o in self.operations[run["id"]]) if run else 0
            count = titles.pop((sent.user, sent.title), 0)
            if count != wanted or count > 1:
                self.bad(f"the task {sent.title!r} is there {count} times, with {wanted} operations", sent.user,
                         stored and stored["thread"], sent)
        if self.round.sent and all(sent.reply is not None for sent in self.round.sent.values()):
            for (user, title), count in titles.items():
                self.bad(f"{count} tasks {title!r} that nobody asked for", user)

    # --- what was seen

    def _view(self, view):
        def bad(what, evidence=None):
            self.bad(f"{view.client}: {what}", view.user, view.thread, evidence)

        for complaint in view.complaints:
            bad(complaint)
        if view.thread not in self.threads:
            bad("follows a thread that is not stored")
        for run, outcome, _ in view.ends:
            self._end(run, outcome, bad)
        for message, (run, content) in view.asked.items():
            stored = self.messages.get(message)
            if stored is None or stored["content"] != content or stored["role"] != "user":
                bad(f"run {run} was started with {message} {content!r}, stored is {stored}")
        for assembly in view.assemblies:
            self._assembly(assembly, bad)
        for call in view.calls:
            self._call(call, bad)
        places = {message["id"]: place for place, message in enumerate(_in_order(self.threads[view.thread]))}
        for snapshot in view.snapshots:
            self._snapshot(snapshot, places, bad)
        self._shown(view, bad)

    def _end(self, run, outcome, bad):
        row = self.runs.get(run)
        if row is None:
            return bad(f"saw the end of run {run}, which is not stored")
        wanted = {_SUCCESS: "completed", _CANCELLED: "cancelled", "interrupted": "interrupted"}.get(outcome, "failed")
        if row["status"] != wanted:
            bad(f"saw run {run} end as {outcome}, and it is {row['status']}")

    def _assembly(self, assembly, bad):
        stored, text = self.messages.get(assembly.message), assembly.text
        killed = self.round.killed.get(assembly.epoch)
        if assembly.outcome is not None:
            # Its end was said, so it was durable.
            if stored is None or stored["content"] != text:
                bad(f"the text of {assembly.message} is {text!r}, stored is {stored and stored['content']!r}", assembly)
        elif killed is None:
            if stored is None or not stored["content"].startswith(text):
                bad(f"the text of {assembly.message} begins {text!r}, stored is {stored and stored['content']!r}", assembly)
        else:
            content = stored["content"] if stored else ""
            if not content.startswith(text) and not text.startswith(content):
                bad(f"the text of {assembly.message} was {text!r} when the gateway was killed, stored is {content!r}",
                    assembly)
            early = "".join(delta for at, delta in assembly.parts if at < killed - CHECKPOINT_LIMIT)
            if len(early) > len(content):
                bad(f"the text of {assembly.message} was {early!r} {CHECKPOINT_LIMIT} s before the gateway was killed,"
                    f" stored is {content!r}", assembly)
        if stored is not None and (stored["role"], stored["run"]) != ("assistant", assembly.run):
            bad(f"the text of {assembly.message} came in run {assembly.run}, stored is {stored}", assembly)

    def _call(self, call, bad):
        if call.result is None:
            return
        # The effect was committed before its result was said: no crash takes it back.
        result = json.loads(call.result)
        if not any(operation["result"] == result for operation in self.operations[call.run]):
            bad(f"saw the result {result} of {call.name} in run {call.run}, logged is {self.operations[call.run]}")
        stored = self.messages.get(call.result_message)
        if stored is None:
            if call.epoch not in self.round.killed:
                bad(f"tool message {call.result_message} of run {call.run} is not stored")
        elif (stored["role"], stored["content"]) != ("tool", call.result):
            bad(f"tool message {call.result_message} was {call.result!r}, stored is {stored}")

    def _snapshot(self, snapshot, places, bad):
        last = -1
        for message in snapshot:
            place = places.get(message["id"])
            if place is None:
                return bad(f"a snapshot had {message['id']} ({message['role']}), which is not stored", message)
            stored = self.messages[message["id"]]
            if (message["role"], message.get("content") or "") != (stored["role"], stored["content"]):
                return bad(f"a snapshot had {message}, stored is {stored}")
            if place <= last:
                return bad(f"a snapshot had {message['id']} out of order")
            last = place

    def _shown(self, view, bad):
        """At the quiet end a client shows what is stored, to the byte."""
        if not view.is_live:
            return
        if view.run is not None:
            bad(f"never saw the end of run {view.run}")
        shown = view.shown()
        for message, text in shown.items():
            stored = self.messages.get(message)
            if stored is None or stored["content"] != text:
                bad(f"shows {message} as {text!r}, stored is {stored and stored['content']!r}")
        if view.is_whole:
            for message in self.threads[view.thread]:
                if message["role"] == "assistant" and message["content"] and message["id"] not in shown:
                    bad(f"does not show {message['id']} of run {message['run']}: {message['content']!r}")
