// The sensors: how each is, with a trace of its last window; and the way to one of them.
import { html, useMemo, useState } from "../lib/ui.js";
import { get, list, may, post } from "../lib/api.js";
import { useData } from "../lib/live.js";
import { t, word } from "../lib/i18n.js";
import { number } from "../lib/format.js";
import { Act, Age, Badge, Field, Nothing, Pager } from "../lib/parts.js";
import { Sparkline } from "../lib/charts.js";
import { to } from "../lib/place.js";
import { Sensor } from "./sensing/sensor.js";
import { Register } from "./sensing/register.js";
import { Schedule } from "./sensing/schedule.js";
import { why } from "./overview.js";

const LIMIT = 50;
const TRACE_POINTS = 120;
export const VERDICT = { normal: "ok", abnormal: "bad", insufficient_data: "wait", unscored: "warn" };

export const Verdict = ({ result }) => result
  ? html`<${Badge} state=${VERDICT[result.result]}>${word("verdict", result.result)}<//>`
  : html`<${Badge} state="off">${t("verdict.none")}<//>`;

/** Whether it speaks, in a word. */
export function Freshness({ sensor }) {
  const { state } = sensor;
  if (state.freshness === "never") return html`<span class="age">${t("sensors.never")}</span>`;
  return html`<${Age} at=${state.newest} limit=${state.freshness_limit_s * 1000} />`;
}

function Row({ sensor, trace }) {
  const { state } = sensor;
  const result = state.last_result;
  const name = sensor.name || sensor.sensor_id;
  const ink = result?.result === "abnormal" ? "bad" : "trace";
  return html`<article class=${`tile ${result?.result === "abnormal" ? "is-bad" : ""}`}>
    <header><h3><a href=${to("sensors", sensor.sensor_id)}>${name}</a></h3></header>
    <${Sparkline} values=${trace ?? []} ink=${ink} label=${t("sensors.trace_label", { name, value: number(state.last_value, 5), unit: sensor.unit ?? "" })} />
    <div class="line"><p class="figure">${number(state.last_value, 5)} <small>${sensor.unit}</small></p><${Verdict} result=${result} /></div>
    ${result && html`<p class="reason">${why(result)}</p>`}
    <footer><${Freshness} sensor=${sensor} /><span class="age">${state.window_readings}/${state.window_needed}${sensor.enabled ? "" : ` · ${t("sensors.disabled")}`}</span></footer>
  </article>`;
}

function List() {
  const [skip, setSkip] = useState(0);
  const [wanted, setWanted] = useState("");
  const [only, setOnly] = useState("");
  const [adding, setAdding] = useState(false);
  const found = useData(async () => {
    const page = await list(`/api/sensors?skip=${skip}&limit=${LIMIT}`);
    const ids = page.items.map((s) => s.sensor_id).join(",");
    const traces = ids ? await get(`/api/sparklines?ids=${encodeURIComponent(ids)}&points=${TRACE_POINTS}`) : [];
    return { ...page, traces: new Map(traces.map((one) => [one.sensor_id, one.values])) };
  }, { events: ["sensing."], every: 30000, least: 2500, deps: [skip] });
  const shown = useMemo(() => (found.data?.items ?? []).filter((s) => {
    const text = `${s.sensor_id} ${s.name ?? ""} ${s.line ?? ""} ${s.equipment ?? ""}`.toLowerCase();
    if (!text.includes(wanted.trim().toLowerCase())) return false;
    if (only === "stale") return s.state.freshness !== "fresh";
    return !only || s.state.last_result?.result === only;
  }), [found.data, wanted, only]);
  const analyse = async () => { await post("/api/analyze/all", {}); found.reload(); };
  return html`<div class="filters">
      <${Field} label=${t("find")} value=${wanted} onValue=${setWanted} type="search" />
      <${Field} label=${t("sensors.only")} as="select" value=${only} onValue=${setOnly}>
        <option value="">${t("all")}</option>
        ${Object.keys(VERDICT).map((v) => html`<option value=${v}>${word("verdict", v)}</option>`)}
        <option value="stale">${t("sensors.stale")}</option>
      <//>
      ${may("line") && html`<${Act} kind="primary" work=${analyse} done=${t("sensors.analysed")}>${t("sensors.analyse_all")}<//>`}
      ${may("lead") && html`<button type="button" aria-pressed=${adding} onClick=${() => setAdding(!adding)}>${t("sensors.register")}</button>`}
      <span class="push"><${Age} at=${found.at} limit=${90000} /></span>
    </div>
    ${adding && html`<${Register} done=${() => { setAdding(false); found.reload(); }} />`}
    <${Nothing} of=${found} empty=${t("sensors.none")} count=${shown.length} />
    <div class="tiles">${shown.map((s) => html`<${Row} key=${s.sensor_id} sensor=${s} trace=${found.data.traces.get(s.sensor_id)} />`)}</div>
    <${Pager} skip=${skip} limit=${LIMIT} total=${found.data?.total ?? 0} go=${setSkip} />
    <${Schedule} />`;
}

export function Sensors({ parts, title, query }) {
  return parts[0] ? html`<${Sensor} key=${parts[0]} id=${parts[0]} title=${title} query=${query} />` : html`<${List} />`;
}
