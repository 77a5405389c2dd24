// The frame: who is signed in, where the person is, and what is shown there.
import { html, render, useEffect, useRef, useSignal, useState } from "./lib/ui.js";
import { signOut, user, whoAmI } from "./lib/api.js";
import { connection, useData } from "./lib/live.js";
import { language, t, useLanguage } from "./lib/i18n.js";
import { Act, Badge, Notes, Problem, Question } from "./lib/parts.js";
import { choice, next, wall } from "./lib/theme.js";
import { go, place } from "./lib/place.js";
import { Icon, Mark } from "./lib/icons.js";
import { get, may } from "./lib/api.js";
import { SignIn } from "./pages/signin.js";
import { Overview } from "./pages/overview.js";
import { Sensors } from "./pages/sensors.js";
import { Production } from "./pages/production.js";
import { Fleet } from "./pages/fleet.js";
import { Diagnosis } from "./pages/diagnosis.js";
import { Briefings } from "./pages/briefings.js";
import { Alerts } from "./pages/alerts.js";
import { System } from "./pages/system.js";
import { Account } from "./pages/account.js";

const anyone = () => true;
const PLACES = [
  { id: "overview", Page: Overview, who: anyone },
  { id: "sensors", Page: Sensors, who: anyone },
  { id: "production", Page: Production, who: () => may("plant") },
  { id: "fleet", Page: Fleet, who: () => may("plant") },
  { id: "diagnosis", Page: Diagnosis, who: () => may("doctor") },
  { id: "briefings", Page: Briefings, who: () => may("plant") },
  { id: "alerts", Page: Alerts, who: () => may("plant") },
  { id: "system", Page: System, who: anyone },
  { id: "account", Page: Account, who: anyone, hidden: true },
];

const HEALTH = { ok: "ok", warning: "warn", degraded: "warn", down: "bad" };

function Places({ at, unread }) {
  return html`<div class="places">
    <a class="brand" href="#/overview" aria-label="Nightshift"><${Mark} /><span>Nightshift</span></a>
    <nav aria-label=${t("places")}>
      ${PLACES.filter((one) => !one.hidden && one.who()).map((one) => html`<a key=${one.id} href=${`#/${one.id}`} aria-current=${one.id === at ? "page" : null}>
        <${Icon} name=${one.id} /><span>${t(`place.${one.id}`)}</span>
        ${one.id === "alerts" && unread > 0 && html`<span class="count">${unread > 99 ? "99+" : unread}<span class="sr"> ${t("alerts.unread")}</span></span>`}
      </a>`)}
    </nav>
    <div class="rest"><a href="/docs">API</a><a href="/redoc">${t("reference")}</a></div>
  </div>`;
}

function Top({ title, health }) {
  const who = useSignal(user), chosen = useSignal(choice), large = useSignal(wall);
  const other = language.value === "ko" ? "en" : "ko";
  return html`<header class="top">
    <h1>${title}</h1>
    ${health && html`<${Badge} state=${HEALTH[health.status]}>${t(`health.${health.status}`)}<//>`}
    <button type="button" onClick=${() => language.set(other)} lang=${other}>${other === "ko" ? "한국어" : "English"}</button>
    <button type="button" onClick=${() => choice.set(next[chosen])}>${t(`theme.${chosen}`)}</button>
    <button type="button" class="large-only" aria-pressed=${large} onClick=${() => wall.set(!large)}>${t("wall")}</button>
    <a class="button" href="#/account">${who.full_name || who.username}</a>
    <${Act} work=${signOut}>${t("signout")}<//>
  </header>`;
}

function Lost() {
  const state = useSignal(connection);
  if (state !== "lost") return null;
  return html`<p class="lost" role="alert">▲ ${t("live.lost")}</p>`;
}

function Frame() {
  const at = useSignal(place);
  const main = useRef(null);
  const here = PLACES.find((one) => one.id === at.parts[0] && one.who()) ?? PLACES[0];
  const health = useData(() => get("/api/health").catch((error) => error.body ?? Promise.reject(error)), { events: ["system.", "sensing.verdict"], every: 15000, least: 5000 });
  const unread = useData(() => (may("plant") ? get("/api/v1/alerts/unread/count") : null), { events: ["alerts."], every: 60000 });
  const [title, setTitle] = useState(null);
  const shown = title ?? t(`place.${here.id}`);
  useEffect(() => { document.title = `${shown} · Nightshift`; }, [shown]);
  useEffect(() => setTitle(null), [at.path]);
  // Who comes by keyboard begins at what is new.
  useEffect(() => { if (at.moved) { main.current.focus({ preventScroll: true }); scrollTo(0, 0); } }, [at.path]);
  return html`<div class="frame">
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>${t("skip")}</a>
    <${Places} at=${here.id} unread=${unread.data?.unread_count ?? 0} />
    <div>
      <${Top} title=${shown} health=${health.data} />
      <${Lost} />
      <main id="main" ref=${main} tabindex="-1"><${here.Page} key=${here.id} parts=${at.parts.slice(1)} query=${at.query} title=${setTitle} health=${health} /></main>
    </div>
  </div>`;
}

function App() {
  const who = useSignal(user);
  const [state, set] = useState({ known: false, error: null });
  useLanguage();
  const look = () => whoAmI().then(() => set({ known: true, error: null }), (error) => set({ known: false, error }));
  useEffect(() => { look(); }, []);
  if (state.error) return html`<div class="door"><${Problem} error=${state.error} again=${look} /></div>`;
  if (!state.known) return html`<p class="door" role="status">${t("loading")}</p>`;
  return html`${who ? html`<${Frame} key=${who.id} />` : html`<${SignIn} />`}<${Notes} /><${Question} />`;
}

// A failure that nobody foresaw leaves a line that can be read, not a white page.
addEventListener("error", (event) => console.error("console:", event.message));
if (!location.hash) go("overview");
render(html`<${App} />`, document.getElementById("app"));
