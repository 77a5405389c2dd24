// The console in Chromium: every page without an error or a serious fault of axe-core, and the main tasks end to end.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const modules = process.env.CONSOLE_CHECK_MODULES;
const require = createRequire(path.join(modules, "x.js"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
const PASSWORD = "Console-check-7";
const START_MS = 120000;
const TOUCH_PX = 47.5;
const PAGES = [
  "overview", "sensors", "sensors/console-check", "production", "production/lots", "production/station", "production/quality", "production/holds", "production/labels",
  "production/firmware", "fleet", "diagnosis", "diagnosis/records", "briefings", "briefings/daily", "briefings/history", "briefings/custom", "alerts", "system", "system/breakers",
  "system/inference", "system/audit", "system/users", "system/tokens", "account",
];
const shots = process.env.CONSOLE_CHECK_SHOTS;
const faults = [];

/** The program on a free port of loopback, in a folder of its own. */
async function serve(program) {
  const home = mkdtempSync(path.join(tmpdir(), "nightshift-console-"));
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NIGHTSHIFT|API_)/.test(name)));
  const env = { ...kept, NIGHTSHIFT_ADMIN_PASSWORD: PASSWORD, NIGHTSHIFT__HTTP__RATE_LIMIT__ENABLED: "false", NIGHTSHIFT__INFERENCE__DEVICE: "cpu", NIGHTSHIFT__LOG__FORMAT: "json", HMAC_SECRET_KEY: "console-check" };
  const child = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--data-dir", path.join(home, "data")], { cwd: home, env, stdio: ["ignore", "ignore", "pipe"] });
  const errors = [];
  const address = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`the server does not listen:\n${errors.join("\n")}`)), START_MS).unref();
    let text = "";
    child.stderr.on("data", (data) => {
      text += data;
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines) {
        let fact;
        try { fact = JSON.parse(line); } catch { errors.push(line); continue; }
        if (fact.address) resolve(fact.address);
        if (fact.level === "ERROR") errors.push(line);
      }
    });
  });
  const stop = () => new Promise((resolve) => {
    child.once("exit", (code) => { rmSync(home, { recursive: true, force: true }); resolve(code); });
    child.kill("SIGTERM");
  });
  return { url: `http://${address}`, errors, stop };
}

