// One sensor: readings with the score and anomalous spans shaded, results, thresholds, and a score now.
import { html, useEffect, useMemo, useState } from "../../lib/ui.js";
import { get, list, may, post, remove } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { count, dateTime, ms, number } from "../../lib/format.js";
import { Act, Age, Facts, Nothing, Pager, Problem, Section, Table } from "../../lib/parts.js";
import { Chart } from "../../lib/charts.js";
import { go } from "../../lib/place.js";
import { Freshness, Verdict } from "../sensors.js";
import { why } from "../overview.js";
import { Thresholds } from "./thresholds.js";

const HOUR_MS = 3600000;
const RANGES = { window: null, day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 720 * HOUR_MS };
const POINTS = 1500;
const RESULTS_MAX = 1000;

/** Spans in which results in a row were abnormal, seconds. */
function abnormalSpans(results, step) {
  const spans = [];
  for (const result of [...results].sort((a, b) => ms(a.as_of) - ms(b.as_of))) {
    if (result.result !== "abnormal") continue;
    const at = ms(result.as_of) / 1000, last = spans.at(-1);
    if (last && at - last.to <= step * 1.5) last.to = at;
    else spans.push({ from: at - step, to: at, ink: "bad" });
  }
  return spans;
}

/** Spans of readings whose own score is above the threshold, seconds. */
function scoredSpans(scored, interval) {
  if (!scored || scored.threshold === null) return [];
  const spans = [];
  for (const one of scored.readings) {
    if (one.score === null || one.score <= scored.threshold) continue;
    const at = ms(one.time) / 1000, last = spans.at(-1);
    if (last && at - last.to <= interval * 2) last.to = at + interval / 2;
    else spans.push({ from: at - interval / 2, to: at + interval / 2, ink: "bad" });
  }
  return spans;
}

/** Readings and scores on one axis of time; a gap stays a gap. */
function columns(readings, scored, interval, thinned) {
  const scores = new Map((scored?.readings ?? []).map((one) => [ms(one.time), one.score]));
  const x = [], y = [], s = [];
  let before = null;
  for (const reading of readings) {
    const at = ms(reading.time);
    if (before !== null && !thinned && at - before > interval * 3000) { x.push((before + at) / 2000); y.push(null); s.push(null); }
    x.push(at / 1000);
    y.push(reading.value);
    s.push(scores.get(at) ?? null);
    before = at;
  }
  return [x, y, s];
}

function Readings({ sensor, results, scored, range }) {
  const span = RANGES[range] ?? sensor.interval_s * 720 * 1000;
  const newest = ms(sensor.state.newest);
  const found = useData(() => (newest === null ? [] : get(`/api/sensors/${encodeURIComponent(sensor.sensor_id)}/readings?start=${Math.round(newest - span)}&points=${POINTS}`)), { deps: [sensor.sensor_id, range, newest], every: 600000 });
  const readings = found.data ?? [];
  const isWindow = RANGES[range] === null;
  const step = readings.length ? Math.min(3600, Math.max(sensor.interval_s, span / 1000 / 100)) : sensor.interval_s;
  const data = useMemo(() => columns(readings, isWindow ? scored.data : null, sensor.interval_s, !isWindow), [found.data, scored.data, range]);
  const spans = useMemo(() => (isWindow && scored.data ? scoredSpans(scored.data, sensor.interval_s) : abnormalSpans(results, step)), [scored.data, results, step, range]);
  const hasScores = isWindow && scored.data?.readings.some((one) => one.score !== null);
  const series = [{ label: sensor.unit ? `${t("sensors.value")} (${sensor.unit})` : t("sensors.value"), ink: "trace" }];
  if (hasScores) series.push({ label: t("sensors.score"), ink: "second", scale: "score", width: 1 });
  const levels = [
    { value: sensor.thresholds?.low, ink: "warn" }, { value: sensor.thresholds?.high, ink: "warn" },
    ...(hasScores ? [{ value: scored.data.threshold, ink: "bad", scale: "score" }] : []),
  ];
  if (found.data === null || readings.length === 0) return html`<${Nothing} of=${found} count=${readings.length} empty=${t("sensors.no_readings")} />`;
  return html`<${Chart} data=${hasScores ? data : data.slice(0, 2)} series=${series} spans=${spans} levels=${levels} height=${320}
      label=${t("sensors.chart_label", { name: sensor.name || sensor.sensor_id, n: spans.length })} />
    <p class="legend"><span>${t("sensors.shaded", { n: spans.length })}</span><span>${t("sensors.dashed")}</span><span>${t("sensors.zoom")}</span></p>
    ${scored.error && html`<p class="reason">${scored.error.message}</p>`}`;
}

