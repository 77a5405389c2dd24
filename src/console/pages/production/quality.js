// What goes wrong, where, and how well measured values keep within their limits.
import { html, useMemo, useState } from "../../lib/ui.js";
import { get } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { measure, named, t, word } from "../../lib/i18n.js";
import { count, number, percent } from "../../lib/format.js";
import { Age, Field, Nothing, Section, Table, Tile } from "../../lib/parts.js";
import { Chart, Pareto } from "../../lib/charts.js";

const DAY_MS = 86400000;
const SPANS = ["1", "7", "30", "90"];
const CUTS = ["by_code", "by_process", "by_operator", "by_equipment", "by_severity"];
const dayOf = (at) => new Date(at - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 10);

export function Quality() {
  const [days, setDays] = useState("7");
  const [cut, setCut] = useState("by_code");
  const since = dayOf(Date.now() - (Number(days) - 1) * DAY_MS);
  const span = `start_date=${since}&end_date=${dayOf(Date.now())}`;
  const options = { events: ["production.completed"], every: 60000, least: 5000, deps: [days] };
  const defects = useData(() => get(`/api/v1/analytics/defects?${span}`), options);
  const quality = useData(() => get(`/api/v1/analytics/quality-metrics?${span}`), options);
  const trend = useData(() => get(`/api/v1/analytics/defect-trends?${span}`), options);
  const bars = (defects.data?.[cut] ?? []).map((bar) => ({ ...bar, name: cut === "by_severity" ? word("defect", bar.key) : word("defect_code", bar.key) }));
  const series = useMemo(() => {
    const found = trend.data ?? [];
    return [found.map((day) => Date.parse(`${day.date}T12:00:00`) / 1000), found.map((day) => day.defects)];
  }, [trend.data]);
  const q = quality.data;
  return html`<div class="filters"><${Field} label=${t("quality.days")} as="select" value=${days} onValue=${setDays}>${SPANS.map((n) => html`<option value=${n}>${t("unit.d", { n })}</option>`)}<//>
      <span class="push"><${Age} at=${quality.at} limit=${90000} /></span></div>
    <${Nothing} of=${quality} count=${1} />
    <div class="tiles even">
      <${Tile} title=${t("quality.fpy")} value=${percent(q?.first_pass_yield)} reason=${t("quality.fpy_why")} at=${quality.at} />
      <${Tile} title=${t("quality.rty")} value=${percent(q?.rolled_throughput_yield)} reason=${t("quality.rty_why")} at=${quality.at} />
      <${Tile} title=${t("quality.pass")} value=${percent(q?.pass_rate)} reason=${q && `${t("result.PASS")} ${count(q.passed_serials)} · ${t("result.FAIL")} ${count(q.failed_serials)}`} at=${quality.at} />
      <${Tile} title=${t("quality.reworks")} value=${count(q?.reworks)} reason=${q && t("quality.scrapped", { n: q.scrapped_serials })} at=${quality.at} />
    </div>
    <div class="columns">
      <${Section} title=${t("quality.pareto", { n: defects.data?.total ?? "…" })}>
        <${Field} label=${t("quality.cut")} as="select" value=${cut} onValue=${setCut}>${CUTS.map((one) => html`<option value=${one}>${t(`quality.${one}`)}</option>`)}<//>
        <${Nothing} of=${defects} count=${bars.length} empty=${`✓ ${t("quality.none")}`} />
        <${Pareto} of=${bars} label=${t("quality.pareto", { n: defects.data?.total ?? 0 })} />
      <//>
      <${Section} title=${t("quality.trend")}>
        ${series[0].length > 0 && html`<${Chart} data=${series} series=${[{ label: t("board.defects"), ink: "warn", bars: true }]} height=${240} label=${t("quality.trend")} />`}
      <//>
    </div>
    <${Section} title=${t("quality.yields")}><${Table} label=${t("quality.yields")} rows=${q?.processes ?? []} id=${(p) => p.id} columns=${[
      { label: t("board.process"), cell: (p) => `${p.process_number}. ${named(p, "process_name")}` },
      { label: t("quality.first"), numeric: true, cell: (p) => count(p.first_attempts) },
      { label: t("result.PASS"), numeric: true, cell: (p) => count(p.first_passed) },
      { label: t("quality.fpy"), numeric: true, cell: (p) => percent(p.first_pass_yield) },
    ]} /><//>
    <${Section} title=${t("quality.capability")}><${Table} label=${t("quality.capability")} rows=${q?.capability ?? []} id=${(c) => `${c.process_number} ${c.name}`} columns=${[
      { label: t("board.process"), numeric: true, cell: (c) => c.process_number }, { label: t("quality.measure"), cell: (c) => measure(c.name) }, { label: "n", numeric: true, cell: (c) => count(c.n) },
      { label: t("board.mean_value"), numeric: true, cell: (c) => number(c.mean, 5) }, { label: "σ", numeric: true, cell: (c) => number(c.sigma) }, { label: "LSL", numeric: true, cell: (c) => number(c.lower) },
      { label: "USL", numeric: true, cell: (c) => number(c.upper) }, { label: "Cp", numeric: true, cell: (c) => number(c.cp) }, { label: "Cpk", numeric: true, cell: (c) => number(c.cpk) },
    ]} /><//>
    <${Section} title=${t("quality.components")}><${Table} label=${t("quality.components")} rows=${defects.data?.by_component_lot ?? []} id=${(c) => `${c.kind} ${c.component_lot}`} columns=${[
      { label: t("trace.part"), cell: (c) => word("component", c.kind) }, { label: t("trace.part_lot"), mono: true, cell: (c) => c.component_lot }, { label: t("quality.used"), numeric: true, cell: (c) => count(c.used) },
      { label: t("board.defects"), numeric: true, cell: (c) => count(c.defects) }, { label: t("lots.defect_rate"), numeric: true, cell: (c) => percent(c.defect_rate) },
    ]} /><//>`;
}
