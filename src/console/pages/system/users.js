// The people of the plant.
import { html, useState } from "../../lib/ui.js";
import { list, may, patch, post, put, remove, user } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { dateTime } from "../../lib/format.js";
import { Act, Badge, Field, Form, Nothing, Section, Table } from "../../lib/parts.js";

const ROLES = ["ADMIN", "MANAGER", "OPERATOR", "DOCTOR", "NURSE", "VIEWER"];
const EMPTY = { username: "", full_name: "", email: "", password: "", role: "OPERATOR", department: "" };

function NewUser({ done }) {
  const [given, set] = useState(EMPTY);
  const of = (name) => (value) => set({ ...given, [name]: value });
  const work = async () => {
    const body = { username: given.username.trim(), full_name: given.full_name.trim(), password: given.password, role: given.role };
    for (const name of ["email", "department"]) if (given[name].trim()) body[name] = given[name].trim();
    await post("/api/v1/users", body);
    set(EMPTY);
    done();
  };
  return html`<${Section} title=${t("users.new")}><${Form} work=${work} submit=${t("users.make")} done=${t("saved")}>
    <${Field} label=${t("users.username")} name="username" value=${given.username} onValue=${of("username")} required maxlength="50" autocomplete="off" />
    <${Field} label=${t("users.full_name")} name="full_name" value=${given.full_name} onValue=${of("full_name")} required maxlength="100" />
    <${Field} label=${t("users.email")} name="email" type="email" value=${given.email} onValue=${of("email")} />
    <${Field} label=${t("users.password")} name="password" hint=${t("account.rule")} type="password" autocomplete="new-password" value=${given.password} onValue=${of("password")} required minlength="8" />
    <${Field} label=${t("users.role")} name="role" as="select" value=${given.role} onValue=${of("role")}>${ROLES.map((r) => html`<option value=${r}>${word("role", r)}</option>`)}<//>
    <${Field} label=${t("users.department")} name="department" value=${given.department} onValue=${of("department")} maxlength="100" />
  <//><//>`;
}

function Commands({ of, again }) {
  const [fresh, set] = useState(null);
  if (!may("admin")) return null;
  const path = `/api/v1/users/${of.id}`;
  const change = (body) => async () => { await patch(path, body); again(); };
  const unlock = async () => { await post(`${path}/unlock`); again(); };
  const drop = async () => { await remove(path); again(); };
  const setPassword = async () => { await put(`${path}/password`, { new_password: fresh }); set(null); };
  if (fresh !== null) {
    return html`<${Form} work=${setPassword} submit=${t("save")} done=${t("account.changed")}><${Field} label=${t("account.new")} name="password" type="password" autocomplete="new-password" minlength="8" required value=${fresh} onValue=${set} /><//>`;
  }
  const own = of.id === user.value.id;
  return html`<div class="actions">
    <${Act} work=${unlock} done=${t("users.unlocked")}>${t("users.unlock")}<//><button type="button" onClick=${() => set("")}>${t("users.set_password")}</button>
    ${!own && html`<${Act} work=${change({ is_active: !of.is_active })} confirm=${of.is_active ? t("users.disable_sure", { name: of.username }) : null}>${t(of.is_active ? "users.disable" : "users.enable")}<//>
    <${Act} kind="danger" work=${drop} confirm=${t("users.remove_sure", { name: of.username })}>${t("remove")}<//>`}
  </div>`;
}

/** Doctors who are gone and still have patients: somebody has to take them over. */
function Handover({ people, again }) {
  const found = useData(() => list("/patients/handover"), { every: 60000 });
  const [to, set] = useState("");
  const doctors = people.filter((u) => u.role === "DOCTOR" && u.is_active), forsaken = found.data?.items ?? [];
  if (forsaken.length === 0) return null;
  const give = (from) => async () => { await post("/patients/handover", { from_doctor_id: from, to_doctor_id: Number(to) }); found.reload(); again(); };
  const name = doctors.find((u) => String(u.id) === to)?.username ?? "";
  return html`<${Section} title=${t("handover.title")}>
    <${Field} label=${t("handover.to")} as="select" value=${to} onValue=${set}><option value=""></option>${doctors.map((u) => html`<option value=${u.id}>${u.username}</option>`)}<//>
    <${Table} label=${t("handover.title")} rows=${forsaken} id=${(f) => f.doctor_id} columns=${[
      { label: t("users.username"), cell: (f) => html`<strong>${f.username}</strong>` }, { label: t("handover.patients"), numeric: true, cell: (f) => f.patients },
      { label: "", cell: (f) => to !== "" && html`<${Act} work=${give(f.doctor_id)} confirm=${t("handover.sure", { n: f.patients, from: f.username, to: name })}>${t("handover.give")}<//>` },
    ]} />
  <//>`;
}

export function Users() {
  const found = useData(() => list("/api/v1/users?limit=1000"), { every: 60000 });
  const people = found.data?.items ?? [];
  const role = (of) => async (value) => { await patch(`/api/v1/users/${of.id}`, { role: value }); found.reload(); };
  return html`<${Section} title=${t("system.users")}>
      <${Nothing} of=${found} count=${people.length} />
      ${people.length > 0 && html`<${Table} label=${t("system.users")} rows=${people} id=${(u) => u.id} columns=${[
        { label: t("users.username"), cell: (u) => html`<strong>${u.username}</strong>` }, { label: t("users.full_name"), cell: (u) => u.full_name },
        { label: t("users.role"), cell: (u) => (may("admin") && u.id !== user.value.id ? html`<${Role} of=${u} set=${role(u)} />` : word("role", u.role)) },
        { label: t("lots.status"), cell: (u) => html`<${Badge} state=${u.is_active ? "ok" : "off"}>${t(u.is_active ? "users.active" : "users.disabled")}<//>` },
        { label: t("users.last_login"), cell: (u) => dateTime(u.last_login_at) }, { label: "", cell: (u) => html`<${Commands} of=${u} again=${found.reload} />` },
      ]} />`}
    <//>
    ${may("admin") && html`<${Handover} people=${people} again=${found.reload} /><${NewUser} done=${found.reload} />`}`;
}

function Role({ of, set }) {
  return html`<select aria-label=${`${t("users.role")}: ${of.username}`} value=${of.role} onChange=${(e) => set(e.target.value)}>${ROLES.map((r) => html`<option value=${r}>${word("role", r)}</option>`)}</select>`;
}
