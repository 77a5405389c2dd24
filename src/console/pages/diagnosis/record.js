// One record: what came of it, and its rotation, position and score over time.
import { html, useEffect, useMemo } from "../../lib/ui.js";
import { blob, get, rows } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { dateTime, number } from "../../lib/format.js";
import { Act, Facts, Nothing, Section } from "../../lib/parts.js";
import { Chart } from "../../lib/charts.js";
import uPlot from "../../vendor/uplot.js";
import { to } from "../../lib/place.js";

const POINTS = 1200;
const INKS = ["trace", "second", "warn"];
/** Which series share a chart. */
const GROUPS = [
  ["diagnosis.rotation", /^rotation_/i],
  ["diagnosis.position", /^position_/i],
  ["diagnosis.score", /^score$/i],
];

/** Lines that are each thinned at places of their own, on one axis of time. */
function joined(lines) {
  return uPlot.join(lines.map((line) => [line.points.map(([at]) => at), line.points.map(([, value]) => value)]));
}

function Group({ title, lines }) {
  const data = useMemo(() => joined(lines), [lines]);
  const series = lines.map((line, i) => ({ label: line.name, ink: INKS[i % INKS.length], spanGaps: true }));
  return html`<${Section} title=${title}><${Chart} data=${data} series=${series} time=${false} height=${260} label=${`${title}: ${lines.map((line) => line.name).join(", ")}`} /><//>`;
}

/** How the patient did in this exercise before and since. */
function Progress({ record }) {
  const query = `patient_id=${record.patient_id}&type=${record.type}&level=${record.level}`;
  const found = useData(() => get(`/diagnosis/record/compare?${query}`), { every: 600000, deps: [query] });
  const all = rows(found.data, "records");
  const data = useMemo(() => [all.map((one) => Date.parse(one.created_at) / 1000), all.map((one) => one.score), all.map((one) => one.success_rate)], [found.data]);
  if (all.length < 2) return null;
  const series = [{ label: t("diagnosis.score"), ink: "trace", points: true }, { label: t("diagnosis.success"), ink: "second", points: true, scale: "share", dash: [6, 4] }];
  return html`<${Section} title=${t("diagnosis.progress", { n: all.length })}><${Chart} data=${data} series=${series} height=${240} label=${t("diagnosis.progress", { n: all.length })} /><//>`;
}

export function Record({ id, title }) {
  const facts = useData(() => get(`/diagnosis/record/${id}/metadata`), { every: 600000, deps: [id] });
  const charts = useData(() => get(`/diagnosis/record/${id}/series?points=${POINTS}`), { every: 600000, deps: [id] });
  const record = facts.data;
  const lines = charts.data?.series ?? [];
  useEffect(() => { if (record) title(`${word("exercise", record.type)} · ${dateTime(record.created_at)}`); }, [record]);
  const download = async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await blob(`/diagnosis/record/${id}/file`));
    link.download = record.filename ?? `record-${id}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const groups = useMemo(() => GROUPS.map(([name, test]) => [name, lines.filter((line) => test.test(line.name) && line.points.length > 1)]).filter(([, found]) => found.length > 0), [charts.data]);
  return html`<${Nothing} of=${facts} count=${1} />
    ${record && html`<${Section} title=${t("diagnosis.result")} aside=${html`<a class="button" href=${to("diagnosis", "records")}>${t("diagnosis.records")}</a>`}>
      <${Facts} of=${[[t("diagnosis.type"), word("exercise", record.type)], [t("diagnosis.level"), record.level], [t("diagnosis.score"), number(record.score, 6)], [t("diagnosis.spent"), `${number(record.time_spent, 6)} s`], ["fps", number(record.fps, 6)], [t("time"), dateTime(record.created_at)], [t("diagnosis.file"), record.filename]]} />
      <div class="actions"><${Act} kind="primary" work=${download}>${t("diagnosis.download")}<//></div>
    <//>`}
    <${Nothing} of=${charts} count=${groups.length} empty=${t("diagnosis.no_series")} />
    ${groups.map(([name, found]) => html`<${Group} key=${name} title=${t(name)} lines=${found} />`)}
    ${record && html`<${Progress} record=${record} />`}`;
}
