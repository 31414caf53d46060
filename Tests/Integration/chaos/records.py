"""What happened, as the checker wants it: what was sent and answered, which epochs ended how, what broke."""

import itertools
from dataclasses import dataclass, field

FINAL_REFUSALS = {"busy", "queue_full", "conversation_full", "content_too_long", "thread_not_found"}
"""Errors after which a client gives its message up: nothing of it may be stored."""


@dataclass
class Answer:
    at: int
    """On the round's one clock, which counts sends and answers."""
    client: str
    status: str | None = None
    error: str | None = None
    thread: str | None = None
    message: str | None = None
    run: str | None = None


@dataclass
class Sent:
    """A message under its idempotency key, however often it was sent."""

    id: str
    user: str
    content: str
    thread: str | None = None
    """`None`: it begins a thread."""
    policy: str = "enqueue"
    reply: str | None = None
    """The whole answer of a scripted run that is not stopped; `None`: not known."""
    title: str | None = None
    """The task that it adds."""
    attempts: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    senders: set[str] = field(default_factory=set)

    @property
    def acks(self):
        return [answer for answer in self.answers if answer.status]

    @property
    def refused(self):
        return [answer for answer in self.answers if answer.error in FINAL_REFUSALS]

    @property
    def settled(self):
        return bool(self.acks or self.refused)


@dataclass
class Cancelled:
    """An ack to a cancel."""

    client: str
    thread: str
    run: str | None
    status: str


@dataclass
class Left:
    """A run that was unfinished in the database when the gateway had been killed."""

    run: str
    thread: str
    user: str
    status: str
    texts: dict
    """message id → checkpointed text"""
    has_effects: bool


@dataclass
class Round:
    """All that one round leaves."""

    seed: int
    number: int
    fault: str = ""
    users: list[str] = field(default_factory=list)
    sent: dict = field(default_factory=dict)
    """(user, id) → Sent"""
    cancelled: list[Cancelled] = field(default_factory=list)
    views: list = field(default_factory=list)
    killed: dict = field(default_factory=dict)
    """epoch → the time of its SIGKILL"""
    epochs: set = field(default_factory=set)
    """All that clients have seen."""
    ready_at: float | None = None
    """When a gateway that was started in this round was ready."""
    left: list[Left] = field(default_factory=list)
    refused: int = 0
    """Handshakes that were answered 503: the user's session was another gateway's, or none's for a moment."""
    violations: list = field(default_factory=list)
    """Found while it ran: (what, user, thread)."""
    clock: itertools.count = field(default_factory=lambda: itertools.count(1))

    def tick(self):
        return next(self.clock)


@dataclass
class Violation:
    what: str
    user: str | None = None
    thread: str | None = None
    evidence: object = None

    def __str__(self):
        return f"{self.what} [thread {self.thread}]" if self.thread else self.what


@dataclass
class Rows:
    """What the database holds of the round's users. Rows are dicts by column, ids text."""

    conversations: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    """By conversation and position."""
    runs: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    operations: list = field(default_factory=list)
    audit: list = field(default_factory=list)
    """(what, user) that the database itself found wrong."""
