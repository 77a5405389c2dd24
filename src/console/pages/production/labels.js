// Labels: what one looks like, where it is printed, and what became of it. `unknown` is never printed again by itself.
import { html, useEffect, useState } from "../../lib/ui.js";
import { blob, get, may, once, patch, post, remove, rows } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { dateTime } from "../../lib/format.js";
import { Act, Age, Badge, Field, Form, Nothing, Problem, Section, Table } from "../../lib/parts.js";

export const JOB = { pending: "wait", printing: "info", printed: "ok", failed: "bad", unknown: "warn" };
const JOBS_MAX = 100;
const PREVIEW_PAUSE_MS = 400;

/** A picture of the label, as the printer will draw it. */
function Preview({ type, number, quantity }) {
  const [picture, set] = useState({ url: null, error: null });
  useEffect(() => {
    if (!number) { set({ url: null, error: null }); return undefined; }
    let alive = true, url = null;
    const timer = setTimeout(async () => {
      try {
        url = URL.createObjectURL(await blob(`/api/v1/label/preview?label_type=${type}&${type === "LOT" ? "lot_number" : "serial_number"}=${encodeURIComponent(number)}`, { headers: { accept: "image/svg+xml, image/png" } }));
        if (alive) set({ url, error: null });
      } catch (error) {
        if (alive) set({ url: null, error });
      }
    }, PREVIEW_PAUSE_MS);
    return () => {
      alive = false;
      clearTimeout(timer);
      if (url) URL.revokeObjectURL(url);
    };
  }, [type, number, quantity]);
  if (picture.error) return html`<${Problem} error=${picture.error} />`;
  return picture.url ? html`<img class="label-preview" src=${picture.url} width="472" height="236" alt=${t("labels.preview_of", { number })} />` : html`<p class="quiet">${t("labels.preview_hint")}</p>`;
}

function Print({ printers, query, again }) {
  const [given, set] = useState({ type: query.get("serial") ? "SERIAL" : "LOT", number: query.get("serial") ?? query.get("lot") ?? "", printer: "", quantity: "1" });
  const of = (name) => (value) => set({ ...given, [name]: value });
  const printer = given.printer || printers[0]?.printer_id || "";
  const work = async () => {
    const body = { label_type: given.type, printer_id: printer, copies: Number(given.quantity) };
    body[given.type === "LOT" ? "lot_number" : "serial_number"] = given.number.trim();
    await post("/api/v1/label/print", body, once());
    again();
  };
  return html`<${Section} title=${t("labels.print")}><div class="columns">
    <${Form} work=${work} submit=${t("labels.print")} done=${t("labels.taken")}>
      <${Field} label=${t("labels.type")} name="label_type" as="select" value=${given.type} onValue=${of("type")}>${["LOT", "SERIAL"].map((one) => html`<option value=${one}>${word("label", one)}</option>`)}<//>
      <${Field} label=${t("labels.number")} name=${given.type === "LOT" ? "lot_number" : "serial_number"} value=${given.number} onValue=${of("number")} required maxlength="80" />
      <${Field} label=${t("labels.printer")} name="printer_id" as="select" value=${printer} onValue=${of("printer")} required>${printers.map((p) => html`<option value=${p.printer_id}>${p.name ?? p.printer_id}</option>`)}<//>
      <${Field} label=${t("labels.quantity")} name="copies" type="number" min="1" max="10" value=${given.quantity} onValue=${of("quantity")} required />
    <//>
    <${Preview} type=${given.type} number=${given.number.trim()} quantity=${given.quantity} />
  </div><//>`;
}

/** A command on a job that needs a reason: printed again, or what somebody saw at the printer. */
function WithReason({ label, submit, work, again }) {
  const [open, setOpen] = useState(false);
  const [reason, set] = useState("");
  if (!open) return html`<button type="button" onClick=${() => setOpen(true)}>${label}</button>`;
  const send = async () => {
    await work(reason.trim());
    setOpen(false);
    again();
  };
  return html`<${Form} work=${send} submit=${submit ?? label} done=${t("saved")}><${Field} label=${t("labels.reason")} name="reason" value=${reason} onValue=${set} required maxlength="500" /><//>`;
}

function JobCommands({ job, again }) {
  if (!may("line")) return null;
  const path = `/api/v1/label/jobs/${job.id}`;
  const cancel = async () => { await post(`${path}/cancel`); again(); };
  const settle = (status) => (reason) => post(`${path}/settle`, { status, reason });
  const reprint = (reason) => post("/api/v1/label/reprint", { job_id: job.id, reason }, once());
  if (job.status === "pending") return html`<${Act} work=${cancel} confirm=${t("labels.cancel_sure", { number: job.number })}>${t("cancel")}<//>`;
  if (job.status === "unknown") return html`<div class="actions"><${WithReason} label=${t("labels.was_printed")} work=${settle("printed")} again=${again} /><${WithReason} label=${t("labels.was_not")} work=${settle("failed")} again=${again} /></div>`;
  if (job.status === "printed" || job.status === "failed") return html`<${WithReason} label=${t("labels.reprint")} work=${reprint} again=${again} />`;
  return null;
}

