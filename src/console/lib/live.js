// One stream of events for the whole page: read by hand, so that the token travels in a header and nothing is missed after a break.
import { Signal, useEffect, useRef, useState } from "./ui.js";
import { ask, user } from "./api.js";

const RETRY_MS = 3000;
const RETRY_MAX_MS = 30000;
/** Without even a heartbeat for so long, the stream is dead though nobody said so. */
const SILENCE_MS = 45000;
const LISTENERS = new Set();

/** `on`, `off` (nobody is signed in) or `lost`. */
export const connection = new Signal("off");
/** When the stream last brought anything, a heartbeat included. */
export const heard = { at: 0 };

let lastId = null;
let stopping = null;

function tell(event) {
  for (const listener of [...LISTENERS]) listener(event);
}

/** Calls `listener` with each event whose kind begins with one of `prefixes`, and with `reset`. */
export function on(prefixes, listener) {
  const wanted = [].concat(prefixes);
  const mine = (event) => {
    if (event.kind === "reset" || wanted.some((prefix) => event.kind.startsWith(prefix))) listener(event);
  };
  LISTENERS.add(mine);
  return () => LISTENERS.delete(mine);
}

function take(block) {
  let kind = "message", id = null;
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("event")) kind = value;
    else if (line.startsWith("data")) data.push(value);
    else if (line.startsWith("id")) id = value;
  }
  if (id !== null) lastId = id;
  if (data.length === 0) return;
  try {
    tell({ ...JSON.parse(data.join("\n")), kind });
  } catch {
    // A line that is no JSON is not ours to show.
  }
}

async function follow(signal) {
  const headers = lastId === null ? {} : { "last-event-id": lastId };
  const answer = await ask("/api/v1/events?live=true", { headers, signal });
  if (!answer.ok) throw new Error(String(answer.status));
  // Notices that have no id are not replayed: after a break everything is looked at again.
  if (connection.value === "lost") tell({ kind: "reset" });
  connection.set("on");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard.at = Date.now();
    text += value.replaceAll("\r", "");
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      take(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

async function run(control) {
  let pause = RETRY_MS;
  while (!control.signal.aborted) {
    const attempt = new AbortController();
    const watch = setInterval(() => { if (Date.now() - heard.at > SILENCE_MS) attempt.abort(); }, 5000);
    control.signal.addEventListener("abort", () => attempt.abort(), { once: true });
    heard.at = Date.now();
    try {
      await follow(attempt.signal);
      pause = RETRY_MS;
    } catch {
      pause = Math.min(pause * 2, RETRY_MAX_MS);
    }
    clearInterval(watch);
    if (control.signal.aborted) return;
    connection.set("lost");
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

user.listen((who) => {
  if (who && !stopping) {
    stopping = new AbortController();
    run(stopping);
  } else if (!who && stopping) {
    stopping.abort();
    stopping = null;
    lastId = null;
    connection.set("off");
  }
});

/** Least time between two looks that events ask for. */
const LOOK_MS = 1500;

/**
 * What `load` answers, loaded again soon after an event of `events` and at the latest after `every` milliseconds.
 * Gives `{data, error, at, reload}`; what was loaded before stays while a later look fails.
 */
export function useData(load, { events = [], every = 60000, deps = [], least = LOOK_MS } = {}) {
  const [state, set] = useState({ data: null, error: null, at: null });
  const work = useRef({});
  work.current.load = load;
  useEffect(() => {
    const mine = { alive: true, timer: 0, busy: false, again: false, looked: 0 };
    const plan = (after) => {
      clearTimeout(mine.timer);
      mine.timer = setTimeout(look, after);
    };
    const look = async () => {
      clearTimeout(mine.timer);
      if (mine.busy) { mine.again = true; return; }
      mine.busy = true;
      mine.looked = Date.now();
      try {
        const data = await work.current.load();
        if (mine.alive) set({ data, error: null, at: Date.now() });
      } catch (error) {
        if (mine.alive) set((before) => ({ ...before, error }));
      }
      mine.busy = false;
      if (!mine.alive) return;
      const again = mine.again;
      mine.again = false;
      plan(again ? least : every);
    };
    const soon = () => {
      if (mine.busy) { mine.again = true; return; }
      plan(Math.max(0, least - (Date.now() - mine.looked)));
    };
    work.current.soon = look;
    set((before) => ({ ...before, error: null }));
    look();
    const hush = events.length ? on(events, soon) : null;
    return () => {
      mine.alive = false;
      clearTimeout(mine.timer);
      hush?.();
    };
  }, deps);
  return { ...state, reload: () => work.current.soon?.() };
}

const second = new Signal(Date.now());
setInterval(() => second.set(Date.now()), 1000);

/** The time, each second. */
export function useNow() {
  const [now, set] = useState(second.value);
  useEffect(() => second.listen(set), []);
  return now;
}