function Results({ found, skip, setSkip, limit }) {
  const results = found.data?.items ?? [];
  return html`<${Section} title=${t("sensors.results")} aside=${html`<${Age} at=${results[0]?.inference_time} />`}>
    <${Nothing} of=${found} empty=${t("verdict.none")} count=${results.length} />
    ${results.length > 0 && html`<${Table} label=${t("sensors.results")} rows=${results.slice(skip, skip + limit)} id=${(r) => r.id} columns=${[
      { label: t("time"), cell: (r) => dateTime(r.inference_time) },
      { label: t("sensors.verdict"), cell: (r) => html`<${Verdict} result=${r} />` },
      { label: t("sensors.score"), numeric: true, cell: (r) => number(r.score) },
      { label: t("sensors.threshold"), numeric: true, cell: (r) => number(r.threshold) },
      { label: t("sensors.by"), cell: (r) => r.rule ? t("sensors.rule") : r.model ?? "–" },
      { label: t("sensors.device"), cell: (r) => word("device_at", r.device) },
      { label: t("why"), cell: (r) => why(r) },
    ]} />
    <${Pager} skip=${skip} limit=${limit} total=${results.length} go=${setSkip} />`}
  <//>`;
}

function Provenance({ result }) {
  if (!result) return null;
  return html`<${Facts} of=${[
    [t("sensors.model"), result.model], [t("sensors.digest"), result.digest && html`<code title=${result.digest}>${result.digest.slice(0, 12)}…</code>`],
    [t("sensors.device"), result.device && word("device_at", result.device)], [t("sensors.window"), result.window && `${dateTime(result.window.start)} – ${dateTime(result.window.end)}`],
    [t("sensors.readings"), result.window && t("sensors.window_facts", { n: result.window.count, gaps: result.window.gaps })],
    [t("sensors.calibration"), result.calibration && t("sensors.calibrated", { n: result.calibration.windows, rate: number(result.calibration.false_alarm_rate * 100) })],
  ]} />`;
}

export function Sensor({ id, title, query }) {
  const path = encodeURIComponent(id);
  const range = query.get("range") in RANGES ? query.get("range") : "window";
  const [skip, setSkip] = useState(0);
  const found = useData(() => get(`/api/sensors/${path}`), { events: ["sensing."], every: 30000, least: 3000, deps: [id] });
  const results = useData(() => list(`/api/results/${path}?limit=${RESULTS_MAX}`), { events: ["sensing.verdict"], every: 120000, least: 5000, deps: [id] });
  const scored = useData(() => get(`/api/sensors/${path}/scores`), { events: ["sensing.verdict"], every: 60000, least: 5000, deps: [id] });
  const sensor = found.data;
  useEffect(() => { if (sensor) title(sensor.name || id); }, [sensor?.name]);
  if (!sensor) return html`<${Nothing} of=${found} count=${1} />`;
  const { state } = sensor, { account } = state;
  const analyse = async () => {
    await post(`/api/analyze/${path}`, {});
    found.reload();
    results.reload();
    scored.reload();
  };
  const drop = async () => {
    await remove(`/api/sensors/${path}`);
    go("sensors");
  };
  return html`<${Problem} error=${found.error} again=${found.reload} />
    <${Section} title=${html`${number(state.last_value, 6)} ${sensor.unit ?? ""}`} aside=${html`<${Verdict} result=${state.last_result} /> <${Freshness} sensor=${sensor} />`}>
      ${state.last_result && html`<p class="reason">${why(state.last_result)}</p>`}
      <div class="actions">
        ${may("line") && html`<${Act} kind="primary" work=${analyse} done=${t("sensors.analysed")}>${t("sensors.analyse")}<//>`}
        ${Object.keys(RANGES).map((one) => html`<a key=${one} class="button" aria-current=${one === range ? "true" : null} href=${`#/sensors/${path}?range=${one}`}>${one === range ? "● " : ""}${t(`range.${one}`)}</a>`)}
      </div>
      <${Readings} sensor=${sensor} results=${results.data?.items ?? []} scored=${scored} range=${range} />
    <//>
    <div class="columns">
      <${Section} title=${t("sensors.rests_on")}><${Provenance} result=${state.last_result} /><//>
      <${Section} title=${t("sensors.account")} aside=${html`<${Age} at=${found.at} limit=${90000} />`}>
        <${Facts} of=${["offered", "stored", "duplicate", "late", "rejected", "unaccounted"].map((name) => [t(`account.${name}`), count(account[name])])} />
        <p class=${account.unaccounted === 0 ? "ok" : "bad"}>${account.unaccounted === 0 ? `✓ ${t("account.balances")}` : `✕ ${t("account.does_not")}`}</p>
      <//>
    </div>
    <div class="columns">
      <${Thresholds} sensor=${sensor} done=${found.reload} />
      <${Section} title=${t("sensors.registration")}>
        <${Facts} of=${[
          [t("sensors.id"), html`<code>${sensor.sensor_id}</code>`], [t("sensors.interval"), `${sensor.interval_s} s`], [t("sensors.source"), word("source", sensor.source)],
          [t("sensors.line"), sensor.line], [t("sensors.equipment"), sensor.equipment], [t("sensors.retention"), t("unit.d", { n: sensor.retention_days })],
          [t("sensors.freshness"), `${state.freshness_limit_s} s`], [t("sensors.location"), sensor.location && `${sensor.location.latitude}, ${sensor.location.longitude}`], [t("sensors.since"), dateTime(sensor.created_at)],
        ]} />
        ${may("lead") && html`<div class="actions"><${Act} kind="danger" confirm=${t("sensors.remove_sure", { id })} work=${drop} done=${t("removed")}>${t("sensors.remove")}<//></div>`}
      <//>
    </div>
    <${Results} found=${results} skip=${skip} setSkip=${setSkip} limit=${20} />`;
}
