// The work at a station: scan a unit, start, complete. A scanner types the number and Enter; a keyboard does the same.
import { html, useEffect, useRef, useState } from "../../lib/ui.js";
import { get, list, may, once, post } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { language, named, t } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { duration } from "../../lib/format.js";
import { Badge, Facts, Field, Form, Nothing, Problem, Section } from "../../lib/parts.js";
import { to } from "../../lib/place.js";
import { SerialBadge } from "./lot.js";
import { Document, prefill } from "./document.js";

const KEPT = "nightshift.station";
const kept = () => JSON.parse(localStorage.getItem(KEPT) || "{}");

function Scan({ work, placeholder, first }) {
  const [number, set] = useState(first ?? "");
  const [error, setError] = useState(null);
  const input = useRef(null);
  useEffect(() => { input.current.focus(); if (first) scan(); }, []);
  const scan = async (event) => {
    event?.preventDefault();
    if (!number.trim()) return;
    setError(null);
    try {
      await work(number.trim().toUpperCase());
      set("");
    } catch (fault) {
      setError(fault);
      input.current?.select();
    }
  };
  return html`<form class="form" onSubmit=${scan}>
    <div class="field"><label for="scan">${t("station.scan")}</label>
      <input id="scan" class="scan" ref=${input} value=${number} onInput=${(e) => set(e.target.value)} autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder=${placeholder} /></div>
    <div class="actions"><button class="primary" type="submit">${t("station.look")}</button></div>
    <${Problem} error=${error} />
  </form>`;
}

function Defects({ process, chosen, set }) {
  const toggle = (code) => () => set(chosen.includes(code) ? chosen.filter((one) => one !== code) : [...chosen, code]);
  if (!process.defect_kinds.length) return null;
  return html`<fieldset class="block"><legend>${t("station.defects")}</legend><div class="choices">
    ${process.defect_kinds.map((d) => html`<button type="button" key=${d.code} aria-pressed=${chosen.includes(d.code)} onClick=${toggle(d.code)}>${(language.value === "ko" ? d.name_ko : d.name_en) ?? d.code}<small>${d.code}</small></button>`)}
  </div></fieldset>`;
}

function Start({ serial, process, equipment, again }) {
  const [reason, set] = useState("");
  const button = useRef(null);
  useEffect(() => { button.current?.querySelector("button[type=submit]")?.focus(); }, [serial.id]);
  const work = async () => {
    const body = { lot_number: serial.lot.lot_number, serial_number: serial.serial_number, process_id: process.id };
    if (equipment) body.equipment_id = equipment;
    if (reason.trim()) body.override_reason = reason.trim();
    await post("/api/v1/process/start", body, once());
    again();
  };
  return html`<div ref=${button}><${Form} work=${work} submit=${t("station.start", { process: named(process, "process_name") })} done=${t("station.started")}>
    ${may("lead") && html`<details><summary class="button">${t("station.override")}</summary><${Field} label=${t("station.override_reason")} name="override_reason" value=${reason} onValue=${set} maxlength="1000" /></details>`}
  <//></div>`;
}

function Complete({ serial, process, run, again }) {
  const [result, setResult] = useState("PASS");
  const [data, setData] = useState(() => prefill(process.data_schema, serial));
  const [defects, setDefects] = useState([]);
  const [notes, setNotes] = useState("");
  const key = useRef({ body: null, header: null });
  const work = async () => {
    const body = { lot_number: serial.lot.lot_number, serial_number: serial.serial_number, process_id: process.id, result, process_data: data };
    if (result === "FAIL" && defects.length) body.defects = defects;
    if (notes.trim()) body.notes = notes.trim();
    // The same key while the same words are sent: what a lost answer hid does not take effect twice.
    const text = JSON.stringify(body);
    if (key.current.body !== text) key.current = { body: text, header: once() };
    await post("/api/v1/process/complete", body, key.current.header);
    again();
  };
  return html`<${Section} title=${t("station.complete")} aside=${t("station.since", { span: duration(Date.now() - Date.parse(run.started_at)) })}>
    <${Form} work=${work} submit=${t("station.report")} done=${t("station.completed")}>
      <div class="verdicts" role="group" aria-label=${t("station.result")}>
        <button type="button" class="pass" aria-pressed=${result === "PASS"} onClick=${() => setResult("PASS")}><span>✓ ${t("station.pass")}</span></button>
        <button type="button" class="fail" aria-pressed=${result === "FAIL"} onClick=${() => setResult("FAIL")}><span>✕ ${t("station.fail")}</span></button>
      </div>
      <${Document} schema=${process.data_schema} value=${data} set=${setData} />
      ${result === "FAIL" && html`<${Defects} process=${process} chosen=${defects} set=${setDefects} />`}
      <${Field} label=${t("station.notes")} name="notes" value=${notes} onValue=${setNotes} maxlength="1000" />
    <//>
  <//>`;
}

