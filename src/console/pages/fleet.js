// The fleet: roads, vehicles as they move, the plan and its cut, what happened, and the last hour again.
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { get, may, patch, rows } from "../lib/api.js";
import { useData } from "../lib/live.js";
import { t, word } from "../lib/i18n.js";
import { clock, number } from "../lib/format.js";
import { Age, Badge, Bar, Field, Form, Nothing, Problem, Section, Table } from "../lib/parts.js";
import { Front } from "./fleet/front.js";
import { MapView } from "./fleet/map.js";
import { Replay } from "./fleet/replay.js";

const KEPT = "nightshift.map";
const STATE = { normal: "ok", half_destroyed: "warn", complete_destroyed: "bad" };
const EVENT = { run: "warn", catch: "ok", failed: "bad" };
const FRESH_MS = 10000;

/** The vehicles as the front hears of them, drawn at most ten times a second. */
function useFront() {
  const front = useRef(null);
  const [seen, set] = useState({ vehicles: new Map(), plans: [], state: "connecting", at: null });
  useEffect(() => {
    let due = 0;
    const draw = () => {
      due = 0;
      set(front.current.snapshot());
    };
    front.current = new Front(() => { due ||= setTimeout(draw, 100); });
    return () => {
      clearTimeout(due);
      front.current.close();
    };
  }, []);
  return seen;
}

