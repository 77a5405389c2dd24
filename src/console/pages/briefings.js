// Briefings: start one, hear it live, read what was said before, say how it should be said.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { get, post, rows, token, user } from "../lib/api.js";
import { useData } from "../lib/live.js";
import { language, t } from "../lib/i18n.js";
import { said } from "../lib/said.js";
import { clock, dateTime } from "../lib/format.js";
import { Act, Badge, Field, Form, Nothing, Problem, Section, Tabs } from "../lib/parts.js";
import { to } from "../lib/place.js";

const TEXTS_MAX = 500;
const CUSTOM_MAX = 10;
const STATE = { idle: "off", open: "ok", ended: "info", lost: "bad", connecting: "wait" };

/** A socket that tells a briefing: a new one, or the latest one from its beginning. */
function useBriefing() {
  const socket = useRef(null);
  const [seen, set] = useState({ texts: [], state: "idle", request: null });
  const listen = (path, query) => {
    socket.current?.close();
    const given = new URLSearchParams({ ...query, token: token() ?? "" });
    const ws = new WebSocket(`${location.origin.replace(/^http/, "ws")}${path}?${given}`);
    socket.current = ws;
    const mine = (change) => { if (socket.current === ws) set(change); };
    set({ texts: [], state: "connecting", request: null });
    ws.onopen = () => mine((s) => ({ ...s, state: "open" }));
    ws.onmessage = ({ data }) => mine((s) => {
      const said = data.startsWith("{") ? JSON.parse(data) : null;
      if (said?.event === "ended") return { ...s, state: "ended", request: said.request_id };
      if (said?.briefing_data) return { ...s, texts: said.briefing_data.map((text) => ({ text, at: null })).slice(-TEXTS_MAX) };
      return { ...s, texts: [...s.texts, { text: data, at: Date.now() }].slice(-TEXTS_MAX) };
    });
    ws.onclose = ({ code, reason }) => mine((s) => ({ ...s, state: s.state === "ended" || code === 1000 ? "ended" : "lost", why: reason || null }));
  };
  useEffect(() => () => { const ws = socket.current; socket.current = null; ws?.close(); }, []);
  return [seen, listen];
}

function Texts({ texts }) {
  const end = useRef(null);
  useEffect(() => { end.current?.scrollTo(0, end.current.scrollHeight); }, [texts.length]);
  return html`<ol class="texts" ref=${end} tabindex="0" aria-live="polite" aria-label=${t("briefings.texts")}>${texts.map((one, i) => html`<li key=${i}>${one.at && html`<span class="age">${clock(one.at)}</span>`}${one.text}</li>`)}</ol>`;
}

const soon = () => new Date(Date.now() + 3600000).toTimeString().slice(0, 5);

function Now() {
  const username = user.value.username;
  const [seen, listen] = useBriefing();
  const [given, set] = useState({ interval: "60", until: soon() });
  const [why, setWhy] = useState(null);
  const start = async () => {
    // The plant knows people of briefings by their name, and makes them known at the first one.
    await post("/login", { username });
    setWhy(null);
    listen("/ws", { username, interval: given.interval, endtime: given.until });
  };
  const stop = async () => { await post("/endBriefing", { username }); };
  const going = seen.state === "open" || seen.state === "connecting";
  useEffect(() => { if (seen.state === "lost") setWhy(new Error(said(seen.why) || t("briefings.lost"))); }, [seen.state]);
  return html`<${Section} title=${t("briefings.now")} aside=${html`<${Badge} state=${STATE[seen.state]}>${t(`briefings.is_${seen.state}`)}<//>`}>
    ${!going && html`<${Form} work=${start} submit=${t("briefings.start")}>
      <${Field} label=${t("briefings.interval")} hint=${t("briefings.interval_hint")} type="number" min="1" max="86400" value=${given.interval} onValue=${(interval) => set({ ...given, interval })} required />
      <${Field} label=${t("briefings.until")} hint=${t("briefings.until_hint")} type="time" value=${given.until} onValue=${(until) => set({ ...given, until })} required />
    <//>`}
    <div class="actions">${going && html`<${Act} kind="danger" work=${stop}>${t("briefings.end")}<//>`}${!going && html`<button type="button" onClick=${() => listen("/reloadBriefing", { username })}>${t("briefings.resume")}</button>`}</div>
    <${Problem} error=${why} />
    ${going && seen.texts.length === 0 && html`<p class="quiet">${t("briefings.waiting", { n: given.interval })}</p>`}
    <${Texts} texts=${seen.texts} />
  <//>`;
}

