// One unit: every process it went through, what was measured, what was built in, its reworks.
import { html, useEffect, useState } from "../../lib/ui.js";
import { get, may, post, Refused } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { language, measure, named, t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { dateTime, duration, number } from "../../lib/format.js";
import { Age, Badge, Facts, Field, Form, Nothing, Problem, Section, Table } from "../../lib/parts.js";
import { to } from "../../lib/place.js";
import { SerialBadge } from "./lot.js";

const RESULT = { PASS: "ok", FAIL: "bad", REWORK: "warn" };

/** A document of measurements in one line each, nested names joined. */
export function flat(of, prefix = "") {
  return Object.entries(of ?? {}).flatMap(([name, value]) => {
    const path = prefix ? `${prefix}.${name}` : name;
    if (Array.isArray(value)) return value.flatMap((one, i) => (one && typeof one === "object" ? flat(one, `${path}[${i + 1}]`) : [[`${path}[${i + 1}]`, one]]));
    return value && typeof value === "object" ? flat(value, path) : [[path, value]];
  });
}

const show = (value) => (typeof value === "number" ? number(value, 5) : word("choice", String(value)));
const MEASURES_MAX = 40;

/** A defect by its name: as it was noted, or as the plant calls it in the language that is read. */
function nameOf({ code, name }) {
  const own = word("defect_code", code);
  return language.value !== "ko" && own !== code ? own : name ?? own;
}

function Run({ run }) {
  const state = run.result ? RESULT[run.result] : "info";
  const measured = flat(run.measurements);
  return html`<li><span class=${`dot ${state}`} aria-hidden="true">${run.process.process_number}</span><div class="body">
    <div class="line"><strong>${named(run.process, "process_name")}</strong>
      <${Badge} state=${state}>${run.result ? word("result", run.result) : t("trace.open")}<//>
      ${run.attempt > 1 && html`<span class="age">${t("trace.attempt", { n: run.attempt })}</span>`}
      ${run.review && html`<${Badge} state=${run.review.reviewed_at ? "ok" : "warn"}>${t(run.review.reviewed_at ? "trace.reviewed" : "trace.to_review")}<//>`}
      <span class="age">${dateTime(run.started_at)}${run.duration_seconds !== null ? ` · ${duration(run.duration_seconds * 1000)}` : ""}</span></div>
    <p class="age">${run.operator.full_name ?? run.operator.username ?? "–"}${run.equipment_code ? ` · ${run.equipment_code}` : ""}</p>
    ${measured.length > 0 && html`<p class="measures">${measured.slice(0, MEASURES_MAX).map(([name, value]) => html`<span>${measure(name)} <b>${show(value)}</b></span>`)}</p>`}
    ${run.defects.map((d) => html`<p class="bad"><span aria-hidden="true">✕</span> ${nameOf(d)} (${word("defect", d.severity)})${d.measured_value !== null ? `: ${show(d.measured_value)}` : ""}${d.expected_range ? ` ∉ ${d.expected_range}` : ""}</p>`)}
    ${run.notes && html`<p>${run.notes}</p>`}${run.override_reason && html`<p class="warn">▲ ${t("trace.override", { why: run.override_reason })}</p>`}
  </div></li>`;
}

function Rework({ serial, again }) {
  const [reason, set] = useState("");
  const can = useData(() => get(`/api/v1/serials/${encodeURIComponent(serial.serial_number)}/can-rework`), { deps: [serial.updated_at] });
  if (serial.status !== "FAILED" || !can.data) return null;
  const work = async () => {
    await post(`/api/v1/serials/${encodeURIComponent(serial.serial_number)}/rework`, { reason: reason.trim() });
    set("");
    again();
  };
  return html`<${Section} title=${t("rework.title")} aside=${`${can.data.rework_count}/${can.data.max_reworks}`}>
    ${!can.data.can_rework && html`<p class="reason">${new Refused(409, { code: can.data.code, detail: can.data.reason }).message}</p>`}
    ${can.data.can_rework && !may("lead") && html`<p class="reason">${t("rework.lead_only")}</p>`}
    ${can.data.can_rework && may("lead") && html`<${Form} work=${work} submit=${t("rework.approve")} done=${t("rework.approved")}>
      <${Field} label=${t("rework.reason")} name="reason" value=${reason} onValue=${set} required maxlength="1000" /><//>`}
  <//>`;
}

export function Serial({ id, title }) {
  const found = useData(() => get(`/api/v1/serials/${encodeURIComponent(id)}/trace`), { events: ["production."], every: 30000, least: 2000, deps: [id] });
  const trace = found.data;
  useEffect(() => { if (trace) title(trace.serial.serial_number); }, [trace?.serial.serial_number]);
  if (!trace) return html`<${Nothing} of=${found} count=${1} />`;
  const { serial, lot } = trace;
  return html`<${Problem} error=${found.error} again=${found.reload} />
    <${Section} title=${serial.serial_number} aside=${html`<${SerialBadge} serial=${serial} /><${Age} at=${found.at} limit=${90000} />`}>
      ${trace.needs_review && html`<p class="warn">▲ ${t("trace.needs_review")}</p>`}
      <${Facts} of=${[
        [t("lots.lot"), html`<a href=${to("production", "lots", String(lot.id))}>${lot.lot_number}</a>`], ["#", serial.sequence_in_lot], [t("lots.reworks"), `${serial.rework_count}/3`], [t("why"), said(serial.failure_reason)],
        [t("trace.cycle"), duration(trace.total_cycle_time_seconds * 1000)], [t("trace.lead"), trace.lead_time_seconds !== null ? duration(trace.lead_time_seconds * 1000) : null], [t("lots.completed"), serial.completed_at && dateTime(serial.completed_at)],
      ]} />
      <div class="actions"><a class="button primary" href=${`#/production/station?serial=${encodeURIComponent(serial.serial_number)}`}>${t("production.station")}</a>
        <a class="button" href=${`#/production/labels?serial=${encodeURIComponent(serial.serial_number)}`}>${t("production.labels")}</a></div>
    <//>
    <${Rework} serial=${serial} again=${found.reload} />
    <div class="columns lean">
      <${Section} title=${t("trace.runs")}>
        ${trace.process_history.length === 0 && html`<p class="quiet">${t("trace.no_runs")}</p>`}
        <ol class="trace">${trace.process_history.map((run) => html`<${Run} key=${run.id} run=${run} />`)}</ol>
        ${trace.lot_process_history.length > 0 && html`<h3>${t("trace.lot_runs")}</h3><ol class="trace">${trace.lot_process_history.map((run) => html`<${Run} key=${run.id} run=${run} />`)}</ol>`}
      <//>
      <div class="list">
        <${Section} title=${t("trace.parts")}><${Table} label=${t("trace.parts")} rows=${trace.component_lots} id=${(c) => `${c.kind} ${c.component_lot} ${c.process_data_id}`} columns=${[
          { label: t("trace.part"), cell: (c) => word("component", c.kind) }, { label: t("trace.part_lot"), mono: true, cell: (c) => c.component_lot }, { label: t("time"), cell: (c) => dateTime(c.at) },
        ]} /><//>
        <${Section} title=${t("trace.reworks")}><${Table} label=${t("trace.reworks")} rows=${trace.rework_history} id=${(r) => r.id} columns=${[
          { label: "#", numeric: true, cell: (r) => r.number }, { label: t("trace.failed_for"), cell: (r) => said(r.failure_reason) }, { label: t("rework.reason"), cell: (r) => r.reason }, { label: t("time"), cell: (r) => dateTime(r.approved_at) },
        ]} /><//>
      </div>
    </div>`;
}