const PRINTER = { idle: "ok", processing: "info", unknown: "wait", stopped: "warn" };

function Printer({ printer, again }) {
  const { status } = printer, state = printer.enabled ? PRINTER[status.state] ?? "wait" : "off";
  const path = `/api/v1/printers/${encodeURIComponent(printer.printer_id)}`;
  const toggle = async () => { await patch(path, { enabled: !printer.enabled }); again(); };
  const drop = async () => { await remove(path); again(); };
  const why = status.reason ? `${word("printer_fault", status.reason)} – ${said(status.advice)}` : null;
  return html`<article class=${`tile ${state === "warn" ? "is-warn" : ""}`}>
    <header><h3>${printer.name || printer.printer_id}</h3><${Badge} state=${state}>${printer.enabled ? word("printer", status.state) : t("labels.disabled")}<//></header>
    <p class="mono">${printer.host}:${printer.port}</p>
    ${printer.enabled && why && html`<p class="reason">${why}</p>`}
    <p class="age">${t("labels.open", { n: status.jobs_open })}${status.circuit_breaker && status.circuit_breaker !== "closed" ? ` · ${t("labels.breaker", { state: word("breaker", status.circuit_breaker) })}` : ""}</p>
    ${may("lead") && html`<div class="actions"><${Act} work=${toggle}>${t(printer.enabled ? "labels.disable" : "labels.enable")}<//><${Act} kind="danger" work=${drop} confirm=${t("labels.remove_sure", { id: printer.printer_id })}>${t("remove")}<//></div>`}
    <footer><${Age} at=${status.looked_at} /></footer>
  </article>`;
}

function NewPrinter({ again }) {
  const empty = { printer_id: "", name: "", host: "", port: "9100" };
  const [given, set] = useState(empty);
  const of = (name) => (value) => set({ ...given, [name]: value });
  const work = async () => {
    await post("/api/v1/printers", { ...given, port: Number(given.port), enabled: true });
    set(empty);
    again();
  };
  return html`<details><summary class="button">${t("labels.add_printer")}</summary><${Form} work=${work} submit=${t("save")} done=${t("saved")}>
    <${Field} label="ID" name="printer_id" value=${given.printer_id} onValue=${of("printer_id")} required maxlength="50" /><${Field} label=${t("labels.name")} name="name" value=${given.name} onValue=${of("name")} required maxlength="100" />
    <${Field} label=${t("labels.host")} name="host" value=${given.host} onValue=${of("host")} required maxlength="255" /><${Field} label=${t("labels.port")} name="port" type="number" min="1" max="65535" value=${given.port} onValue=${of("port")} required />
  <//></details>`;
}

export function Labels({ query }) {
  const printers = useData(() => get("/api/v1/printers"), { events: ["labels."], every: 15000 });
  const jobs = useData(() => get(`/api/v1/label/jobs?limit=${JOBS_MAX}`), { events: ["labels.job"], every: 15000, least: 1000 });
  const all = rows(printers.data, "printers"), queue = rows(jobs.data, "jobs");
  const again = () => { jobs.reload(); printers.reload(); };
  return html`<${Section} title=${t("labels.printers")} aside=${html`<${Age} at=${printers.at} limit=${60000} />`}>
      <${Nothing} of=${printers} count=${all.length} empty=${t("labels.no_printers")} />
      <div class="tiles">${all.map((p) => html`<${Printer} key=${p.printer_id} printer=${p} again=${again} />`)}</div>
      ${may("lead") && html`<${NewPrinter} again=${again} />`}
    <//>
    ${may("line") && html`<${Print} printers=${all} query=${query} again=${again} />`}
    <${Section} title=${t("labels.queue")} aside=${html`<${Age} at=${jobs.at} limit=${60000} />`}>
      <${Nothing} of=${jobs} count=${queue.length} empty=${t("labels.no_jobs")} />
      ${queue.length > 0 && html`<${Table} label=${t("labels.queue")} rows=${queue} id=${(j) => j.id} columns=${[
        { label: t("labels.number"), cell: (j) => j.number }, { label: t("labels.type"), cell: (j) => word("label", j.label_type) },
        { label: t("lots.status"), cell: (j) => html`<${Badge} state=${JOB[j.status]}>${word("job", j.status)}<//>` },
        { label: t("labels.printer"), cell: (j) => j.printer_id }, { label: "×", numeric: true, cell: (j) => j.copies },
        { label: t("why"), cell: (j) => [said(j.reason), j.reprint_reason && t("labels.again_for", { why: j.reprint_reason })].filter(Boolean).join(" · ") }, { label: t("time"), cell: (j) => dateTime(j.created_at) },
        { label: "", cell: (j) => html`<${JobCommands} job=${j} again=${again} />` },
      ]} />`}
    <//>`;
}
