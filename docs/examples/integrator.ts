// Receives Kontor's events over NATS: each once, although some may come twice.
//
//   npm install @nats-io/transport-node @nats-io/jetstream
//   kontor integrator add billing --tenant demo_utility --json > integrator.json
//   npx esbuild integrator.ts --format=esm --outfile=integrator.mjs && node integrator.mjs integrator.json
//
// With a number behind the file it stops after so many events. (Node 23 and newer run it as it is.)

import { readFile } from "node:fs/promises";

import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

interface Event {
  id: string;
  position: string;
  type: string;
  subject: string;
}

const [file = "integrator.json", limit = "Infinity"] = process.argv.slice(2);
const login = JSON.parse(await readFile(file, "utf8")).nats;
const client = await connect({
  servers: login.servers,
  user: login.user,
  pass: login.password,
  inboxPrefix: login.inbox_prefix,
});
// The consumer is there already: this user may not look at the stream, nor make consumers.
const consumer = await jetstream(client).consumers.get(login.stream, login.consumer);
// A real program keeps the ids with its own data, in the transaction of what it does.
const seen = new Set<string>();
const messages = await consumer.consume({ max_messages: 100 });
for await (const message of messages) {
  const event = message.json<Event>();
  if (!seen.has(event.id)) {
    console.log(event.position, event.type, event.subject);
    seen.add(event.id);
  }
  // Only now: what is not acknowledged comes again.
  await message.ackAck();
  if (seen.size >= Number(limit)) break;
}
await client.close();