function Plan({ plan, name }) {
  return html`<li><div class="line"><${Badge} state=${plan.closed ? "ok" : "warn"}>${t(plan.closed ? "fleet.closed" : "fleet.open")}<//><strong>${name(plan.runner_id)}</strong><span>${t("fleet.plan_no", { n: plan.plan_no })}</span>
      ${!plan.closed && html`<span class="warn">▲ ${t("fleet.escapes", { n: plan.escapes.length })}</span>`}
      ${plan.chaser && html`<span>${t("fleet.chaser", { name: name(plan.chaser.id) })}</span>${!plan.chaser.told && html`<${Badge} state="warn">${t("fleet.not_told")}<//>`}`}<${Age} at=${plan.updated_at} /></div>
    <${Table} label=${t("fleet.assignments")} rows=${plan.assignments} id=${(a) => a.id} columns=${[
      { label: t("fleet.car"), cell: (a) => name(a.id) }, { label: t("fleet.node"), numeric: true, cell: (a) => a.node_id },
      { label: `${t("fleet.eta")} / ${t("fleet.by")}`, numeric: true, cell: (a) => `${number(a.eta_s)} / ${number(a.arrive_by_s)} s` },
      { label: t("fleet.told"), cell: (a) => html`<${Badge} state=${a.told ? "ok" : "warn"}>${t(a.told ? "yes" : "fleet.not_told")}<//>` },
    ]} /></li>`;
}

function Vehicle({ vehicle, row, again }) {
  const [name, set] = useState(null);
  const rename = async () => { await patch(`/vehicles/${row.id}`, { car_name: name.trim() }); set(null); again(); };
  const isPolice = vehicle.kind === 0;
  return html`<li class="vehicle"><div><div class="line"><strong>${isPolice ? "▣" : "◆"} ${vehicle.name}</strong><span class="age">${t(isPolice ? "fleet.police" : "fleet.runner")}</span>
      ${isPolice && vehicle.status !== undefined && html`<${Badge} state=${STATE[vehicle.status]}>${word("vehicle", vehicle.status)}<//>`}
      ${row?.freshness && row.freshness.state !== "ONLINE" && html`<span class="warn">▲ ${word("freshness", row.freshness.state)}</span>`}<${Age} at=${vehicle.at} limit=${FRESH_MS} /></div>
    ${isPolice && vehicle.fuel !== undefined && html`<div class="line"><span class="age">${t("fleet.fuel", { n: vehicle.fuel })}</span><${Bar} value=${vehicle.fuel} state=${vehicle.fuel < 20 ? "bad" : "ok"} label=${t("fleet.fuel", { n: vehicle.fuel })} /><span class="age">${t("fleet.collisions", { n: vehicle.collisions })}</span></div>`}</div>
    ${may("lead") && row && (name === null ? html`<button type="button" onClick=${() => set(row.car_name)}>${t("fleet.rename")}</button>`
      : html`<${Form} work=${rename} submit=${t("save")}><${Field} label=${t("fleet.name")} name="car_name" value=${name} onValue=${set} required maxlength="50" /><//>`)}
  </li>`;
}

export function Fleet() {
  const maps = useData(() => get("/maps"), { every: 600000 });
  const vehicles = useData(() => get("/vehicles"), { events: ["fleet."], every: 30000, least: 2000 });
  const events = useData(() => get("/vehicles/events?limit=100"), { events: ["fleet."], every: 30000, least: 1000 });
  const [chosen, choose] = useState(() => Number(localStorage.getItem(KEPT)) || null);
  const all = rows(maps.data, "maps"), front = useFront();
  const moving = [...front.vehicles.values()];
  const mapId = chosen ?? moving.find((v) => v.mapId)?.mapId ?? all[0]?.map_id;
  const map = useData(() => (mapId ? get(`/maps/${mapId}`) : null), { every: 3600000, deps: [mapId] });
  const [past, setPast] = useState(null);
  const known = rows(vehicles.data, "vehicles"), byId = useMemo(() => new Map(known.map((v) => [v.id, v])), [vehicles.data]);
  const name = (id) => front.vehicles.get(id)?.name ?? byId.get(id)?.car_name ?? known.find((v) => v.vehicle_id === id)?.car_name ?? `#${id}`;
  const shown = (past ?? moving).filter((v) => v.mapId === undefined || v.mapId === mapId);
  const plans = past ? [] : front.plans.filter((plan) => plan.map_id === mapId);
  const happened = rows(events.data, "events");
  const pick = (value) => {
    localStorage.setItem(KEPT, value);
    choose(Number(value));
  };
  return html`<div class="filters">
      <${Field} label=${t("fleet.map")} as="select" value=${mapId ?? ""} onValue=${pick}>${all.map((m) => html`<option value=${m.map_id}>${m.map_name}</option>`)}<//>
      <${Badge} state=${{ open: "ok", connecting: "wait", lost: "bad" }[front.state]}>${t(`fleet.front_${front.state}`)}<//>
      ${past && html`<${Badge} state="warn">${t("fleet.replaying")}<//>`}<span class="push"><${Age} at=${front.at} limit=${FRESH_MS} prefix=${t("fleet.positions")} /></span>
    </div>
    <${Problem} error=${map.error ?? maps.error} again=${map.reload} />
    <div class="columns lean">
      <div class="list">
        <${MapView} map=${map.data} vehicles=${shown} plans=${plans} label=${t("fleet.map_label", { n: shown.length })} />
        <p class="legend"><span><b>▣</b> ${t("fleet.police")}</span><span><b>◆</b> ${t("fleet.runner")}</span><span><b>✕</b> ${t("fleet.cut")}</span><span><b>○</b> ${t("fleet.exit")}</span><span><b>┄</b> ${t("fleet.way")}</span><span>${t("fleet.move")}</span></p>
        <${Replay} show=${setPast} known=${known} />
      </div>
      <div class="list">
        <${Section} title=${t("fleet.plan")}>${front.plans.length === 0 && html`<p class="quiet">${t("fleet.no_plan")}</p>`}
          <ul class="list">${front.plans.map((plan) => html`<${Plan} key=${plan.runner_id} plan=${plan} name=${name} />`)}</ul><//>
        <${Section} title=${t("fleet.vehicles", { n: front.vehicles.size || known.length })}>
          <${Nothing} of=${vehicles} count=${known.length + front.vehicles.size} empty=${t("fleet.no_vehicles")} />
          <ul class="list">${moving.map((v) => html`<${Vehicle} key=${v.id} vehicle=${v} row=${byId.get(v.id)} again=${vehicles.reload} />`)}</ul>
        <//>
        <${Section} title=${t("fleet.events")} aside=${html`<${Age} at=${events.at} limit=${60000} />`}>
          <${Nothing} of=${events} count=${happened.length} empty=${t("fleet.no_events")} />
          <ul class="list">${happened.slice(0, 40).map((e) => html`<li key=${e.id}><div class="line"><${Badge} state=${EVENT[e.status]}>${word("fleet_event", e.status)}<//><span>${e.catcher_id !== null ? `${name(e.catcher_id)} → ` : ""}${name(e.runner_id)}</span><span class="age push">${clock(e.created_at)}</span></div></li>`)}</ul>
        <//>
      </div>
    </div>`;
}
