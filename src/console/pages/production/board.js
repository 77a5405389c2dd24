// The processes side by side: work in progress, pace against plan, and the one that holds the line up.
import { html } from "../../lib/ui.js";
import { get } from "../../lib/api.js";
import { useData, useNow } from "../../lib/live.js";
import { named, t } from "../../lib/i18n.js";
import { count, duration, ms, number, percent } from "../../lib/format.js";
import { Age, Badge, Nothing, Section, Table, Tile } from "../../lib/parts.js";
import { to } from "../../lib/place.js";

const FRESH_MS = 90000;

function Stage({ one }) {
  const now = useNow();
  const slow = one.planned_seconds && one.mean_cycle_time_seconds > one.planned_seconds;
  return html`<div class=${`stage ${one.is_bottleneck ? "narrow" : ""}`}>
    <h3>${one.process_number}. ${named(one, "process_name")}</h3>
    ${one.is_bottleneck && html`<${Badge} state="warn">${t("board.bottleneck")}<//>`}
    <span class="figure">${one.wip}</span>
    <p>${t("board.split", { running: one.in_process, waiting: one.waiting })}</p>
    <p class=${slow ? "warn" : ""}>${slow ? "▲ " : ""}${t("board.pace", { mean: number(one.mean_cycle_time_seconds), plan: one.planned_seconds ?? "–" })}</p>
    ${one.oldest_started_at && html`<p>${t("board.oldest", { span: duration(now - ms(one.oldest_started_at)) })}</p>`}
  </div>`;
}

export function Board() {
  const day = useData(() => get("/api/v1/dashboard/summary"), { events: ["production."], every: 30000, least: 2000 });
  const line = useData(() => get("/api/v1/dashboard/processes"), { events: ["production."], every: 30000, least: 2000 });
  const real = useData(() => get("/api/v1/analytics/realtime-status"), { events: ["production."], every: 30000, least: 3000 });
  const today = day.data, delayed = real.data?.delayed_runs ?? [];
  return html`<div class="tiles even">
      <${Tile} title=${t("board.started")} value=${count(today?.total_started)} at=${day.at} limit=${FRESH_MS} />
      <${Tile} title=${t("board.completed")} value=${count(today?.total_completed)} state="ok" at=${day.at} limit=${FRESH_MS} />
      <${Tile} title=${t("board.defects")} value=${count(today?.total_defective)} reason=${percent(today?.defect_rate)} state=${today?.total_defective ? "warn" : "ok"} word=${t(today?.total_defective ? "tile.warn" : "tile.ok")} at=${day.at} limit=${FRESH_MS} />
      <${Tile} title=${t("board.held")} value=${count(real.data?.held_equipment)} href=${to("production", "holds")} state=${real.data?.held_equipment ? "bad" : "ok"} word=${t(real.data?.held_equipment ? "tile.bad" : "tile.ok")} at=${real.at} limit=${FRESH_MS} />
    </div>
    <${Section} title=${t("board.title")} aside=${html`<${Age} at=${line.at} limit=${FRESH_MS} />`}>
      <${Nothing} of=${line} count=${line.data?.length} empty=${t("board.none")} />
      <div class="board">${(line.data ?? []).map((one) => html`<${Stage} key=${one.id} one=${one} />`)}</div>
    <//>
    <${Section} title=${t("board.today")}>
      ${line.data && html`<${Table} label=${t("board.today")} rows=${line.data} id=${(r) => r.id} columns=${[
        { label: t("board.process"), cell: (r) => `${r.process_number}. ${named(r, "process_name")}` },
        { label: t("board.runs"), numeric: true, cell: (r) => count(r.today?.started ?? r.today?.runs) },
        { label: t("result.PASS"), numeric: true, cell: (r) => count(r.today?.passed) },
        { label: t("result.FAIL"), numeric: true, cell: (r) => count(r.today?.failed) },
        { label: t("board.mean"), numeric: true, cell: (r) => number(r.mean_cycle_time_seconds) },
        { label: t("board.plan"), numeric: true, cell: (r) => number(r.planned_seconds) },
      ]} />`}
    <//>
    <${Section} title=${t("board.delayed", { n: delayed.length })}>
      <${Table} label=${t("board.delayed", { n: delayed.length })} rows=${delayed} id=${(r) => r.process_data_id} empty=${`✓ ${t("board.none_delayed")}`} columns=${[
        { label: t("production.number"), cell: (r) => html`<a href=${to("production", "serials", r.number)}>${r.number}</a>` },
        { label: t("board.process"), numeric: true, cell: (r) => r.process_number },
        { label: t("board.elapsed"), numeric: true, cell: (r) => duration(r.elapsed_seconds * 1000) },
        { label: t("board.plan"), numeric: true, cell: (r) => duration(r.planned_seconds * 1000) },
      ]} />
    <//>`;
}
