// The last hour again: positions as they were stored, on the same map.
import { html, useEffect, useMemo, useRef, useState } from "../../lib/ui.js";
import { get, rows } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { clock, ms } from "../../lib/format.js";
import { Problem } from "../../lib/parts.js";

const HOUR_MS = 3600000;
const FRAME_MS = 100;
const SPEEDS = [1, 5, 20, 60];
/** A vehicle that was not heard of for so long is not shown. */
const SILENT_MS = 15000;
/** Positions in one answer, answers for one vehicle, and vehicles that are replayed. */
const PAGE = 10000;
const PAGES_MAX = 8;
const VEHICLES_MAX = 200;
const ASKED_AT_ONCE = 6;

/** What is stored of one vehicle's way, page by page. */
async function trackOf(id, start, end) {
  const track = [];
  for (let from = start, page = 0; page < PAGES_MAX; page += 1) {
    const found = rows(await get(`/api/v1/fleet/vehicles/${id}/positions?start=${from}&end=${end}&limit=${PAGE}`), "positions");
    for (const one of found) track.push({ at: ms(one.at), x: one.x, y: one.y, mapId: one.map_id });
    if (found.length < PAGE) break;
    from = track.at(-1).at + 1;
  }
  return track;
}

/** The ways of many, some at a time. */
async function tracksOf(vehicles, start, end) {
  const tracks = new Map(), waiting = vehicles.slice(0, VEHICLES_MAX);
  const work = async () => {
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const track = await trackOf(one.id, start, end);
      if (track.length > 0) tracks.set(one.id, track);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, work));
  return tracks;
}

/** Where each vehicle was at `at`: the newest position before it. */
function placesAt(tracks, at, known) {
  const shown = [];
  for (const [id, track] of tracks) {
    let low = 0, high = track.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (track[mid].at <= at) low = mid + 1; else high = mid;
    }
    const here = track[low - 1];
    if (!here || at - here.at > SILENT_MS) continue;
    const vehicle = known.get(id);
    shown.push({ id, vehicleId: vehicle?.vehicle_id, name: vehicle?.car_name ?? `#${id}`, kind: vehicle?.vehicle_type === "police" ? 0 : 1, x: here.x, y: here.y, mapId: here.mapId, at: here.at, status: vehicle?.details?.status });
  }
  return shown;
}

export function Replay({ show, known }) {
  const [state, set] = useState(null);
  const [error, setError] = useState(null);
  const [speed, setSpeed] = useState(5);
  const [playing, setPlaying] = useState(false);
  const at = useRef(0);
  const [, drawn] = useState(0);
  const byId = useMemo(() => new Map(known.map((v) => [v.id, v])), [known]);
  const place = (time) => {
    at.current = Math.min(state.end, Math.max(state.start, time));
    show(placesAt(state.tracks, at.current, byId));
    drawn(at.current);
  };
  const load = async () => {
    setError(null);
    const end = Date.now(), start = end - HOUR_MS;
    try {
      const tracks = await tracksOf(known, start, end);
      if (tracks.size === 0) throw new Error(t("fleet.nothing_stored"));
      const first = Math.min(end, ...[...tracks.values()].map((track) => track[0].at));
      at.current = first;
      set({ tracks, start: first, end });
      setPlaying(true);
    } catch (fault) {
      setError(fault);
    }
  };
  const stop = () => {
    set(null);
    setPlaying(false);
    show(null);
  };
  useEffect(() => {
    if (!state || !playing) return undefined;
    const timer = setInterval(() => {
      if (at.current >= state.end) setPlaying(false);
      else place(at.current + FRAME_MS * speed);
    }, FRAME_MS);
    return () => clearInterval(timer);
  }, [state, playing, speed]);
  useEffect(() => () => show(null), []);
  if (!state) return html`<div class="replay"><button type="button" onClick=${load}>⟲ ${t("fleet.replay")}</button><${Problem} error=${error} /></div>`;
  return html`<div class="replay">
    <button type="button" onClick=${() => setPlaying(!playing)}>${playing ? `❚❚ ${t("fleet.pause")}` : `▶ ${t("fleet.play")}`}</button>
    <input type="range" aria-label=${t("fleet.time")} min=${state.start} max=${state.end} step="1000" value=${at.current} onInput=${(e) => place(Number(e.target.value))} />
    <span class="mono">${clock(at.current)}</span>
    ${SPEEDS.map((n) => html`<button type="button" key=${n} aria-pressed=${n === speed} onClick=${() => setSpeed(n)}>${n}×</button>`)}
    <button type="button" onClick=${stop}>${t("fleet.live")}</button>
  </div>`;
}
