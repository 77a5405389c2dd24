// The supervision tree as it lives: states, reasons, restarts, mailboxes; a restart or a release by an administrator.
import { html, useEffect, useRef, useState } from "../../lib/ui.js";
import { get, may, post } from "../../lib/api.js";
import { useData, useNow } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { count, dateTime, duration } from "../../lib/format.js";
import { Act, Age, Badge, Nothing, Section, Tile } from "../../lib/parts.js";

const STATE = { starting: "wait", running: "ok", frozen: "bad", restarting: "warn", quarantined: "bad", stopping: "wait", stopped: "off" };
const PAGE = 50;
const LOOK_MS = 3000;

const isSick = (node) => !["running", "starting"].includes(node.state);
const nameOf = (path) => path.split("/").at(-1);

/** The nodes below that are not well, however deep. */
function sickBelow(node, found = []) {
  for (const child of node.children) {
    if (isSick(child)) found.push(child);
    sickBelow(child, found);
  }
  return found;
}

function Node({ node, open, toggle, again, at }) {
  const now = useNow();
  const isOpen = open.has(node.path), has = node.children_total > 0;
  const restart = async () => { await post("/api/v1/system/tree/restart", { path: node.path }); again(); };
  const release = async () => { await post("/api/v1/system/tree/release", { path: node.path }); again(); };
  const retry = node.next_retry_in_us !== null ? Math.max(0, node.next_retry_in_us / 1000 - (now - at)) : null;
  const full = node.mailbox && node.mailbox.depth > node.mailbox.capacity / 2;
  return html`<li>
    <div class=${`node ${isSick(node) ? "sick" : ""}`}>
      ${has ? html`<button type="button" class="plain fold" aria-expanded=${isOpen} aria-label=${t(isOpen ? "tree.fold" : "tree.unfold", { name: nameOf(node.path) })} onClick=${() => toggle(node.path)}>${isOpen ? "▾" : "▸"}</button>` : html`<span class="fold"></span>`}
      <span class="name">${nameOf(node.path)}</span><${Badge} state=${STATE[node.state]}>${word("state", node.state)}<//>
      ${has && html`<span class="small">${t("tree.children", { n: count(node.children_total) })}</span>`}
      ${node.restarts > 0 && html`<span class="small warn">↻ ${t("tree.restarts", { n: node.restarts })}</span>`}
      ${node.mailbox && html`<span class=${`small ${full ? "warn" : ""}`}>${full ? "▲ " : ""}${t("tree.mailbox", { depth: node.mailbox.depth, high: node.mailbox.high_water, capacity: count(node.mailbox.capacity) })}</span>`}
      ${node.set_apart > 0 && html`<span class="small bad">✕ ${t("tree.set_apart", { n: node.set_apart })}</span>`}
      ${retry !== null && html`<span class="small">${t("tree.retry", { span: duration(retry) })}</span>`}
      ${may("admin") && node.path.includes("/") && html`<span class="actions push">
        ${node.state === "quarantined" && html`<${Act} kind="primary" work=${release} confirm=${t("tree.release_sure", { name: nameOf(node.path) })} done=${t("tree.released")} label=${`${t("tree.release")}: ${node.path}`}>${t("tree.release")}<//>`}
        ${node.kind === "actor" && html`<${Act} kind="plain" work=${restart} confirm=${t("tree.restart_sure", { name: node.path })} done=${t("tree.restarted")} label=${`${t("tree.restart")}: ${node.path}`}>↻<//>`}</span>`}
      ${(node.reason || node.last_fault) && html`<p class="reason">${node.reason ? said(node.reason) : t("tree.last_fault", { why: said(node.last_fault.reason) })}${node.last_fault ? ` · ${dateTime(node.last_fault.at_us / 1000)}` : ""}</p>`}
    </div>
    ${isOpen && has && html`<${Children} node=${node} open=${open} toggle=${toggle} again=${again} at=${at} />`}
  </li>`;
}

