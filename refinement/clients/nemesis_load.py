"""A load of creations, and what was acknowledged of it."""
import collections
import threading
import time

from confluent_kafka.admin import AdminClient, NewTopic
from node import LIMIT_S, one_line

CLIENTS = 4
PENDING = 64  # creations under way at once
PROGRESS_S = LIMIT_S  # until a creation is acknowledged again
LONG = {"leader.replication.throttled.replicas": ",".join(["0:100"] * 80)}  # so that logs grow faster than the number of topics


class Load:
    """Creations as fast as asked for, never waiting for one before the next is sent."""

    def __init__(self, bootstrap, every_ms):
        # Brokers serve what comes over one connection in order.
        config = {"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 60000, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 20}
        self.clients = [AdminClient(config) for _ in range(CLIENTS)]
        self.every_s = every_ms / 1000
        self.room = threading.Semaphore(PENDING)
        self.changed = threading.Condition()
        self.sent, self.acknowledged, self.failed = {}, {}, {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        n = 0
        while not self.over.wait(self.every_s):
            if self.room.acquire(timeout=0.1):
                n += 1
                self.create(f"n-{n}", self.clients[n % CLIENTS])

    def create(self, name, client):
        with self.changed:
            self.sent[name] = time.monotonic()
        future = client.create_topics([NewTopic(name, 1, 1, config=LONG)], operation_timeout=20, request_timeout=25)[name]
        future.add_done_callback(lambda future: self.done(name, future.exception()))

    def done(self, name, error):
        self.room.release()
        with self.changed:
            # A broker that asks again may meet what it asked for first: the topic is there all the same.
            if error is None or "already exists" in str(error):
                self.acknowledged[name] = (self.sent[name], time.monotonic())
            else:
                self.failed[name] = one_line(str(error), 80)
            self.changed.notify_all()

    def progress(self, since):
        """Waits for the acknowledgement of a creation that was sent after `since`."""
        with self.changed:
            return self.changed.wait_for(lambda: any(at > since for at, _ in self.acknowledged.values()), PROGRESS_S)

    def first(self, since):
        """When that was."""
        with self.changed:
            return min(acknowledged for at, acknowledged in self.acknowledged.values() if at > since)

    def failures(self, since, until):
        """Waits for the answers to all that was sent between; gives what failed of it."""
        with self.changed:
            names = [name for name, at in self.sent.items() if since < at < until]
            answered = self.changed.wait_for(lambda: all(name in self.acknowledged or name in self.failed for name in names), LIMIT_S)
            assert answered, "creations without an answer"
            return {name: self.failed[name] for name in names if name in self.failed}

    def why_failed(self):
        return dict(collections.Counter(self.failed.values()))

    def end(self):
        """No more creations; waits for what is under way."""
        self.over.set()
        self.thread.join()
        self.failures(0, time.monotonic())
