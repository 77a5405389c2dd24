// Diagnosis: patients, a session as it runs, and records with their charts.
import { html, useEffect, useState } from "../lib/ui.js";
import { get, may, post, put, remove, Refused, rows } from "../lib/api.js";
import { useData } from "../lib/live.js";
import { t, word } from "../lib/i18n.js";
import { said } from "../lib/said.js";
import { dateTime, number } from "../lib/format.js";
import { Act, Age, Badge, Field, Form, Nothing, Problem, Section, Table, Tabs } from "../lib/parts.js";
import { to } from "../lib/place.js";
import { follow, SESSION } from "./diagnosis/session.js";
import { Record } from "./diagnosis/record.js";

const TYPES = ["BALANCEBALL", "FITBOX", "TENNISBALL"];
const ENDED = ["COMPLETED", "FAILED", "CANCELLED", "EXPIRED"];

/** The session of the doctor that is under way, or nothing. */
const live = () => get("/diagnosis/live").catch((error) => {
  if (error instanceof Refused && error.status === 404) return null;
  throw error;
});

function Session({ session, again }) {
  const [seen, set] = useState({ states: [], error: null });
  useEffect(() => {
    const control = new AbortController();
    set({ states: [], error: null });
    follow(session.id, (event) => set((before) => {
      const states = before.states.at(-1)?.state === event.state ? before.states : [...before.states, event];
      return { states, error: null, now: event };
    }), control.signal).catch((error) => { if (!control.signal.aborted) set((before) => ({ ...before, error })); });
    return () => control.abort();
  }, [session.id]);
  const state = seen.now?.state ?? session.state ?? "READY";
  const cancel = async () => { await post(`/diagnosis/${session.id}/cancel`); again(); };
  return html`<${Section} title=${t("diagnosis.session", { code: session.code })} aside=${html`<${Badge} state=${SESSION[state]}>${word("session", state)}<//><${Age} at=${seen.now?.timestamp} />`}>
    <p>${t(`diagnosis.is_${state}`)}</p>
    ${seen.now?.reason && html`<p class="bad">✕ ${said(seen.now.reason)}</p>`}
    <ol class="list">${seen.states.map((event) => html`<li key=${event.state}><div class="line"><${Badge} state=${SESSION[event.state]}>${word("session", event.state)}<//><span class="age push">${dateTime(event.timestamp)}</span></div></li>`)}</ol>
    <p class="age">${t("diagnosis.expires", { at: dateTime(session.expired_at) })}</p>
    <${Problem} error=${seen.error} />
    <div class="actions">${ENDED.includes(state)
      ? html`<button type="button" onClick=${again}>${t("diagnosis.another")}</button>${state === "COMPLETED" && html`<a class="button primary" href=${to("diagnosis", "records", String(session.id))}>${t("diagnosis.record")}</a>`}`
      : html`<${Act} kind="danger" work=${cancel} confirm=${t("diagnosis.cancel_sure")}>${t("diagnosis.cancel")}<//>`}</div>
  <//>`;
}

function Start({ patients, done }) {
  const [given, set] = useState({ patient: "", type: TYPES[0], level: "1" });
  const of = (name) => (value) => set({ ...given, [name]: value });
  const patient = given.patient || String(patients[0]?.id ?? "");
  const work = async () => done(await post("/diagnosis/start", { patient_id: Number(patient), type: given.type, level: Number(given.level) }));
  return html`<${Section} title=${t("diagnosis.start")}><${Form} work=${work} submit=${t("diagnosis.start")}>
    <${Field} label=${t("diagnosis.patient")} name="patient_id" as="select" value=${patient} onValue=${of("patient")} required>${patients.map((p) => html`<option value=${p.id}>${p.code} – ${p.name}</option>`)}<//>
    <${Field} label=${t("diagnosis.type")} name="type" as="select" value=${given.type} onValue=${of("type")}>${TYPES.map((one) => html`<option value=${one}>${word("exercise", one)}</option>`)}<//>
    <${Field} label=${t("diagnosis.level")} name="level" as="select" value=${given.level} onValue=${of("level")}>${["1", "2", "3"].map((one) => html`<option value=${one}>${one}</option>`)}<//>
  <//><//>`;
}

function Patient({ patient, again }) {
  const [name, set] = useState(null);
  const rename = async () => { await put(`/patients/${patient.id}`, { name: name.trim() }); set(null); again(); };
  const drop = async () => { await remove(`/patients/${patient.id}`); again(); };
  if (name !== null) return html`<${Form} work=${rename} submit=${t("save")}><${Field} label=${t("diagnosis.name")} name="name" value=${name} onValue=${set} required maxlength="100" /><//>`;
  return html`<div class="actions"><a class="button" href=${`#/diagnosis/records?patient=${patient.id}`}>${t("diagnosis.records")}</a><button type="button" onClick=${() => set(patient.name)}>${t("change")}</button>
    <${Act} kind="danger" work=${drop} confirm=${t("diagnosis.remove_sure", { name: patient.name })}>${t("remove")}<//></div>`;
}