function Past({ id }) {
  const texts = useData(() => post("/getBriefing", { request_id: id }), { every: 30000, deps: [id] });
  const [summary, setSummary] = useState(null);
  const sum = async () => setSummary(await post("/aiSummary", { request_id: id }));
  const said = rows(texts.data, "briefing_data");
  return html`<${Section} title=${t("briefings.said")} aside=${html`<a class="button" href=${to("briefings", "history")}>${t("briefings.history")}</a>`}>
    <div class="actions"><${Act} kind="primary" work=${sum}>${t("briefings.summary")}<//></div>
    ${summary && html`<p class="block">${typeof summary === "string" ? summary.split("\n").map((line) => html`${line}<br />`) : JSON.stringify(summary)}</p>`}
    <${Nothing} of=${texts} count=${said.length} empty=${t("briefings.nothing_said")} />
    <${Texts} texts=${said.map((text) => ({ text: typeof text === "string" ? text : text.text, at: null }))} />
  <//>`;
}

function History() {
  const found = useData(() => post("/getAllRequest", { username: user.value.username }), { events: ["briefing."], every: 60000 });
  const all = rows(found.data, "requests");
  return html`<${Section} title=${t("briefings.history")}>
    <${Nothing} of=${found} count=${all.length} empty=${t("briefings.none")} />
    <ul class="list">${all.map((one) => html`<li key=${one.request_id}><div class="line"><strong>${one.request_name}</strong><span class="age">${t("briefings.ends", { at: one.endtime })}</span><a class="button push" href=${to("briefings", "history", String(one.request_id))}>${t("open")}</a></div></li>`)}</ul>
  <//>`;
}

function Daily() {
  const found = useData(() => get(`/api/v1/briefings/daily?language=${language.value}&limit=30`), { events: ["briefing."], every: 300000, deps: [language.value] });
  const all = rows(found.data, "briefings");
  return html`<${Section} title=${t("briefings.daily")}>
    <${Nothing} of=${found} count=${all.length} empty=${t("briefings.no_daily")} />
    <ul class="list">${all.map((one) => html`<li key=${one.id}><div class="line"><${Badge} state=${one.calm ? "ok" : "warn"}>${t(one.calm ? "tile.ok" : "tile.warn")}<//><strong>${one.date}</strong><span class="age">${t("briefings.evidence", { n: one.evidence.length })} · ${dateTime(one.composed_at)}</span></div><p class="said">${one.text}</p></li>`)}</ul>
  <//>`;
}

function Custom() {
  const username = user.value.username;
  const found = useData(() => post("/getCustom", { username }), { every: 600000 });
  const [lines, set] = useState(null);
  useEffect(() => { if (found.data && lines === null) set(rows(found.data, "custom_list")); }, [found.data]);
  const work = async () => { await post("/updateCustom", { username, custom_list: JSON.stringify(lines.map((line) => line.trim()).filter(Boolean)) }); };
  if (lines === null) return html`<${Nothing} of=${found} count=${1} />`;
  return html`<${Section} title=${t("briefings.custom")}><p>${t("briefings.custom_about")}</p><${Form} work=${work} submit=${t("save")} done=${t("saved")}>
    ${lines.map((line, i) => html`<${Field} key=${i} label=${t("briefings.wish", { n: i + 1 })} value=${line} onValue=${(value) => set(lines.map((one, at) => (at === i ? value : one)))} maxlength="200" />`)}
    ${lines.length < CUSTOM_MAX && html`<div class="actions"><button type="button" onClick=${() => set([...lines, ""])}>+ ${t("add")}</button></div>`}
  <//><//>`;
}

const PARTS = { now: Now, daily: Daily, history: History, custom: Custom };

export function Briefings({ parts }) {
  const [part = "now", id] = parts;
  const chosen = part in PARTS ? part : "now", Part = PARTS[chosen];
  return html`<${Tabs} label=${t("place.briefings")} chosen=${chosen} of=${Object.keys(PARTS).map((name) => [name, t(`briefings.${name}`), to("briefings", name)])} />
    ${chosen === "history" && id ? html`<${Past} key=${id} id=${id} />` : html`<${Part} />`}`;
}
