// Receives Kontor's events over NATS: each once, although some may come twice.
//
//   npm install @nats-io/transport-node @nats-io/jetstream
//   kontor integrator add billing --tenant demo_utility --json > integrator.json
//   npx esbuild integrator.ts --format=esm --outfile=integrator.mjs && node integrator.mjs integrator.json
//
// With a number behind the file it stops after so many events. (Node 23 and newer run it as it is.)

import { readFile } from "node:fs/promises";

import { type Consumer, jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

interface Event {
  id: string;
  position: string;
  type: string;
  subject: string;
}

const REPLAY_ENDED = "kontor.replay_ended";

const [file = "integrator.json", limit = "Infinity"] = process.argv.slice(2);
const login = JSON.parse(await readFile(file, "utf8")).nats;
const client = await connect({
  servers: login.servers,
  user: login.user,
  pass: login.password,
  inboxPrefix: login.inbox_prefix,
});
const consumers = jetstream(client).consumers;
// A real program keeps the ids with its own data, in the transaction of what it does.
const seen = new Set<string>();

const enough = () => seen.size >= Number(limit);

/** The types of the next events; none when there was nothing to wait for. */
async function receive(consumer: Consumer): Promise<string[]> {
  const types: string[] = [];
  const left = Math.min(100, Number(limit) - seen.size);
  for await (const message of await consumer.fetch({ max_messages: left, expires: 10_000 })) {
    const event = message.json<Event>();
    types.push(event.type);
    if (event.type !== REPLAY_ENDED && !seen.has(event.id)) {
      console.log(event.position, event.type, event.subject);
      seen.add(event.id);
    }
    // Only now: what is not acknowledged comes again.
    await message.ackAck();
  }
  return types;
}

/** What the stream does not hold any more comes first, in a stream of its own that ends. */
async function replay(): Promise<void> {
  while (!enough()) {
    const consumer = await consumers.get(login.replay_stream, login.consumer).catch(() => null);
    if (consumer === null || (await receive(consumer)).includes(REPLAY_ENDED)) return;
  }
}

// The consumer is there already: this user may not look at the stream, nor make consumers.
const live = await consumers.get(login.stream, login.consumer);
while (!enough()) {
  await replay();
  // In vain: then perhaps somebody ordered a replay.
  while (!enough() && (await receive(live)).length > 0);
}
await client.close();
