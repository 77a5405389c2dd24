// Is the plant well? What needs me? Every tile says how fresh it is and why it is as it is.
import { html } from "../lib/ui.js";
import { get, list, may } from "../lib/api.js";
import { useData, useNow } from "../lib/live.js";
import { language, named, t, word } from "../lib/i18n.js";
import { said } from "../lib/said.js";
import { count, dateTime, duration, ms, percent } from "../lib/format.js";
import { Age, Badge, Bar, Nothing, Section, Tile } from "../lib/parts.js";
import { to } from "../lib/place.js";
import { about, SEVERITY, words } from "./alerts.js";

const DAY_MS = 86400000;
const PAGE_FRESH_MS = 90000;
const SENSORS_MAX = 1000;
const STATE = { ok: "ok", warning: "warn", degraded: "warn", down: "bad" };
const SIGN = { ok: "✓", warn: "▲", bad: "✕", off: "…" };
/** Where a part of the plant is looked after. */
const PARTS = { inference: to("system", "inference"), breakers: to("system", "breakers"), supervision: to("system"), schedule: to("sensors"), audit: to("system", "audit") };

function Verdict({ health, house, needs }) {
  const now = useNow();
  const state = health.data ? STATE[health.data.status] : "off";
  const since = ms(house.data?.unattended_since);
  const days = since === null ? null : (now - since) / DAY_MS;
  const recoveries = house.data?.recoveries;
  return html`<section class=${`block verdict ${state}`} aria-label=${t("overview.well")}>
    <span class=${`sign ${state}`} aria-hidden="true">${SIGN[state]}</span>
    <div><h2>${health.data ? t(`overview.is_${health.data.status}`) : t("loading")}</h2>
      <p>${needs === 0 ? t("overview.nothing_needs") : t("overview.needs_count", { n: needs })}</p>
      <${Age} at=${health.at} limit=${PAGE_FRESH_MS} /></div>
    <div class="days"><strong>${days === null ? "–" : days < 10 ? days.toFixed(1) : Math.floor(days)}</strong>
      ${t("overview.days_unattended")}<br /><span class="age">${since !== null && t(`overview.since_${house.data.unattended_why}`, { at: dateTime(since) })}</span>
      ${recoveries && html`<br /><span class="age">${t("overview.recoveries", { day: recoveries.last_24h, total: recoveries.total })}</span>`}
    </div>
  </section>`;
}

/** What a person should look at, the worst first. */
function needsOf(health, sensors, alerts, now) {
  const found = [];
  for (const part of health?.degraded ?? []) {
    found.push({ id: `part ${part.name}`, state: part.state === "down" ? "bad" : "warn", title: word("part", part.name), why: said(part.detail), href: PARTS[part.name] ?? to("system") });
  }
  for (const alert of alerts ?? []) {
    const { title, message } = words(alert);
    found.push({ id: `alert ${alert.id}`, state: SEVERITY[alert.severity], title, why: message, href: about(alert) ?? to("alerts"), at: alert.last_raised_at });
  }
  for (const sensor of sensors ?? []) {
    const { state } = sensor, href = to("sensors", sensor.sensor_id), name = sensor.name || sensor.sensor_id;
    const verdict = state.last_result;
    if (verdict?.result === "abnormal") found.push({ id: `v ${sensor.sensor_id}`, state: "bad", title: t("overview.abnormal", { name }), why: why(verdict), href, at: verdict.inference_time });
    else if (verdict?.result === "unscored") found.push({ id: `v ${sensor.sensor_id}`, state: "warn", title: t("overview.unscored", { name }), why: why(verdict), href, at: verdict.inference_time });
    if (sensor.enabled && state.freshness === "stale") found.push({ id: `s ${sensor.sensor_id}`, state: "warn", title: t("overview.stale", { name }), why: t("overview.silent", { span: duration(now - ms(state.newest)), limit: duration(state.freshness_limit_s * 1000) }), href });
  }
  const order = { bad: 0, warn: 1, info: 2 };
  return found.sort((a, b) => order[a.state] - order[b.state]);
}

/** Why a verdict is what it is: what the window looks like, where the plant has a sentence for it. */
export function why(result) {
  if (result.explanation) return result.explanation.text[language.value];
  if (result.reason) return said(result.reason);
  if (result.rule) return said(result.rule);
  if (result.score !== null && result.threshold !== null) return t("sensors.score_of", { score: result.score.toPrecision(3), threshold: result.threshold.toPrecision(3) });
  return "";
}

const NEEDS_MAX = 12;

function Needs({ needs, of }) {
  return html`<${Section} title=${t("overview.needs")} aside=${html`<${Age} at=${of.at} limit=${PAGE_FRESH_MS} />`}>
    <${Nothing} of=${of} count=${needs.length} empty=${`✓ ${t("overview.nothing_needs")}`} />
    <ul class="list needs">${needs.slice(0, NEEDS_MAX).map((one) => html`<li key=${one.id}>
      <${Badge} state=${one.state}>${t(`urgency.${one.state}`)}<//>
      <div><strong>${one.title}</strong><p>${one.why} ${one.at && html`<${Age} at=${one.at} />`}</p></div>
      <a class="button" href=${one.href} aria-label=${`${t("open")}: ${one.title}`}>${t("open")}</a>
    </li>`)}</ul>
    ${needs.length > NEEDS_MAX && html`<p class="quiet">${t("overview.more", { n: needs.length - NEEDS_MAX })}</p>`}
  <//>`;
}

