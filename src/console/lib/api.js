// Asks the plant. Tokens live as long as this tab and no cookie is set: a page from elsewhere can do nothing with them.
import { Signal } from "./ui.js";
import { t } from "./i18n.js";
import { refusal } from "./said.js";

const KEPT = "nightshift.tokens";
const TIMEOUT_MS = 30000;

/** Who is signed in; `null` when nobody is. */
export const user = new Signal(null);

const tokens = () => JSON.parse(sessionStorage.getItem(KEPT) || "null");
export const token = () => tokens()?.access ?? null;

function keep(answer) {
  sessionStorage.setItem(KEPT, JSON.stringify({ access: answer.access_token, refresh: answer.refresh_token }));
  user.set(answer.user);
}

function forget() {
  sessionStorage.removeItem(KEPT);
  user.set(null);
}

/** An answer that is no success; its message is in the language of the moment. */
export class Refused extends Error {
  constructor(status, body, retry = null) {
    super();
    this.status = status;
    this.code = body?.code ?? null;
    this.body = body;
    this.retry = retry;
  }

  get message() { return this.told(); }

  /** The message, with fields under the names that `nameOf` gives them. */
  told(nameOf) { return refusal(this, nameOf); }
}

/** The plant did not answer. */
export class Unreachable extends Error {
  get message() { return t("error.unreachable"); }
}

async function send(path, options) {
  const held = tokens();
  const headers = { accept: "application/json", ...options.headers };
  if (held && !options.stranger) headers.authorization = `Bearer ${held.access}`;
  try {
    return await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** The body of an answer; one that is no success is thrown as `Refused`. */
export async function read(answer) {
  const kind = answer.headers.get("content-type") || "";
  const body = kind.includes("json") ? await answer.json().catch(() => null) : await answer.text();
  if (!answer.ok) throw new Refused(answer.status, typeof body === "string" ? { detail: body.slice(0, 300) } : body, Number(answer.headers.get("retry-after")) || null);
  return body;
}

/** A file; refused like everything else. */
export const blob = async (path, options) => {
  const answer = await ask(path, options);
  return answer.ok ? answer.blob() : read(answer);
};

let renewing = null;
/** One refresh at a time: a refresh token is good for one. */
function renew() {
  renewing ||= (async () => {
    const held = tokens();
    if (!held) { forget(); return false; }
    const answer = await send("/api/v1/auth/refresh", { ...json("POST", { refresh_token: held.refresh }), stranger: true });
    if (answer.status >= 500 || answer.status === 429) await read(answer);
    if (!answer.ok) { forget(); return false; }
    keep(await answer.json());
    return true;
  })().finally(() => { renewing = null; });
  return renewing;
}

const json = (method, body) => ({
  method,
  headers: body === undefined ? {} : { "content-type": "application/json" },
  body: body === undefined ? undefined : JSON.stringify(body),
});

/** A raw answer; the access token is renewed once if it has ended. */
export async function ask(path, options = {}) {
  const answer = await send(path, options);
  if (answer.status !== 401 || options.stranger) return answer;
  if (!(await renew())) throw new Refused(401, { code: "NOT_AUTHENTICATED" });
  return send(path, options);
}

export const get = async (path, options) => read(await ask(path, options));
export const post = async (path, body, headers) => read(await ask(path, withHeaders(json("POST", body), headers)));
export const put = async (path, body) => read(await ask(path, json("PUT", body)));
export const patch = async (path, body) => read(await ask(path, json("PATCH", body)));
export const remove = async (path) => read(await ask(path, { method: "DELETE" }));
export const sendForm = async (path, form) => read(await ask(path, { method: "POST", body: form }));

const withHeaders = (options, headers) => ({ ...options, headers: { ...options.headers, ...headers } });

/** A list with the total that the plant says there is. */
export async function list(path) {
  const answer = await ask(path);
  const items = await read(answer);
  const total = Number(answer.headers.get("x-total-count") ?? items.length);
  return { items, total };
}

/** A list that the plant has as `[…]` or as `{name: […]}`. */
export const rows = (answer, name) => (Array.isArray(answer) ? answer : answer?.[name] ?? answer?.items ?? []);

/** A key under which a command may be sent again without taking effect twice. */
export const once = () => ({ "idempotency-key": crypto.randomUUID() });

export async function signIn(username, password) {
  const answer = await send("/api/v1/auth/login", { ...json("POST", { username, password }), stranger: true });
  keep(await read(answer));
}

export async function signOut() {
  await ask("/api/v1/auth/logout", { method: "POST" }).catch(() => {});
  forget();
}

/** Who is signed in, from the tokens that this tab still holds. */
export async function whoAmI() {
  if (!tokens()) return null;
  const me = await get("/api/v1/auth/me").catch((error) => {
    if (error instanceof Refused && error.status === 401) return null;
    throw error;
  });
  user.set(me);
  return me;
}

const ROLES = {
  admin: ["ADMIN"],
  lead: ["ADMIN", "MANAGER"],
  line: ["ADMIN", "MANAGER", "OPERATOR"],
  plant: ["ADMIN", "MANAGER", "OPERATOR", "VIEWER"],
  doctor: ["ADMIN", "DOCTOR"],
};

/** Whether who is signed in belongs to a group. The plant decides; this only spares people buttons that would be refused. */
export const may = (group) => ROLES[group].includes(user.value?.role);