function Unit({ number, process, equipment, done }) {
  const found = useData(() => get(`/api/v1/process/history/${encodeURIComponent(number)}`), { events: ["production."], deps: [number] });
  const serial = found.data?.data;
  if (!serial) return html`<${Nothing} of=${found} count=${1} />`;
  const runs = serial.history, open = runs.find((run) => run.process_id === process.id && run.result === null);
  const passed = runs.some((run) => run.process_id === process.id && run.result === "PASS");
  return html`<${Section} title=${serial.serial_number} aside=${html`<${SerialBadge} serial=${serial} />`}>
      <${Facts} of=${[[t("lots.lot"), serial.lot.lot_number], [t("lots.model"), serial.lot.product_model.model_name], [t("lots.reworks"), serial.rework_count], [t("why"), said(serial.failure_reason)]]} />
      <div class="line">${runs.map((run) => html` <${Badge} state=${{ PASS: "ok", FAIL: "bad", REWORK: "warn" }[run.result] ?? "info"}>${run.process.process_number}<//>`)}</div>
      <div class="actions"><a class="button" href=${to("production", "serials", serial.serial_number)}>${t("trace.runs")}</a><button type="button" onClick=${done}>${t("station.next")}</button></div>
      ${passed && !open && html`<p class="ok">✓ ${t("station.passed", { process: named(process, "process_name") })}</p>`}
      ${!open && !passed && may("line") && html`<${Start} serial=${serial} process=${process} equipment=${equipment} again=${found.reload} />`}
    <//>
    ${open && may("line") && html`<${Complete} key=${open.id} serial=${serial} process=${process} run=${open} again=${() => { found.reload(); done(); }} />`}`;
}

export function Station({ query }) {
  const processes = useData(() => list("/api/v1/processes/sequence"), { every: 600000 });
  const [station, setStation] = useState(kept);
  const [number, setNumber] = useState(null);
  const all = processes.data?.items ?? [];
  const process = all.find((p) => p.id === station.process);
  const choose = (change) => {
    const next = { ...station, ...change };
    localStorage.setItem(KEPT, JSON.stringify(next));
    setStation(next);
  };
  const look = async (wanted) => {
    await get(`/api/v1/serials/number/${encodeURIComponent(wanted)}`);
    setNumber(wanted);
  };
  if (!may("line")) return html`<p class="quiet">${t("station.not_you")}</p>`;
  return html`<div class="station">
    <${Section} title=${process ? `${process.process_number}. ${named(process, "process_name")}` : t("station.choose")}>
      <${Nothing} of=${processes} count=${all.length} empty=${t("board.none")} />
      <div class="choices">${all.map((p) => html`<button type="button" key=${p.id} aria-pressed=${p.id === station.process} onClick=${() => choose({ process: p.id })}>${p.process_number}. ${named(p, "process_name")}<small>${p.estimated_duration_seconds ? duration(p.estimated_duration_seconds * 1000) : ""}</small></button>`)}</div>
      <${Field} label=${t("station.equipment")} hint=${t("station.equipment_hint")} value=${station.equipment ?? ""} onValue=${(equipment) => choose({ equipment })} maxlength="50" />
    <//>
    ${process && !number && html`<${Section} title=${t("station.unit")}><${Scan} work=${look} placeholder="WF-KR-251110D-001-0001" first=${query.get("serial")} /><//>`}
    ${process && number && html`<${Unit} key=${`${number} ${process.id}`} number=${number} process=${process} equipment=${station.equipment} done=${() => setNumber(null)} />`}
  </div>`;
}