function NewPatient({ again }) {
  const [given, set] = useState({ name: "", code: "" });
  const work = async () => {
    await post("/patients", { name: given.name.trim(), ...(given.code.trim() ? { code: given.code.trim() } : {}) });
    set({ name: "", code: "" });
    again();
  };
  return html`<${Section} title=${t("diagnosis.new_patient")}><${Form} work=${work} submit=${t("save")} done=${t("saved")}>
    <${Field} label=${t("diagnosis.name")} name="name" value=${given.name} onValue=${(name) => set({ ...given, name })} required maxlength="100" />
    <${Field} label=${t("diagnosis.code")} name="code" hint=${t("diagnosis.code_hint")} value=${given.code} onValue=${(code) => set({ ...given, code })} maxlength="20" />
  <//><//>`;
}

function Now() {
  const patients = useData(() => get("/patients"), { events: ["diagnosis."], every: 60000 });
  const running = useData(live, { events: ["diagnosis."], every: 30000 });
  const [session, setSession] = useState(null);
  useEffect(() => { if (running.data) setSession(running.data); }, [running.data?.id]);
  const all = rows(patients.data, "patients");
  return html`<${Problem} error=${running.error} again=${running.reload} />
    ${session ? html`<${Session} key=${session.id} session=${session} again=${() => { setSession(null); running.reload(); }} />` : may("doctor") && html`<${Start} patients=${all} done=${setSession} />`}
    <${Section} title=${t("diagnosis.patients")} aside=${html`<${Age} at=${patients.at} limit=${120000} />`}>
      <${Nothing} of=${patients} count=${all.length} empty=${t("diagnosis.no_patients")} />
      ${all.length > 0 && html`<${Table} label=${t("diagnosis.patients")} rows=${all} id=${(p) => p.id} columns=${[
        { label: t("diagnosis.code"), mono: true, cell: (p) => p.code }, { label: t("diagnosis.name"), cell: (p) => p.name }, { label: t("time"), cell: (p) => dateTime(p.created_at) }, { label: "", cell: (p) => html`<${Patient} patient=${p} again=${patients.reload} />` },
      ]} />`}
    <//>
    ${may("doctor") && html`<${NewPatient} again=${patients.reload} />`}`;
}

function Records({ query }) {
  const patients = useData(() => get("/patients"), { every: 120000 });
  const all = rows(patients.data, "patients");
  const patient = query.get("patient") ?? (all[0] ? String(all[0].id) : "");
  const found = useData(() => (patient ? get(`/diagnosis/record/list?patient_id=${patient}`) : []), { events: ["diagnosis."], every: 60000, deps: [patient] });
  const records = rows(found.data, "records");
  return html`<div class="filters"><${Field} label=${t("diagnosis.patient")} as="select" value=${patient} onValue=${(id) => { location.hash = `#/diagnosis/records?patient=${id}`; }}>${all.map((p) => html`<option value=${p.id}>${p.code} – ${p.name}</option>`)}<//></div>
    <${Section} title=${t("diagnosis.records")} aside=${html`<${Age} at=${found.at} limit=${120000} />`}>
      <${Nothing} of=${found} count=${records.length} empty=${t("diagnosis.no_records")} />
      ${records.length > 0 && html`<${Table} label=${t("diagnosis.records")} rows=${records} id=${(r) => r.id} columns=${[
        { label: t("time"), cell: (r) => html`<a href=${to("diagnosis", "records", String(r.id))}>${dateTime(r.created_at)}</a>` }, { label: t("diagnosis.type"), cell: (r) => word("exercise", r.type) },
        { label: t("diagnosis.level"), numeric: true, cell: (r) => r.level }, { label: t("diagnosis.score"), numeric: true, cell: (r) => number(r.score, 5) }, { label: t("diagnosis.spent"), numeric: true, cell: (r) => number(r.time_spent, 5) },
      ]} />`}
    <//>`;
}

export function Diagnosis({ parts, title, query }) {
  const [part = "now", id] = parts;
  const chosen = part === "records" ? "records" : "now";
  return html`<${Tabs} label=${t("place.diagnosis")} chosen=${chosen} of=${["now", "records"].map((name) => [name, t(`diagnosis.${name}`), to("diagnosis", name)])} />
    ${chosen === "now" ? html`<${Now} />` : id ? html`<${Record} key=${id} id=${id} title=${title} />` : html`<${Records} query=${query} />`}`;
}
