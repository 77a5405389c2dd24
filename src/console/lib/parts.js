// The small parts that pages are made of.
import { html, Signal, cx, useEffect, useRef, useSignal, useState } from "./ui.js";
import { connection, useNow } from "./live.js";
import { duration, ms } from "./format.js";
import { t, word } from "./i18n.js";

/** A state is a word and a sign before it is a colour. */
const SIGNS = { ok: "✓", warn: "▲", bad: "✕", off: "○", wait: "…", info: "●" };

export const Badge = ({ state = "off", children }) =>
  html`<span class=${`badge ${state}`}><span aria-hidden="true">${SIGNS[state]}</span> ${children}</span>`;

/** How old what is shown is, and that it can no longer be trusted when it is too old. */
export function Age({ at, limit, prefix }) {
  const now = useNow();
  const time = ms(at);
  if (time === null) return html`<span class="age">${t("age.never")}</span>`;
  const stale = limit && now - time > limit;
  const text = t(stale ? "age.stale" : "age.fresh", { span: duration(now - time) });
  return html`<span class=${cx("age", stale && "stale")}>${prefix} ${stale ? "▲ " : ""}${text}</span>`;
}

/** A tile says what, how it is, why, and how fresh that is. */
export function Tile({ title, state, word, value, reason, at, limit, href, children, wide }) {
  const lost = useSignal(connection) === "lost";
  const head = html`<h3>${href ? html`<a href=${href}>${title}</a>` : title}</h3>`;
  return html`<article class=${cx("tile", wide && "wide", state && `is-${state}`)}>
    <header>${head}${word && html`<${Badge} state=${state}>${word}<//>`}</header>
    ${value !== undefined && html`<p class="figure">${value}</p>`}
    ${children}
    ${reason && html`<p class="reason">${reason}</p>`}
    <footer>${at !== undefined && html`<${Age} at=${at} limit=${limit} />`}${lost && html` <span class="age stale">▲ ${t("live.lost_short")}</span>`}</footer>
  </article>`;
}

export function Problem({ error, again, nameOf }) {
  if (!error) return null;
  return html`<div class="problem" role="alert">
    <span><span aria-hidden="true">✕</span> ${nameOf && error.told ? error.told(nameOf) : error.message}</span>
    ${again && html`<button type="button" onClick=${again}>${t("again")}</button>`}
  </div>`;
}

/** Waiting, failed, or empty; nothing once there is something to show. */
export function Nothing({ of, empty, count }) {
  if (of.error && of.data === null) return html`<${Problem} error=${of.error} again=${of.reload} />`;
  if (of.data === null) return html`<p class="quiet" role="status">${t("loading")}</p>`;
  if (count === 0) return html`<p class="quiet">${empty}</p>`;
  return of.error ? html`<${Problem} error=${of.error} again=${of.reload} />` : null;
}

export function Section({ title, aside, children, id }) {
  return html`<section class="block" id=${id}>
    <header><h2>${title}</h2>${aside && html`<div class="aside">${aside}</div>`}</header>
    ${children}
  </section>`;
}

/** Rows in columns: `{key, label, cell(row), numeric}`. Wide tables scroll by themselves and can be reached by keyboard. */
export function Table({ columns, rows, id, label, empty }) {
  if (rows.length === 0) return html`<p class="quiet">${empty ?? t("nothing")}</p>`;
  return html`<div class="table" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead><tr>${columns.map((c) => html`<th scope="col" class=${cx(c.numeric && "numeric")}>${c.label}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${id(row)}>
        ${columns.map((c) => html`<td class=${cx(c.numeric && "numeric", c.mono && "mono")}>${c.cell(row)}</td>`)}
      </tr>`)}</tbody>
    </table>
  </div>`;
}

export function Facts({ of }) {
  const known = of.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return html`<dl class="facts">${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export const Bar = ({ value, state, label }) =>
  html`<div class=${cx("bar", state)} role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(value)}>
    <span ref=${(e) => e && e.style.setProperty("width", `${Math.max(0, Math.min(100, value))}%`)}></span>
  </div>`;

/** Links that choose between parts of a page. */
export const Tabs = ({ of, chosen, label }) => html`<nav class="tabs" aria-label=${label}>
  ${of.map(([id, text, href]) => html`<a key=${id} href=${href} aria-current=${id === chosen ? "page" : null}>${text}</a>`)}
</nav>`;

let fields = 0;
/** A field with its label and what is wrong with it. */
export function Field({ label, hint, as = "input", children, value, onValue, ...rest }) {
  const id = useRef(null);
  id.current ??= `field-${(fields += 1)}`;
  const said = hint ? `${id.current}-hint` : null;
  const props = { id: id.current, "aria-describedby": said, ...rest };
  const typed = (event) => onValue?.(event.target.type === "checkbox" ? event.target.checked : event.target.value);
  const input = {
    input: () => html`<input ...${props} value=${value} onInput=${typed} />`,
    check: () => html`<input ...${props} type="checkbox" checked=${value} onChange=${typed} />`,
    textarea: () => html`<textarea ...${props} value=${value} onInput=${typed}></textarea>`,
    select: () => html`<select ...${props} value=${value} onChange=${typed}>${children}</select>`,
  }[as]();
  return html`<div class=${cx("field", as === "check" && "check")}><label for=${id.current}>${label}</label>${input}
    ${hint && html`<small id=${said}>${hint}</small>`}</div>`;
}

/** A button that shows that its work is under way and says when it failed. */
export function Act({ children, work, done, kind, confirm, disabled, label }) {
  const [busy, set] = useState(false);
  const run = async () => {
    if (busy || (confirm && !(await sure(confirm)))) return;
    set(true);
    try {
      await work();
      if (done) say(done, "ok");
    } catch (error) {
      say(error.message, "bad");
    }
    set(false);
  };
  return html`<button type="button" class=${kind} disabled=${disabled || busy} aria-busy=${busy} aria-label=${label} onClick=${run}>${children}</button>`;
}

/** What a form calls its field of that name. */
function labelIn(form, name) {
  const found = [...(form?.querySelectorAll("[name]") ?? [])].find((one) => one.name === name);
  return found?.labels?.[0]?.textContent ?? word("field", name);
}

/** A form whose submission is work that may fail; the fault is said beside its button. */
export function Form({ work, submit, children, done, kind = "primary" }) {
  const [state, set] = useState({ busy: false, error: null });
  const form = useRef(null);
  const send = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    set({ busy: true, error: null });
    try {
      await work(event.target);
      set({ busy: false, error: null });
      if (done) say(done, "ok");
    } catch (error) {
      set({ busy: false, error });
    }
  };
  return html`<form class="form" ref=${form} onSubmit=${send}>
    ${children}
    <${Problem} error=${state.error} nameOf=${(name) => labelIn(form.current, name)} />
    <div class="actions"><button class=${kind} type="submit" disabled=${state.busy} aria-busy=${state.busy}>${submit}</button></div>
  </form>`;
}

const notes = new Signal([]);
let noted = 0;
const NOTES_MAX = 4;

/** Says something at the edge of the screen for some seconds. */
export function say(text, state = "info") {
  const note = { id: (noted += 1), text, state };
  notes.set([...notes.value, note].slice(-NOTES_MAX));
  setTimeout(() => notes.set(notes.value.filter((n) => n.id !== note.id)), state === "bad" ? 12000 : 5000);
}

export function Notes() {
  const shown = useSignal(notes);
  return html`<div class="notes" role="status" aria-live="polite">
    ${shown.map((n) => html`<p key=${n.id} class=${n.state}><span aria-hidden="true">${SIGNS[n.state]}</span> ${n.text}</p>`)}
  </div>`;
}

const question = new Signal(null);

/** Asks a person; answers whether the person agreed. */
export const sure = (text) => new Promise((resolve) => question.set({ text, resolve }));

export function Question() {
  const asked = useSignal(question);
  const dialog = useRef(null);
  useEffect(() => { if (asked && !dialog.current.open) dialog.current.showModal(); }, [asked]);
  const answer = (yes) => {
    dialog.current.close();
    asked.resolve(yes);
    question.set(null);
  };
  return html`<dialog ref=${dialog} aria-labelledby="question" onCancel=${(e) => { e.preventDefault(); answer(false); }}>
    ${asked && html`<p id="question">${asked.text}</p>
    <div class="actions">
      <button type="button" class="primary" onClick=${() => answer(true)}>${t("yes")}</button>
      <button type="button" onClick=${() => answer(false)}>${t("cancel")}</button>
    </div>`}
  </dialog>`;
}

/** Pages through a list. */
export function Pager({ skip, limit, total, go }) {
  if (total <= limit) return null;
  return html`<div class="pager">
    <button type="button" disabled=${skip === 0} onClick=${() => go(Math.max(0, skip - limit))}>← ${t("newer")}</button>
    <span>${skip + 1}–${Math.min(total, skip + limit)} / ${total}</span>
    <button type="button" disabled=${skip + limit >= total} onClick=${() => go(skip + limit)}>${t("older")} →</button>
  </div>`;
}
