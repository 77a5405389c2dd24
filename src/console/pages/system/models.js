// Which model judges, how the one that is tried beside it compares, and an administrator's word on it.
import { html } from "../../lib/ui.js";
import { get, may, post } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { count, dateTime, number, percent } from "../../lib/format.js";
import { Act, Age, Badge, Nothing, Section, Table, Tile } from "../../lib/parts.js";
import { to } from "../../lib/place.js";

const ROLE = { live: "ok", shadow: "info", spare: "off" };
const EVERY_MS = 15000;

function Comparison({ id }) {
  const found = useData(() => get(`/api/v1/models/${encodeURIComponent(id)}/compare`), { every: EVERY_MS, deps: [id] });
  const c = found.data;
  const said = (v) => `${word("verdict", v.verdict)} ${number(v.score)} / ${number(v.threshold)}`;
  return html`<${Section} title=${t("models.compared", { id })} aside=${html`<${Age} at=${found.at} limit=${EVERY_MS * 3} />`}>
    <${Nothing} of=${found} count=${c?.windows} empty=${t("models.none_compared")} />
    ${c?.windows > 0 && html`<div class="tiles">
      <${Tile} title=${t("models.agreement")} value=${percent(c.agreement)} reason=${c.kappa === null ? t("models.windows", { n: count(c.windows), sensors: count(c.sensors) }) : `κ ${number(c.kappa)} · ${t("models.windows", { n: count(c.windows), sensors: count(c.sensors) })}`} at=${c.last} />
      <${Tile} title=${t("models.abnormal")} value=${`${percent(c.live_abnormal)} → ${percent(c.shadow_abnormal)}`} reason=${t("models.apart", { live: count(c.live_only), shadow: count(c.shadow_only), both: count(c.both_abnormal) })} at=${c.last} />
    </div>
    ${c.examples.length > 0 && html`<${Table} label=${t("models.examples")} rows=${c.examples} id=${(e) => e.result_id} columns=${[
      { label: t("time"), cell: (e) => dateTime(e.as_of) }, { label: t("models.sensor"), cell: (e) => html`<a href=${to("sensors", e.sensor_id)}>${e.sensor_id}</a>` },
      { label: word("role_of", "live"), cell: (e) => said(e.live) }, { label: word("role_of", "shadow"), cell: (e) => said(e.shadow) },
    ]} />`}`}
  <//>`;
}

export function Models() {
  const found = useData(() => get("/api/v1/models"), { events: ["sensing.promoted", "sensing.rolled_back"], every: EVERY_MS });
  const line = found.data;
  const promote = (id) => async () => { await post(`/api/v1/models/${encodeURIComponent(id)}/promote`, {}); found.reload(); };
  const rollBack = async () => { await post("/api/v1/models/rollback", {}); found.reload(); };
  const standing = line?.promotions.find((p) => p.undone_at === null && p.model_id === line.live);
  return html`<${Section} title=${t("inference.models")} aside=${html`<${Age} at=${found.at} limit=${EVERY_MS * 3} />`}>
      <${Nothing} of=${found} count=${1} />
      ${line?.note && html`<p class="problem" role="alert"><span>▲ ${said(line.note)}</span></p>`}
      ${line && html`<${Table} label=${t("inference.models")} rows=${line.models} id=${(m) => m.id} columns=${[
        { label: t("sensors.model"), cell: (m) => m.id }, { label: t("models.role"), cell: (m) => html`<${Badge} state=${ROLE[m.role]}>${word("role_of", m.role)}<//>` },
        { label: t("inference.kind"), cell: (m) => word("model_kind", m.kind) }, { label: t("inference.parameters"), numeric: true, cell: (m) => count(m.parameters) },
        { label: t("sensors.threshold"), numeric: true, cell: (m) => number(m.threshold) }, { label: "SHA-256", mono: true, cell: (m) => html`<span title=${m.digest}>${m.digest.slice(0, 16)}…</span>` },
      ]} />
      ${may("admin") && (line.shadow || standing) && html`<div class="actions">
        ${line.shadow && html`<${Act} kind="primary" work=${promote(line.shadow)} confirm=${t("models.promote_sure", { id: line.shadow, live: line.live })} done=${t("models.promoted")}>${t("models.promote", { id: line.shadow })}<//>`}
        ${standing && html`<${Act} work=${rollBack} confirm=${t("models.back_sure", { id: standing.model_id, before: standing.replaced_id })} done=${t("models.is_back")}>${t("models.back", { before: standing.replaced_id })}<//>`}
      </div>`}`}
    <//>
    ${line?.shadow && html`<${Comparison} id=${line.shadow} />`}`;
}