/** A client of the API, for what people do not type: readings. */
async function api(url) {
  const send = async (method, at, body, token) => {
    const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(url + at, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const { access_token } = await send("POST", "/api/v1/auth/login", { username: "admin", password: PASSWORD });
  return (method, at, body) => send(method, at, body, access_token);
}

async function until(what, condition) {
  for (let i = 0; i < 600; i += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not in time: ${what}`);
}

function listen(page, where) {
  page.on("pageerror", (error) => faults.push(`${where.at}: ${error.message}`));
  page.on("console", (message) => {
    // An answer that is no success is told by the page itself, where it matters.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`${where.at}: ${message.text()}`);
  });
}

async function signIn(page, url) {
  await page.goto(url);
  await page.fill("input[autocomplete=username]", "admin");
  await page.fill("input[type=password]", PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".places");
}

/** Shows a page and waits until it has loaded what it shows. */
async function show(page, at) {
  await page.evaluate((to) => { location.hash = `#/${to}`; }, at);
  await page.waitForFunction(() => document.querySelector("main")?.children.length > 0);
  await page.waitForFunction(() => ![...document.querySelectorAll("main [role=status]")].some((e) => /…$/.test(e.textContent)), null, { timeout: 15000 });
}

/** What axe-core finds serious, targets that are too small for gloves, and pages wider than the screen. */
async function inspect(page, where) {
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, impact, nodes } of found.violations.filter((v) => ["serious", "critical"].includes(v.impact))) faults.push(`${where.at}: axe ${impact} ${id}: ${nodes[0].html.slice(0, 200)}`);
  const small = await page.evaluate((least) => [...document.querySelectorAll("button, .button, input:not([type=checkbox]), select, .places a, .tabs a, td > a")]
    .filter((e) => e.offsetParent && e.getBoundingClientRect().height < least).map((e) => e.outerHTML.slice(0, 120)), TOUCH_PX);
  for (const html of small) faults.push(`${where.at}: smaller than 48 px: ${html}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) faults.push(`${where.at}: ${wide} px wider than the screen`);
}

/** Every page in one look: size, theme, language. */
async function walk(browser, url, { name, width, height, theme, language, axe }) {
  // The page's own policy lets no script in but its own; axe-core has to come past it.
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, bypassCSP: axe });
  const page = await context.newPage(), where = { at: name };
  listen(page, where);
  await page.addInitScript((chosen) => localStorage.setItem("nightshift.language", chosen), language);
  await signIn(page, url);
  if (axe) await page.evaluate(AXE);
  for (const at of PAGES) {
    where.at = `${name} ${at}`;
    await show(page, at);
    if (shots) await page.screenshot({ path: path.join(shots, `${name}-${at.replaceAll("/", "_")}.png`) });
    if (axe) await inspect(page, where);
    const lang = await page.evaluate(() => document.documentElement.lang);
    if (lang !== language) faults.push(`${where.at}: the language is ${lang}`);
  }
  await context.close();
}

const field = (page, label) => page.getByLabel(label, { exact: true });

/** What people do, by keyboard where a scanner would do it. */
async function work(page) {
  await show(page, "production/lots");
  await page.getByRole("button", { name: "New product model" }).click();
  await field(page, "Code").fill("WF");
  await field(page, "Name").fill("Waist assist");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "New lot" }).click();
  await field(page, "Quantity").fill("2");
  await page.getByRole("button", { name: "Make the lot" }).click();
  await page.getByRole("button", { name: "Make a unit" }).click();
  const serial = await page.locator("td a").first().textContent();

  await show(page, "production/station");
  await page.getByRole("button", { name: /1\. Laser marking/ }).click();
  await page.locator("#scan").pressSequentially(serial.toLowerCase());
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /^Start: Laser marking/ }).waitFor();
  await until("the start has the focus", () => page.evaluate(() => document.activeElement.textContent.startsWith("Start:")));
  await page.keyboard.press("Enter");
  await page.getByLabel("Marking").selectOption({ label: "SUCCESS" });
  await page.getByRole("button", { name: "Report" }).click();
  await page.locator("#scan").waitFor();
  await show(page, `production/serials/${serial}`);
  await page.locator(".trace .badge.ok").first().waitFor();

  await show(page, "alerts");
  await page.getByRole("button", { name: "Write an alert" }).click();
  await field(page, "Title").fill("Parts run out");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("button", { name: "Mark as read: Parts run out" }).click();
  await page.getByText("· read").first().waitFor();

  await show(page, "system");
  await page.getByRole("button", { name: "Unfold sensing" }).click();
  await page.getByRole("button", { name: "Restart: plant/sensing/schedule" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await page.getByText("1 restarts").first().waitFor();

  await show(page, "system/tokens");
  await field(page, "What it is for").fill("prometheus");
  await field(page, "metrics:read – read metrics").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.locator(".secret").waitFor();
}

/** Live: a reading that is pushed elsewhere shows here without a look. */
async function hears(page, call) {
  await show(page, "sensors/console-check");
  await call("POST", "/api/sensors/console-check/readings", [{ time: Date.now(), value: 4321.5 }]);
  await page.getByRole("heading", { name: /4,321\.5/ }).waitFor({ timeout: 10000 });
}

async function main() {
  const server = await serve(process.argv[2]);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const call = await api(server.url);
    await until("the server is ready", () => fetch(`${server.url}/api/v1/health/readiness`).then((answer) => answer.ok));
    await call("POST", "/api/sensors", { sensor_id: "console-check", name: "Console check", unit: "mg/L", interval_s: 60 });
    const values = Array.from({ length: 720 }, (_, i) => 7 + Math.sin(i / 40));
    await call("POST", "/api/sensors/console-check/readings", { start: Date.now() - 720 * 60000, interval_s: 60, values });
    await call("POST", "/api/analyze/console-check", {});

    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage(), where = { at: "work" };
    listen(page, where);
    page.setDefaultTimeout(20000);
    await page.addInitScript(() => localStorage.setItem("nightshift.language", "en"));
    await signIn(page, server.url);
    await work(page);
    await hears(page, call);
    await context.close();

    await walk(browser, server.url, { name: "desktop", width: 1440, height: 900, theme: "light", language: "en", axe: true });
    await walk(browser, server.url, { name: "tablet", width: 1024, height: 768, theme: "dark", language: "ko", axe: true });
    if (shots) await walk(browser, server.url, { name: "wall", width: 1920, height: 1080, theme: "dark", language: "en", axe: false });
  } finally {
    await browser.close();
    const code = await server.stop();
    if (code !== 0) faults.push(`the server stopped with ${code}`);
    faults.push(...server.errors.map((line) => `logged: ${line}`));
  }
}

await main().catch((error) => faults.push(error.stack));
for (const fault of [...new Set(faults)]) console.log(fault);
console.log(`console: ${PAGES.length} pages, ${new Set(faults).size} faults`);
process.exit(faults.length ? 1 : 0);
