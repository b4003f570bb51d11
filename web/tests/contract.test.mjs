// What is promised to integrators, checked by the tools that they use: every schema by a validator of
// JSON Schema 2020-12, the AsyncAPI document by AsyncAPI's own schema.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";

import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

import { test } from "./harness.mjs";

const require = createRequire(import.meta.url);
const folder = new URL("../../nats/", import.meta.url);
const read = async (path) => readFile(new URL(path, folder), "utf8");

async function schemas() {
  const found = [];
  for (const event of await readdir(new URL("schemas/", folder))) {
    for (const version of await readdir(new URL(`schemas/${event}/`, folder))) {
      found.push({ event, schema: JSON.parse(await read(`schemas/${event}/${version}`)) });
    }
  }
  return found;
}

function validator() {
  // A value may be one of several forms, so types stand where `strictTypes` does not look for them.
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
  addFormats.default(ajv);
  return ajv;
}

test("every schema is right, fits its examples and refuses what lacks a field", async () => {
  const all = await schemas();
  assert.ok(all.length >= 17, `${all.length} schemas`);
  const ajv = validator();
  for (const { event, schema } of all) {
    const fits = ajv.compile(schema);
    assert.ok(schema.examples.length > 0, event);
    for (const example of schema.examples) {
      assert.ok(fits(example), `${event}: ${JSON.stringify(fits.errors)}`);
      assert.ok(fits({ ...example, later: { anything: 1 } }), `${event} may grow`);
      for (const field of schema.required) {
        const { [field]: _, ...without } = example;
        assert.ok(!fits(without), `${event} without ${field}`);
      }
    }
    assert.ok(!fits([]) && !fits("{}") && !fits(null), event);
  }
});

test("personal fields may be sealed, and no others", async () => {
  const all = await schemas();
  const ajv = validator();
  const sealed = { $sealed: "v1.abc" };
  const cases = [
    ["account.registered", (event) => Object.assign(event, { display_name: sealed, phone: sealed })],
    ["account.registered", (event) => Object.assign(event, { origin: sealed })],
    ["account.renamed", (event) => Object.assign(event, { display_name: sealed })],
    ["account.phone_changed", (event) => Object.assign(event, { phone: sealed })],
    ["meter.registered", (event) => Object.assign(event, { place: sealed })],
    ["meter.reading_submitted", (event) => Object.assign(event, { photo: sealed })],
    ["meter.reading_corrected", (event) => Object.assign(event, { reason: sealed })],
    ["meter.archived", (event) => Object.assign(event, { reason: sealed })],
  ];
  for (const [name, seal] of cases) {
    const { schema } = all.find(({ event }) => event === name);
    const fits = ajv.compile(structuredClone({ ...schema, $id: `${schema.$id}:${Math.random()}` }));
    const event = structuredClone(schema.examples[0]);
    seal(event);
    assert.ok(fits(event), `${name}: ${JSON.stringify(fits.errors)}`);
  }
  const { schema } = all.find(({ event }) => event === "meter.registered");
  const fits = ajv.compile({ ...schema, $id: "urn:kontor:test:open" });
  assert.ok(!fits({ ...schema.examples[0], serial_number: sealed }));
});

test("the AsyncAPI document is valid by AsyncAPI's own schema", async () => {
  const document = parse(await read("asyncapi.yaml"));
  // The schema brings its own copy of draft 07.
  const options = { allErrors: true, strict: false, validateFormats: false };
  const ajv = new Ajv({ ...options, meta: false, validateSchema: false });
  const official = ajv.compile(require("@asyncapi/specs/schemas/3.0.0.json"));
  assert.ok(official(document), JSON.stringify(official.errors?.slice(0, 5), null, 2));
  assert.ok(!official({ ...document, channels: { broken: { address: 7 } } }));

  const { replay, ...channels } = document.channels;
  const events = (await schemas()).length;
  assert.equal(Object.keys(channels).length, events);
  // A replay holds all of them, and the message that ends it.
  assert.equal(Object.keys(replay.messages).length, events + 1);
  for (const reference of references(document)) {
    const found = reference.slice(2).split("/").reduce((value, name) => value?.[name], document);
    assert.ok(found, `${reference} leads nowhere`);
  }
});

test("the AsyncAPI document holds the schemas of the events as they are", async () => {
  const document = parse(await read("asyncapi.yaml"));
  for (const { event, schema } of await schemas()) {
    const { $id, $schema, ...rest } = schema;
    assert.deepEqual(document.components.schemas[`${event.replace(".", "_")}_1`], rest, event);
  }
});

function references(value) {
  if (Array.isArray(value)) return value.flatMap(references);
  if (value === null || typeof value !== "object") return [];
  const own = typeof value.$ref === "string" ? [value.$ref] : [];
  return own.concat(Object.values(value).flatMap(references));
}