function SensorsTile({ of, sensors, total }) {
  const by = (test) => sensors.filter(test).length;
  const abnormal = by((s) => s.state.last_result?.result === "abnormal"), stale = by((s) => s.enabled && s.state.freshness !== "fresh");
  const unscored = by((s) => s.state.last_result?.result === "unscored");
  const state = of.data === null ? "off" : abnormal ? "bad" : stale || unscored ? "warn" : "ok";
  const newest = sensors.reduce((at, s) => Math.max(at, ms(s.state.newest) ?? 0), 0) || null;
  return html`<${Tile} title=${t("place.sensors")} href=${to("sensors")} state=${state} word=${t(`tile.${state}`)} value=${html`${count(total)} <small>${t("overview.sensors")}</small>`}
    reason=${of.error?.message ?? t("overview.sensor_counts", { abnormal, stale, unscored })} at=${newest} />`;
}

function LineTile({ of }) {
  const day = of.data;
  const wip = day?.process_wip.reduce((sum, one) => sum + one.wip, 0);
  return html`<${Tile} title=${t("place.production")} href=${to("production")} state=${day ? "info" : "off"} word=${day ? t("overview.lots_active", { n: day.lots.length }) : t("tile.off")}
    value=${day && html`${count(day.total_completed)} <small>${t("overview.made")}</small>`}
    reason=${of.error?.message ?? (day && t("overview.line", { started: day.total_started, wip, defects: percent(day.defect_rate) }))} at=${of.at} limit=${PAGE_FRESH_MS} />`;
}

function InferenceTile({ of }) {
  const pool = of.data;
  const devices = pool?.devices ?? [];
  const works = devices.filter((d) => d.state === "ready" || d.state === "busy" || d.state === "idle");
  const down = devices.filter((d) => d.state === "down");
  const state = !pool ? "off" : down.length === devices.length ? "bad" : down.length ? "warn" : "ok";
  return html`<${Tile} title=${t("system.inference")} href=${to("system", "inference")} state=${state} word=${t(`tile.${state}`)}
    value=${pool && html`${devices.length - down.length}/${devices.length} <small>${t("overview.devices")}</small>`}
    reason=${of.error?.message ?? (pool && `${(works[0] ?? devices[0])?.label ?? ""} · ${t("overview.queued", { n: pool.queued })}`)} at=${of.at} limit=${PAGE_FRESH_MS} />`;
}

function Lots({ of }) {
  const lots = of.data?.lots ?? [];
  return html`<${Section} title=${t("overview.lots")} aside=${html`<${Age} at=${of.at} limit=${PAGE_FRESH_MS} />`}>
    <${Nothing} of=${of} count=${lots.length} empty=${t("production.no_lots")} />
    <ul class="list">${lots.slice(0, 6).map((lot) => html`<li key=${lot.id}><div class="line"><a class="linked" href=${to("production", "lots", String(lot.id))}>${lot.lot_number}</a>
      <span class="age">${lot.passed_quantity}/${lot.target_quantity} · ${percent(lot.progress, 0)}</span></div>
      <${Bar} value=${lot.progress} label=${lot.lot_number} /></li>`)}</ul>
  <//>`;
}

function Wip({ of }) {
  const stages = of.data?.process_wip ?? [];
  if (stages.length === 0) return null;
  return html`<${Section} title=${t("overview.wip")}><div class="board">${stages.map((one) => html`<div class="stage" key=${one.id}>
    <h3>${one.process_number}. ${named(one, "process_name")}</h3><span class="figure">${one.wip}</span><p>${t("board.split", { running: one.in_process, waiting: one.waiting })}</p></div>`)}</div><//>`;
}

export function Overview({ health }) {
  const now = useNow();
  const house = useData(() => get("/api/v1/system/overview"), { events: ["system."], every: 60000 });
  const sensors = useData(() => list(`/api/sensors?limit=${SENSORS_MAX}`), { events: ["sensing."], every: 30000, least: 3000 });
  const alerts = useData(() => (may("plant") ? get("/api/v1/alerts?status=UNREAD&limit=20") : { alerts: [] }), { events: ["alerts."], every: 60000 });
  const day = useData(() => (may("plant") ? get("/api/v1/dashboard/summary") : null), { events: ["production."], every: 30000, least: 3000 });
  const pool = useData(() => get("/api/v1/system/inference"), { events: ["system."], every: 20000 });
  const needs = needsOf(health.data, sensors.data?.items, alerts.data?.alerts, now);
  return html`<${Verdict} health=${health} house=${house} needs=${needs.length} />
    <div class="tiles even">
      <${SensorsTile} of=${sensors} sensors=${sensors.data?.items ?? []} total=${sensors.data?.total} />
      ${may("plant") && html`<${LineTile} of=${day} />`}
      <${InferenceTile} of=${pool} />
      ${may("plant") && html`<${Tile} title=${t("place.alerts")} href=${to("alerts")} state=${alerts.data?.unread_count ? "warn" : "ok"} word=${t(alerts.data?.unread_count ? "tile.warn" : "tile.ok")}
        value=${html`${count(alerts.data?.unread_count)} <small>${t("alerts.unread")}</small>`} reason=${alerts.error?.message} at=${alerts.at} limit=${PAGE_FRESH_MS} />`}
    </div>
    <div class="columns lean"><${Needs} needs=${needs} of=${sensors} />${may("plant") && html`<${Lots} of=${day} />`}</div>
    ${may("plant") && html`<${Wip} of=${day} />`}`;
}
