// Lots with their progress; a new lot; a unit by its number.
import { html, useState } from "../../lib/ui.js";
import { get, list, may, once, post } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { percent } from "../../lib/format.js";
import { Age, Badge, Bar, Field, Form, Nothing, Pager, Section, Table } from "../../lib/parts.js";
import { go, to } from "../../lib/place.js";

const LIMIT = 30;
export const LOT = { CREATED: "off", IN_PROGRESS: "info", COMPLETED: "ok", CLOSED: "ok", CANCELLED: "bad" };

export const LotBadge = ({ status }) => html`<${Badge} state=${LOT[status]}>${word("lot", status)}<//>`;

function NewLot({ done }) {
  const models = useData(() => list("/api/v1/product-models/active?limit=500"), { every: 600000 });
  const lines = useData(() => list("/api/v1/production-lines/active?limit=500"), { every: 600000 });
  const [lot, set] = useState({ model: "", line: "", quantity: "100", order: "" });
  const of = (name) => (value) => set({ ...lot, [name]: value });
  const model = lot.model || String(models.data?.items[0]?.id ?? "");
  const work = async () => {
    const body = { product_model_id: Number(model), target_quantity: Number(lot.quantity) };
    if (lot.line) body.production_line_id = Number(lot.line);
    if (lot.order.trim()) body.work_order = lot.order.trim();
    const made = await post("/api/v1/lots", body, once());
    done();
    go("production", "lots", String(made.id));
  };
  if (models.data?.items.length === 0) return html`<p class="quiet">${t("lots.no_models")}</p>`;
  return html`<${Section} title=${t("lots.new")}><${Form} work=${work} submit=${t("lots.make")} done=${t("saved")}>
    <${Field} label=${t("lots.model")} name="product_model_id" as="select" value=${model} onValue=${of("model")} required>${(models.data?.items ?? []).map((m) => html`<option value=${m.id}>${m.model_code} – ${m.model_name}</option>`)}<//>
    <${Field} label=${t("lots.line")} name="production_line_id" as="select" value=${lot.line} onValue=${of("line")}><option value="">–</option>${(lines.data?.items ?? []).map((l) => html`<option value=${l.id}>${l.line_code} – ${l.line_name}</option>`)}<//>
    <${Field} label=${t("lots.quantity")} name="target_quantity" type="number" min="1" max="100" value=${lot.quantity} onValue=${of("quantity")} required />
    <${Field} label=${t("lots.order")} name="work_order" value=${lot.order} onValue=${of("order")} maxlength="50" />
  <//><//>`;
}

function NewModel({ done }) {
  const [model, set] = useState({ model_code: "", model_name: "" });
  const of = (name) => (value) => set({ ...model, [name]: value });
  const work = async () => { await post("/api/v1/product-models", model); done(); };
  return html`<${Section} title=${t("lots.new_model")}><${Form} work=${work} submit=${t("save")} done=${t("saved")}>
    <${Field} label=${t("lots.code")} name="model_code" value=${model.model_code} onValue=${of("model_code")} required maxlength="50" />
    <${Field} label=${t("lots.name")} name="model_name" value=${model.model_name} onValue=${of("model_name")} required maxlength="100" />
  <//><//>`;
}

/** Goes to the unit or the lot that a scanner or a person names. */
function Find() {
  const [number, set] = useState("");
  const work = async () => {
    const wanted = number.trim();
    const path = encodeURIComponent(wanted);
    const isUnit = await get(`/api/v1/serials/number/${path}`).then(() => true, () => false);
    go("production", isUnit ? "serials" : "lots", wanted);
  };
  return html`<form class="filters" onSubmit=${(e) => { e.preventDefault(); work(); }}>
    <${Field} label=${t("lots.find")} value=${number} onValue=${set} required placeholder="WF-KR-…" />
    <button class="primary" type="submit">${t("open")}</button>
  </form>`;
}

export function Lots() {
  const [skip, setSkip] = useState(0);
  const [adding, setAdding] = useState("");
  const found = useData(() => list(`/api/v1/dashboard/lots?skip=${skip}&limit=${LIMIT}`), { events: ["production."], every: 30000, least: 2000, deps: [skip] });
  const lots = found.data?.items ?? [];
  const toggle = (what) => () => setAdding(adding === what ? "" : what);
  const made = () => { setAdding(""); found.reload(); };
  return html`<div class="filters"><${Find} />
      ${may("line") && html`<button type="button" aria-pressed=${adding === "lot"} onClick=${toggle("lot")}>${t("lots.new")}</button>`}
      ${may("lead") && html`<button type="button" aria-pressed=${adding === "model"} onClick=${toggle("model")}>${t("lots.new_model")}</button>`}
    </div>
    ${adding === "lot" && html`<${NewLot} done=${made} />`}${adding === "model" && html`<${NewModel} done=${made} />`}
    <${Section} title=${t("production.lots")} aside=${html`<${Age} at=${found.at} limit=${90000} />`}>
      <${Nothing} of=${found} count=${lots.length} empty=${t("production.no_lots")} />
      ${lots.length > 0 && html`<${Table} label=${t("production.lots")} rows=${lots} id=${(l) => l.id} columns=${[
        { label: t("lots.lot"), cell: (l) => html`<a href=${to("production", "lots", String(l.id))}>${l.lot_number}</a>` },
        { label: t("lots.status"), cell: (l) => html`<${LotBadge} status=${l.status} />` },
        { label: t("lots.model"), cell: (l) => l.product_model.model_code },
        { label: t("lots.progress"), cell: (l) => html`<${Bar} value=${l.progress} label=${l.lot_number} /> ${percent(l.progress, 0)}` },
        { label: t("lots.units"), numeric: true, cell: (l) => `${l.actual_quantity}/${l.target_quantity}` },
        { label: t("result.PASS"), numeric: true, cell: (l) => l.passed_quantity },
        { label: t("result.FAIL"), numeric: true, cell: (l) => l.failed_quantity },
        { label: t("lots.day"), cell: (l) => `${l.production_date} ${l.shift}` },
      ]} />`}
      <${Pager} skip=${skip} limit=${LIMIT} total=${found.data?.total ?? 0} go=${setSkip} />
    <//>`;
}
