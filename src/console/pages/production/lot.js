// One lot: its units, how far each is, and what can be done with it.
import { html, useEffect, useState } from "../../lib/ui.js";
import { get, list, may, once, post, put } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { dateTime, percent } from "../../lib/format.js";
import { Act, Age, Badge, Bar, Facts, Nothing, Pager, Problem, Section, Table } from "../../lib/parts.js";
import { to } from "../../lib/place.js";
import { LotBadge } from "./lots.js";

const LIMIT = 100;
export const SERIAL = { CREATED: "off", IN_PROGRESS: "info", PASSED: "ok", FAILED: "bad" };

export const SerialBadge = ({ serial }) => html`<${Badge} state=${serial.defect_status === "REWORK" ? "warn" : SERIAL[serial.status]}>
  ${word("serial", serial.status)}${serial.defect_status ? ` · ${word("defect_status", serial.defect_status)}` : ""}<//>`;

function Commands({ lot, again }) {
  const step = (status) => async () => { await put(`/api/v1/lots/${lot.id}/status`, { status }); again(); };
  const unit = async () => { await post("/api/v1/serials", { lot_id: lot.id }, once()); again(); };
  const rest = async () => {
    for (let made = lot.actual_quantity; made < lot.target_quantity; made += 1) await post("/api/v1/serials", { lot_id: lot.id }, once());
    again();
  };
  const recount = async () => { await put(`/api/v1/lots/${lot.id}/quantities`, {}); again(); };
  const open = lot.status === "CREATED" || lot.status === "IN_PROGRESS";
  const room = open && lot.actual_quantity < lot.target_quantity;
  return html`<div class="actions">
    ${may("line") && room && html`<${Act} kind="primary" work=${unit}>${t("lots.add_unit")}<//>
      <${Act} work=${rest} confirm=${t("lots.add_rest_sure", { n: lot.target_quantity - lot.actual_quantity })}>${t("lots.add_rest", { n: lot.target_quantity - lot.actual_quantity })}<//>`}
    ${may("lead") && lot.status === "COMPLETED" && html`<${Act} kind="primary" work=${step("CLOSED")} confirm=${t("lots.close_sure")}>${t("lots.close")}<//>`}
    ${may("lead") && open && html`<${Act} kind="danger" work=${step("CANCELLED")} confirm=${t("lots.cancel_sure")}>${t("lots.cancel")}<//>`}
    ${may("lead") && html`<${Act} work=${recount} done=${t("saved")}>${t("lots.recount")}<//>`}
    <a class="button" href=${`#/production/labels?lot=${encodeURIComponent(lot.lot_number)}`}>${t("production.labels")}</a>
  </div>`;
}

export function Lot({ id, title }) {
  const [skip, setSkip] = useState(0);
  const found = useData(() => get(`/api/v1/lots/${encodeURIComponent(id)}`), { events: ["production."], every: 30000, least: 2000, deps: [id] });
  const units = useData(() => list(`/api/v1/serials/lot/${encodeURIComponent(id)}?skip=${skip}&limit=${LIMIT}`), { events: ["production."], every: 30000, least: 2000, deps: [id, skip] });
  const lot = found.data;
  useEffect(() => { if (lot) title(lot.lot_number); }, [lot?.lot_number]);
  if (!lot) return html`<${Nothing} of=${found} count=${1} />`;
  const settled = lot.passed_quantity + lot.scrapped_quantity;
  const again = () => { found.reload(); units.reload(); };
  return html`<${Problem} error=${found.error} again=${found.reload} />
    <${Section} title=${lot.lot_number} aside=${html`<${LotBadge} status=${lot.status} /><${Age} at=${found.at} limit=${90000} />`}>
      <${Bar} value=${(100 * settled) / lot.target_quantity} state="ok" label=${t("lots.settled", { n: settled, of: lot.target_quantity })} />
      <${Facts} of=${[
        [t("lots.model"), `${lot.product_model.model_code} – ${lot.product_model.model_name}`], [t("lots.line"), lot.production_line?.line_name],
        [t("lots.day"), `${lot.production_date} ${lot.shift}`], [t("lots.order"), lot.work_order], [t("lots.units"), `${lot.actual_quantity}/${lot.target_quantity}`],
        [t("result.PASS"), lot.passed_quantity], [t("result.FAIL"), lot.failed_quantity], [t("lots.scrapped"), lot.scrapped_quantity], [t("lots.pass_rate"), percent(lot.pass_rate)], [t("lots.defect_rate"), percent(lot.defect_rate)],
        [t("lots.started"), lot.started_at && dateTime(lot.started_at)], [t("lots.completed"), lot.completed_at && dateTime(lot.completed_at)], [t("lots.closed"), lot.closed_at && dateTime(lot.closed_at)],
      ]} />
      <${Commands} lot=${lot} again=${again} />
    <//>
    <${Section} title=${t("lots.units")}>
      <${Nothing} of=${units} count=${units.data?.items.length} empty=${t("lots.no_units")} />
      ${units.data?.items.length > 0 && html`<${Table} label=${t("lots.units")} rows=${units.data.items} id=${(s) => s.id} columns=${[
        { label: "#", numeric: true, cell: (s) => s.sequence_in_lot },
        { label: t("lots.serial"), cell: (s) => html`<a href=${to("production", "serials", s.serial_number)}>${s.serial_number}</a>` },
        { label: t("lots.status"), cell: (s) => html`<${SerialBadge} serial=${s} />` },
        { label: t("lots.reworks"), numeric: true, cell: (s) => s.rework_count },
        { label: t("why"), cell: (s) => said(s.failure_reason) },
        { label: t("lots.completed"), cell: (s) => dateTime(s.completed_at) },
      ]} />`}
      <${Pager} skip=${skip} limit=${LIMIT} total=${units.data?.total ?? 0} go=${setSkip} />
    <//>`;
}