/** The children of a node: those that came with it, or a page of them asked for by itself. */
function Children({ node, open, toggle, again, at }) {
  const [limit, setLimit] = useState(PAGE);
  const partly = node.children.length < Math.min(node.children_total, limit);
  const found = useData(() => (partly ? get(`/api/v1/system/tree?path=${encodeURIComponent(node.path)}&limit=${limit}`) : null), { events: ["system."], every: LOOK_MS, least: 1000, deps: [node.path, limit, partly] });
  const children = partly ? found.data?.children ?? [] : node.children.slice(0, limit);
  return html`<ul>
    ${children.map((child) => html`<${Node} key=${child.path} node=${child} open=${open} toggle=${toggle} again=${() => { again(); found.reload(); }} at=${partly ? found.at ?? at : at} />`)}
    ${node.children_total > limit && html`<li><button type="button" onClick=${() => setLimit(Math.min(1000, limit * 4))}>${t("tree.more", { n: count(node.children_total - limit) })}</button></li>`}
  </ul>`;
}

export function Tree() {
  const found = useData(() => get(`/api/v1/system/tree?limit=${PAGE}`), { events: ["system."], every: LOOK_MS, least: 1000 });
  const house = useData(() => get("/api/v1/system/overview"), { events: ["system."], every: 30000 });
  const health = useData(() => get("/api/v1/health").catch((error) => error.body ?? Promise.reject(error)), { events: ["system."], every: 15000 });
  const [open, setOpen] = useState(() => new Set(["plant", "plant/inference", "plant/production"]));
  const toggle = (path) => {
    const next = new Set(open);
    if (!next.delete(path)) next.add(path);
    setOpen(next);
  };
  const tree = found.data, sick = tree ? sickBelow(tree) : [];
  // What is not well is opened to once; whoever closes it again is not contradicted.
  const shown = useRef(new Set());
  useEffect(() => {
    const fresh = sick.filter((node) => !shown.current.has(node.path));
    if (fresh.length === 0) return;
    const next = new Set(open);
    for (const node of fresh) {
      shown.current.add(node.path);
      const parts = node.path.split("/");
      for (let i = 1; i < parts.length; i += 1) next.add(parts.slice(0, i).join("/"));
    }
    setOpen(next);
  }, [found.data]);
  const parts = (health.data?.components ?? []).filter((part) => part.state !== "ok");
  return html`<div class="tiles even">
      <${Tile} title=${t("system.health")} state=${{ ok: "ok", warning: "warn", degraded: "warn", down: "bad" }[health.data?.status] ?? "off"} word=${health.data ? t(`health.${health.data.status}`) : "…"} reason=${parts.map((part) => `${word("part", part.name)}: ${said(part.detail)}`).join(" · ")} at=${health.at} limit=${45000} />
      <${Tile} title=${t("system.sick")} value=${sick.length} state=${sick.length ? "bad" : "ok"} word=${t(sick.length ? "tile.bad" : "tile.ok")} reason=${sick.slice(0, 3).map((node) => node.path).join(", ")} at=${found.at} limit=${15000} />
      <${Tile} title=${t("system.recoveries")} value=${count(house.data?.recoveries.last_24h)} reason=${house.data && t("system.recovered", { total: house.data.recoveries.total, last: house.data.recoveries.last_path ?? "–" })} at=${house.data?.recoveries.last_at ?? house.at} />
      <${Tile} title=${t("system.uptime")} value=${health.data && duration(health.data.uptime_s * 1000)} reason=${health.data && `Nightshift ${health.data.version}`} at=${health.at} limit=${45000} />
    </div>
    <${Section} title=${t("system.tree")} aside=${html`<${Age} at=${found.at} limit=${15000} />`}>
      <${Nothing} of=${found} count=${1} />
      ${tree && html`<div class="tree"><ul><${Node} node=${tree} open=${open} toggle=${toggle} again=${found.reload} at=${found.at} /></ul></div>`}
    <//>`;
}
