"""Receives Kontor's events over NATS: each once, although some may come twice.

    pip install nats-py
    kontor integrator add billing --tenant demo_utility --json > integrator.json
    python integrator.py integrator.json

With a number behind the file it stops after so many events.
"""

import asyncio
import json
import sys

import nats
from nats.errors import TimeoutError
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

REPLAY_ENDED = "kontor.replay_ended"


class Receiver:
    def __init__(self, js: JetStreamContext, login: dict, limit: int) -> None:
        self.js, self.login, self.limit = js, login, limit
        # A real program keeps the ids with its own data, in the transaction of what it does.
        self.seen: set[str] = set()

    async def run(self) -> None:
        # The consumer is there already: this user may not look at the stream, nor make consumers.
        live = await self.js.pull_subscribe_bind(self.login["consumer"], self.login["stream"])
        while len(self.seen) < self.limit:
            await self.replay()
            # In vain: then perhaps somebody ordered a replay.
            while len(self.seen) < self.limit and await self.receive(live):
                pass

    async def replay(self) -> None:
        """What the stream does not hold any more comes first, in a stream of its own that ends."""
        consumer, stream = self.login["consumer"], self.login["replay_stream"]
        while len(self.seen) < self.limit:
            try:
                await self.js.consumer_info(stream, consumer)
            except NotFoundError:
                return
            events = await self.js.pull_subscribe_bind(consumer, stream)
            if REPLAY_ENDED in await self.receive(events):
                return

    async def receive(self, events: JetStreamContext.PullSubscription) -> list[str]:
        """The types of the next events; none when there was nothing to wait for."""
        types: list[str] = []
        try:
            messages = await events.fetch(batch=100, timeout=10)
        except TimeoutError:
            return types
        for message in messages:
            if len(self.seen) >= self.limit:
                break
            event = json.loads(message.data)
            types.append(event["type"])
            if event["type"] != REPLAY_ENDED and event["id"] not in self.seen:
                print(event["position"], event["type"], event["subject"], flush=True)
                self.seen.add(event["id"])
            # Only now: what is not acknowledged comes again.
            await message.ack_sync()
        return types


async def main(file: str, limit: int) -> None:
    with open(file, encoding="utf-8") as credentials:
        login = json.load(credentials)["nats"]
    client = await nats.connect(
        servers=login["servers"],
        user=login["user"],
        password=login["password"],
        inbox_prefix=login["inbox_prefix"].encode(),
    )
    await Receiver(client.jetstream(), login, limit).run()
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize))
