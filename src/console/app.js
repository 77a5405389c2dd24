// The sensors as they are. State comes from the API; the event stream says when to look again.
"use strict";

const TEXT = {
  en: {
    docs: "API", reference: "Reference", tree: "Tree", metrics: "Metrics", sensors: "Sensors",
    empty: "No sensor is registered yet. POST one to /api/sensors, or start `nightshift demo`.",
    normal: "✓ normal", abnormal: "▲ abnormal", insufficient_data: "… insufficient data", unscored: "○ unscored",
    none: "– no verdict yet", never: "has never sent a reading", fresh: "last reading", stale: "silent for",
    ok: "✓ working", degraded: "▲ degraded", down: "✕ down", unknown: "…",
    lost: "Connection lost; what is shown may be old. Trying again …", score: "score", of: "of", ago: "ago",
    more: (shown, total) => `${shown} of ${total} sensors are shown; /api/sensors has all.`,
  },
  ko: {
    docs: "API", reference: "문서", tree: "구조", metrics: "지표", sensors: "센서",
    empty: "등록된 센서가 없습니다. /api/sensors로 등록하거나 `nightshift demo`를 실행하세요.",
    normal: "✓ 정상", abnormal: "▲ 이상", insufficient_data: "… 데이터 부족", unscored: "○ 미판정",
    none: "– 아직 판정 없음", never: "수신된 값이 없습니다", fresh: "마지막 수신", stale: "수신 없음",
    ok: "✓ 정상 동작", degraded: "▲ 일부 저하", down: "✕ 중단", unknown: "…",
    lost: "연결이 끊겼습니다. 표시된 내용이 오래되었을 수 있습니다. 다시 연결하는 중 …", score: "점수", of: "/", ago: "전",
    more: (shown, total) => `센서 ${total}개 중 ${shown}개를 표시합니다. 전체는 /api/sensors에 있습니다.`,
  },
};
const SENSORS_MAX = 60;          // tiles on this page
const POINTS = 240;              // points of a trace
const WINDOW_READINGS = 720;     // readings in a trace
const REFRESH_MS = 5000;         // at most this often per look, however many events come
const IDLE_REFRESH_MS = 30000;   // at least this often, so that silence shows too

let language = navigator.language.startsWith("ko") ? "ko" : "en";
const tiles = new Map();
let sensors = [];
let total = 0;
let health = { status: "unknown" };

const byId = (id) => document.getElementById(id);
const t = (key) => TEXT[language][key];

function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

function draw(canvas, readings) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth * scale, height = canvas.clientHeight * scale;
  if (!width || readings.length < 2) return;
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const times = readings.map((r) => Date.parse(r.time)), values = readings.map((r) => r.value);
  const t0 = times[0], t1 = times[times.length - 1];
  const low = Math.min(...values), high = Math.max(...values);
  const x = (at) => ((at - t0) / Math.max(1, t1 - t0)) * (width - 2) + 1;
  const y = (v) => height - 3 - ((v - low) / (high - low || 1)) * (height - 6);
  pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("--trace");
  pen.lineWidth = 1.5 * scale;
  pen.beginPath();
  values.forEach((v, i) => (i ? pen.lineTo(x(times[i]), y(v)) : pen.moveTo(x(times[i]), y(v))));
  pen.stroke();
}

