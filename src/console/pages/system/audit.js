// Who did what, when, from where, and what it was before.
import { html, useState } from "../../lib/ui.js";
import { list } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { dateTime } from "../../lib/format.js";
import { Age, Field, Nothing, Pager, Section, Table } from "../../lib/parts.js";

const LIMIT = 50;
const ACTIONS = ["CREATE", "UPDATE", "DELETE", "LOGIN", "LOGOUT", "LOGIN_FAILED", "TOKEN_REUSED", "REFUSED", "READ", "EXPORT", "OVERRIDE", "PRINT"];
const ENTITIES = [
  "user", "session", "machine_token", "route", "actor", "alert", "product_model", "production_line", "process", "equipment", "target", "process_run", "defect", "review", "label_job", "printer",
  "firmware", "firmware_deployment", "firmware_rollout", "model", "vehicle", "patient", "patients_of_doctor", "diagnosis", "diagnosis_record",
];

/** What changed, as `name: before → after`. */
function changes(row) {
  const names = [...new Set([...Object.keys(row.old_values ?? {}), ...Object.keys(row.new_values ?? {})])];
  const text = (value) => (value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));
  return names.filter((name) => text(row.old_values?.[name]) !== text(row.new_values?.[name]))
    .map((name) => (row.old_values ? `${name}: ${text(row.old_values[name])} → ${text(row.new_values?.[name])}` : `${name}: ${text(row.new_values[name])}`));
}

export function Audit() {
  const [skip, setSkip] = useState(0);
  const [action, setAction] = useState("");
  const [kind, setKind] = useState("");
  const filter = `${action && `&action=${action}`}${kind && `&entity_type=${kind}`}`;
  const found = useData(() => list(`/api/v1/audit-logs?skip=${skip}&limit=${LIMIT}${filter}`), { every: 30000, deps: [skip, filter] });
  const lines = found.data?.items ?? [];
  return html`<div class="filters">
      <${Field} label=${t("audit.action")} as="select" value=${action} onValue=${(value) => { setSkip(0); setAction(value); }}><option value="">${t("all")}</option>${ACTIONS.map((a) => html`<option value=${a}>${word("action", a)}</option>`)}<//>
      <${Field} label=${t("audit.entity")} as="select" value=${kind} onValue=${(value) => { setSkip(0); setKind(value); }}><option value="">${t("all")}</option>${ENTITIES.map((e) => html`<option value=${e}>${word("entity", e)}</option>`)}<//>
    </div>
    <${Section} title=${t("system.audit")} aside=${html`<${Age} at=${found.at} limit=${90000} />`}>
      <${Nothing} of=${found} count=${lines.length} empty=${t("nothing")} />
      ${lines.length > 0 && html`<${Table} label=${t("system.audit")} rows=${lines} id=${(r) => r.id} columns=${[
        { label: "#", numeric: true, cell: (r) => r.id }, { label: t("time"), cell: (r) => dateTime(r.created_at) }, { label: t("audit.who"), cell: (r) => r.actor_name ?? word("actor", r.actor) },
        { label: t("audit.action"), cell: (r) => word("action", r.action) }, { label: t("audit.entity"), cell: (r) => `${word("entity", r.entity_type)} ${r.entity_id ?? ""}` },
        { label: t("audit.changes"), cell: (r) => html`<span class="measures">${changes(r).slice(0, 8).map((line) => html`<span>${line.slice(0, 160)}</span>`)}</span>` }, { label: t("audit.from"), mono: true, cell: (r) => r.ip_address ?? "" },
      ]} />`}
      <${Pager} skip=${skip} limit=${LIMIT} total=${found.data?.total ?? 0} go=${setSkip} />
    <//>`;
}
