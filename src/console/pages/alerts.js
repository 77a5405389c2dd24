// What people must hear of: read, put away, written by hand.
import { html, useState } from "../lib/ui.js";
import { get, may, post, put } from "../lib/api.js";
import { useData } from "../lib/live.js";
import { t, word } from "../lib/i18n.js";
import { said } from "../lib/said.js";
import { dateTime } from "../lib/format.js";
import { Act, Age, Badge, Field, Form, Nothing, Pager, Section } from "../lib/parts.js";
import { go, to } from "../lib/place.js";

const LIMIT = 25;
export const SEVERITY = { HIGH: "bad", MEDIUM: "warn", LOW: "info" };
const STATUSES = ["UNREAD", "READ", "ARCHIVED"];

/** Title and message of an alert in the language that is read; what a person wrote stays as it is. */
export const words = (alert) => (alert.alert_type === "MANUAL" ? alert : { title: said(alert.title), message: said(alert.message) });

/** Where an alert leads. */
export function about(alert) {
  if (alert.serial_id) return to("production", "serials", String(alert.serial_id));
  if (alert.lot_id) return to("production", "lots", String(alert.lot_id));
  if (alert.alert_type === "EQUIPMENT_ABNORMAL") return to("production", "holds");
  if (["FIRMWARE_UPDATE", "STATION_TROUBLE"].includes(alert.alert_type)) return to("production", "firmware");
  if (alert.alert_type === "PRINTER_TROUBLE") return to("production", "labels");
  return null;
}

function Alert({ alert, again }) {
  const act = (what, verb) => async () => {
    await put(`/api/v1/alerts/${alert.id}/${verb}`);
    again();
  };
  const where = about(alert), { title, message } = words(alert);
  return html`<li>
    <div class="line">
      <${Badge} state=${SEVERITY[alert.severity]}>${word("severity", alert.severity)}<//>
      <strong>${title}</strong>
      ${alert.count > 1 && html`<span class="badge off">× ${alert.count}</span>`}
      <${Age} at=${alert.last_raised_at} />
    </div>
    <p>${message}</p>
    <div class="line"><span class="age">${word("alert", alert.alert_type)} · ${dateTime(alert.created_at)} · ${word("alert_status", alert.status)}</span>
      <span class="actions push">
        ${where && html`<a class="button" href=${where}>${t("open")}</a>`}
        ${may("line") && alert.status === "UNREAD" && html`<${Act} work=${act("read", "read")} label=${`${t("alerts.read")}: ${title}`}>${t("alerts.read")}<//>`}
        ${may("line") && alert.status !== "ARCHIVED" && html`<${Act} work=${act("archive", "archive")} label=${`${t("alerts.archive")}: ${title}`}>${t("alerts.archive")}<//>`}
      </span></div>
  </li>`;
}

function Write({ done }) {
  const [alert, set] = useState({ title: "", message: "", severity: "MEDIUM" });
  const of = (name) => (value) => set({ ...alert, [name]: value });
  const work = async () => {
    await post("/api/v1/alerts", alert);
    done();
  };
  return html`<${Section} title=${t("alerts.write")}><${Form} work=${work} submit=${t("alerts.send")}>
    <${Field} label=${t("alerts.title")} name="title" value=${alert.title} onValue=${of("title")} required maxlength="200" />
    <${Field} label=${t("alerts.message")} name="message" as="textarea" value=${alert.message} onValue=${of("message")} maxlength="1000" />
    <${Field} label=${t("alerts.severity")} as="select" value=${alert.severity} onValue=${of("severity")}>
      ${["HIGH", "MEDIUM", "LOW"].map((s) => html`<option value=${s}>${word("severity", s)}</option>`)}
    <//>
  <//><//>`;
}

export function Alerts({ query }) {
  const [skip, setSkip] = useState(0);
  const [writing, setWriting] = useState(false);
  const status = query.get("status") ?? "", severity = query.get("severity") ?? "";
  const filter = `${status && `&status=${status}`}${severity && `&severity=${severity}`}`;
  const found = useData(() => get(`/api/v1/alerts?skip=${skip}&limit=${LIMIT}${filter}`), { events: ["alerts."], every: 60000, deps: [skip, filter] });
  const alerts = found.data?.alerts ?? [];
  const choose = (name) => (value) => {
    const wanted = new URLSearchParams(query);
    if (value) wanted.set(name, value); else wanted.delete(name);
    setSkip(0);
    location.hash = `#/alerts?${wanted}`;
  };
  const all = async () => { await put("/api/v1/alerts/bulk-read", {}); found.reload(); };
  return html`<div class="filters">
      <${Field} label=${t("alerts.status")} as="select" value=${status} onValue=${choose("status")}>
        <option value="">${t("all")}</option>${STATUSES.map((s) => html`<option value=${s}>${word("alert_status", s)}</option>`)}
      <//>
      <${Field} label=${t("alerts.severity")} as="select" value=${severity} onValue=${choose("severity")}>
        <option value="">${t("all")}</option>${Object.keys(SEVERITY).map((s) => html`<option value=${s}>${word("severity", s)}</option>`)}
      <//>
      ${may("line") && html`<${Act} work=${all} disabled=${!found.data?.unread_count}>${t("alerts.read_all")}<//>
      <button type="button" aria-pressed=${writing} onClick=${() => setWriting(!writing)}>${t("alerts.write")}</button>`}
    </div>
    ${writing && html`<${Write} done=${() => { setWriting(false); found.reload(); }} />`}
    <${Section} title=${t("alerts.found", { n: found.data?.total ?? "…" })} aside=${html`<${Age} at=${found.at} limit=${90000} />`}>
      <${Nothing} of=${found} empty=${t("alerts.none")} count=${alerts.length} />
      <ul class="list">${alerts.map((alert) => html`<${Alert} key=${alert.id} alert=${alert} again=${found.reload} />`)}</ul>
      <${Pager} skip=${skip} limit=${LIMIT} total=${found.data?.total ?? 0} go=${setSkip} />
    <//>`;
}
