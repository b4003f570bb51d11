// The stream of events. A browser reconnects by itself and says what it heard last.

import { apply, loadAll, store, tell } from "./store";
import type { LiveEvent } from "./types";

/** Pause before a stream that the server refused is opened anew. */
const RETRY_MS = 2000;

let source: EventSource | null = null;

function setConnected(isConnected: boolean): void {
  if (store.isConnected === isConnected) return;
  store.isConnected = isConnected;
  tell({ kind: "connection" });
}

/** Reads everything and follows what happens from there on. */
export async function connect(): Promise<void> {
  source?.close();
  let since: number;
  try {
    since = await loadAll();
  } catch {
    setConnected(false);
    window.setTimeout(() => void connect(), RETRY_MS);
    return;
  }
  const stream = new EventSource(`/sandbox/events?since=${since}`);
  source = stream;
  stream.onopen = () => setConnected(true);
  stream.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as LiveEvent;
    if (event.type === "reset") void connect();
    else apply(event);
  };
  stream.onerror = () => {
    setConnected(false);
    if (stream.readyState === EventSource.CLOSED && source === stream) {
      window.setTimeout(() => void connect(), RETRY_MS);
    }
  };
}