function show(sensor) {
  let tile = tiles.get(sensor.sensor_id);
  if (!tile) {
    tile = byId("tile").content.firstElementChild.cloneNode(true);
    tiles.set(sensor.sensor_id, tile);
    byId("sensors").append(tile);
  }
  const state = sensor.state, result = state.last_result, at = (cls) => tile.querySelector(cls);
  at("h3").textContent = sensor.name || sensor.sensor_id;
  const badge = at(".badge");
  badge.textContent = result ? t(result.result) : t("none");
  badge.dataset.state = result ? result.result : "none";
  const figure = (n) => (n === null || n === undefined ? "–" : Number(n).toPrecision(3));
  at(".score").textContent = result && result.score !== null ? `${t("score")} ${figure(result.score)} ${t("of")} ${figure(result.threshold)}` : "";
  at(".value").textContent = state.last_value === null ? "" : `${Number(state.last_value).toPrecision(5)} ${sensor.unit || ""}`;
  const fresh = at(".freshness"), age = state.newest ? Date.now() - Date.parse(state.newest) : 0;
  fresh.dataset.state = state.freshness;
  fresh.textContent = state.freshness === "never" ? t("never") : `${t(state.freshness)} ${duration(age)}${state.freshness === "fresh" ? ` ${t("ago")}` : ""}`;
  at(".reason").textContent = (result && (result.reason || result.rule)) || "";
  at("canvas").setAttribute("aria-label", `${sensor.sensor_id} ${figure(state.last_value)}`);
}

function showAll() {
  document.documentElement.lang = language;
  document.querySelectorAll("[data-text]").forEach((e) => { e.textContent = t(e.dataset.text); });
  byId("language").textContent = language === "ko" ? "English" : "한국어";
  byId("language").lang = language === "ko" ? "en" : "ko";
  byId("health").textContent = t(health.status);
  byId("health").dataset.state = health.status;
  byId("degraded").replaceChildren(...(health.degraded || []).map((part) => {
    const item = document.createElement("li");
    item.textContent = `${part.name}: ${part.detail}`;
    return item;
  }));
  byId("count").textContent = total;
  byId("empty").hidden = total > 0;
  byId("more").hidden = total <= sensors.length;
  byId("more").textContent = TEXT[language].more(sensors.length, total);
  const known = new Set(sensors.map((s) => s.sensor_id));
  for (const [id, tile] of tiles) if (!known.has(id)) { tile.remove(); tiles.delete(id); }
  sensors.forEach(show);
}

async function trace(sensor) {
  const state = sensor.state;
  if (!state.newest) return;
  const start = Date.parse(state.newest) - WINDOW_READINGS * sensor.interval_s * 1000;
  const answer = await fetch(`/api/sensors/${encodeURIComponent(sensor.sensor_id)}/readings?start=${start}&points=${POINTS}`);
  const tile = tiles.get(sensor.sensor_id);
  if (answer.ok && tile) draw(tile.querySelector("canvas"), await answer.json());
}

let looking = false, again = false, lookedAt = 0, timer = 0;
async function look() {
  clearTimeout(timer);
  if (looking) { again = true; return; }
  looking = true;
  lookedAt = Date.now();
  try {
    const [list, well] = await Promise.all([fetch(`/api/sensors?limit=${SENSORS_MAX}`), fetch("/api/health")]);
    if (!list.ok) throw new Error(String(list.status));
    sensors = await list.json();
    total = Number(list.headers.get("x-total-count"));
    health = await well.json();
    byId("connection").textContent = "";
    showAll();
    for (const sensor of sensors) await trace(sensor);
  } catch {
    byId("connection").textContent = t("lost");
  }
  looking = false;
  timer = setTimeout(look, again ? REFRESH_MS : IDLE_REFRESH_MS);
  again = false;
}

/** Looks again soon, but not more often than every REFRESH_MS. */
function lookSoon() {
  if (looking) { again = true; return; }
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(0, REFRESH_MS - (Date.now() - lookedAt)));
}

byId("language").addEventListener("click", () => {
  language = language === "ko" ? "en" : "ko";
  showAll();
});

// Named kinds need a listener each; a stream that carries others still refreshes on its heartbeat of looks.
const events = new EventSource("/api/v1/events?kind=sensing.&live=true");
for (const kind of ["sensing.verdict", "sensing.registered", "sensing.changed", "sensing.removed", "sensing.readings", "sensing.reading", "reset"]) {
  events.addEventListener(kind, lookSoon);
}
events.onopen = () => { byId("connection").textContent = ""; lookSoon(); };
events.onerror = () => { byId("connection").textContent = t("lost"); };
showAll();
look();
