// The weather: fault rules, to see how a bot copes.

import { api } from "./api";
import { h, icon, iconButton } from "./dom";
import { openDialog } from "./dialogs";
import { listen, store } from "./store";
import type { Fault } from "./types";
import { faultKinds, faultName, words } from "./words";

type Rule = Record<string, unknown>;

const PRESETS: { kind: string; method: string; retry_after?: number; delay_ms?: number }[] = [
  { kind: "too_many_requests", method: "send*", retry_after: 3 },
  { kind: "server_error", method: "send*" },
  { kind: "server_error_after_effect", method: "send*" },
  { kind: "delay", method: "*", delay_ms: 3000 },
  { kind: "duplicate_update", method: "*" },
  { kind: "reorder_updates", method: "*" },
  { kind: "drop_update", method: "*" },
];

const METHODS: [string, string][] = [
  ["*", words.every],
  ["send*", words.sends],
  ["edit*", words.edits],
  ["sendMessage", "sendMessage"],
  ["answerCallbackQuery", "answerCallbackQuery"],
  ["getUpdates", "getUpdates"],
];

let redraw: (() => void) | null = null;
listen((change) => {
  if (change.kind === "faults" || change.kind === "all") redraw?.();
});

export function showWeather(failed: (error: unknown) => void): void {
  const add = (rule: Rule): void => void api.addFault(rule).catch(failed);
  const rules = h("div", { class: "rules" });
  redraw = () => rules.replaceChildren(...currentRules(failed));
  const dialog = openDialog(
    "weather",
    words.weather,
    h("header", {}, h("h2", {}, words.weather), iconButton("close", words.close, () => dialog.close())),
    h("p", { class: "dialog-detail" }, words.weatherText),
    h("h3", {}, words.weatherNow),
    rules,
    h("h3", {}, words.weatherOnce),
    presets(add),
    h("details", {}, h("summary", {}, words.weatherOwn), ruleForm(add)),
  );
  dialog.addEventListener("close", () => (redraw = null));
  redraw();
}

function currentRules(failed: (error: unknown) => void): HTMLElement[] {
  if (store.faults.length === 0) return [h("p", { class: "fair" }, icon("cloud"), words.weatherNone)];
  const rows = store.faults.map((fault) =>
    h(
      "div",
      { class: "rule" },
      icon("storm"),
      h("span", {}, h("strong", {}, faultName(fault.kind)), h("small", {}, describe(fault))),
      iconButton("close", words.remove, () => void api.removeFault(fault.id).catch(failed)),
    ),
  );
  const clear = (): void => void api.clearFaults().catch(failed);
  const all = h("button", { class: "button", type: "button", on: { click: clear } }, words.clearAll);
  return [...rows, h("div", { class: "dialog-actions" }, all)];
}

function describe(fault: Fault): string {
  const person = store.people.find((one) => one.id === fault.chat_id);
  const amount = fault.retry_after !== undefined ? `${fault.retry_after} s` : fault.delay_ms !== undefined ? `${fault.delay_ms} ms` : "";
  const left = fault.count === null ? words.always : `${words.left}: ${fault.count}`;
  return [fault.method === "*" ? words.every : fault.method, amount, person?.first_name, left].filter(Boolean).join(" · ");
}

function presets(add: (rule: Rule) => void): HTMLElement {
  const buttons = PRESETS.map((preset) => {
    const click = (): void => {
      const here = store.person === null ? {} : { chat_id: store.person };
      const bot = store.bot ? { bot: store.bot } : {};
      // Swapping takes one held update; the next one overtakes it.
      add({ ...preset, ...here, ...bot, count: 1 });
    };
    return h("button", { class: "chip", type: "button", on: { click } }, faultName(preset.kind));
  });
  return h("div", { class: "chips" }, ...buttons);
}

function ruleForm(add: (rule: Rule) => void): HTMLElement {
  const kind = h("select", {}, ...faultKinds.map((name) => h("option", { value: name }, faultName(name))));
  const method = h("select", {}, ...METHODS.map(([value, label]) => h("option", { value }, label)));
  const count = h("input", { type: "number", min: 1, max: 1000, value: 1, placeholder: words.always });
  const amount = h("input", { type: "number", min: 1, max: 120000, value: 3 });
  const amountName = h("span", {}, words.seconds);
  const amountField = h("label", { class: "field" }, amountName, amount);
  const here = h("input", { type: "checkbox", checked: true });
  const adapt = (): void => {
    amountField.hidden = !["too_many_requests", "delay"].includes(kind.value);
    amountName.textContent = kind.value === "delay" ? words.milliseconds : words.seconds;
    amount.value = kind.value === "delay" ? "2000" : "3";
  };
  kind.addEventListener("change", adapt);
  adapt();
  const form = h(
    "form",
    { class: "rule-form" },
    h("label", { class: "field" }, h("span", {}, words.kind), kind),
    h("label", { class: "field" }, h("span", {}, words.method), method),
    h("label", { class: "field" }, h("span", {}, words.times), count),
    amountField,
    h("label", { class: "check" }, here, words.onlyHere),
    h("button", { class: "button primary", type: "submit" }, words.addRule),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const rule: Rule = { kind: kind.value, method: method.value };
    if (count.value) rule["count"] = Number(count.value);
    if (kind.value === "too_many_requests") rule["retry_after"] = Number(amount.value);
    if (kind.value === "delay") rule["delay_ms"] = Number(amount.value);
    if (here.checked && store.person !== null) rule["chat_id"] = store.person;
    add(rule);
  });
  return form;
}
