// The stream of one session's states: it resumes where it broke, and ends with the session.
import { ask, read, Unreachable } from "../../lib/api.js";

export const SESSION = { READY: "wait", STARTED: "info", COMPLETED: "ok", FAILED: "bad", CANCELLED: "off", EXPIRED: "warn" };
const ENDED = ["COMPLETED", "FAILED", "CANCELLED", "EXPIRED"];
const RETRY_MS = 2000;

export async function follow(id, told, signal) {
  let last = null;
  for (;;) {
    try {
      const answer = await ask(`/diagnosis/${id}/status`, { headers: { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) }, signal });
      if (answer.status === 404 || answer.status === 403) await read(answer);
      if (!answer.ok) throw new TypeError(String(answer.status));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value.replaceAll("\r", "");
        let end;
        while ((end = text.indexOf("\n\n")) >= 0) {
          const lines = text.slice(0, end).split("\n");
          text = text.slice(end + 2);
          const of = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
          last = of("id").at(-1) ?? last;
          const data = of("data").join("\n");
          if (!data) continue;
          const event = JSON.parse(data);
          told(event);
          if (ENDED.includes(event.state)) return;
        }
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof TypeError || error instanceof Unreachable)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (signal.aborted) return;
  }
}
