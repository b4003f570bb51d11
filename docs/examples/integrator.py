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


async def main(file: str, limit: int) -> None:
    with open(file, encoding="utf-8") as credentials:
        login = json.load(credentials)["nats"]
    client = await nats.connect(
        servers=login["servers"],
        user=login["user"],
        password=login["password"],
        inbox_prefix=login["inbox_prefix"].encode(),
    )
    # The consumer is there already: this user may not look at the stream, nor make consumers.
    events = await client.jetstream().pull_subscribe_bind(login["consumer"], login["stream"])
    # A real program keeps the ids with its own data, in the transaction of what it does.
    seen: set[str] = set()
    while len(seen) < limit:
        try:
            messages = await events.fetch(batch=100, timeout=30)
        except TimeoutError:
            continue
        for message in messages:
            if len(seen) >= limit:
                break
            event = json.loads(message.data)
            if event["id"] not in seen:
                print(event["position"], event["type"], event["subject"], flush=True)
                seen.add(event["id"])
            # Only now: what is not acknowledged comes again.
            await message.ack_sync()
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize))
