"""What the clients say and how much of it."""

from dataclasses import dataclass, replace

from .records import Sent

WORDS = ("milk", "naïve", "Grüße", "日本語テキスト", "🙂🙃", "a", "the", "tomorrow", "résumé", "👩‍👩‍👧", "שלום", "x" * 40, "\\\"quoted\\\"",
         "{\"json\":1}", "<b>", "tab", "ok", "0", "no-break\u00a0space", "e\u0301")


@dataclass(frozen=True)
class Plan:
    """Seconds and counts of a round."""

    users: int = 50
    sockets: int = 4
    """of each user"""
    load: float = 3.5
    pause: float = 1.3
    """of a client between two things that it does, on average"""
    threads: int = 6
    """of a user, before most messages go to one there is"""
    drop: float = 0.10
    """the share of actions that drop the socket"""
    deflate: float = 0.1
    """the share of sockets that compress"""

    def with_sockets(self, count):
        return replace(self, users=max(1, count // self.sockets))


class Author:
    """Writes the messages of one client."""

    def __init__(self, random, prefix, agent):
        self._random, self._prefix, self._agent = random, prefix, agent
        self._count = 0

    def message(self, user, thread):
        self._count += 1
        id = f"{self._prefix}-{self._count}"
        policy = self._random.choices(("enqueue", "interrupt", "reject"), (74, 10, 16))[0]
        return getattr(self, f"_{self._agent}")(Sent(id=id, user=user, content="", thread=thread, policy=policy))

    def _scripted(self, sent):
        random = self._random
        kind = random.choices(("text", "tokens", "tool", "burst", "long"), (33, 24, 25, 9, 9))[0]
        if kind == "tool":
            sent.title = f"task {sent.id}"
            sent.content = f'!tool add_task {{"title":"{sent.title}"}}'
            sent.reply = "ok"
        elif kind == "text":
            # The white space between the words is a part of the text.
            words = [random.choice(WORDS) for _ in range(random.randint(1, 25))]
            sent.reply = "".join(word + random.choice((" ", " ", "  ", "\n")) for word in words) + "end"
            sent.content = "!text " + sent.reply
        else:
            count, pace = {"tokens": (random.randint(2, 30), random.choice((5, 15, 30))),
                           "burst": (random.randint(30, 200), 0),
                           "long": (random.randint(50, 100), 25)}[kind]
            sent.content = f"!tokens {count} {pace}"
            sent.reply = "word " * count
            # The same words under many ids would look alike: what is said is told apart by the message's id only.
        return sent

    def _todo(self, sent):
        things = (f"add buy {sent.id}", f"add call {sent.id} and add write {sent.id}b", "show my tasks", "hello")
        sent.content = self._random.choices(things, (50, 15, 20, 15))[0]
        return sent
