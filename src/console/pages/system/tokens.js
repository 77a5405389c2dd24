// What machines get in with. A token is shown once.
import { html, useState } from "../../lib/ui.js";
import { list, post, remove } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { dateTime } from "../../lib/format.js";
import { Act, Badge, Field, Form, Nothing, Section, Table } from "../../lib/parts.js";

const SCOPES = ["metrics:read", "events:read", "system:read", "sensing:read", "sensing:write", "sensing:manage", "production:read", "fleet:read", "station", "agent", "briefing", "observation:write"];

function NewToken({ done }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState([]);
  const toggle = (scope) => (on) => setScopes(on ? [...scopes, scope] : scopes.filter((one) => one !== scope));
  const work = async () => {
    const made = await post("/api/v1/tokens", { name: name.trim(), scopes });
    setName("");
    setScopes([]);
    done(made);
  };
  return html`<${Section} title=${t("tokens.new")}><${Form} work=${work} submit=${t("tokens.make")}>
    <${Field} label=${t("tokens.name")} name="name" value=${name} onValue=${setName} required maxlength="100" />
    <fieldset class="block many"><legend>${t("tokens.scopes")}</legend>${SCOPES.map((scope) => html`<${Field} key=${scope} as="check" label=${`${scope} – ${word("scope", scope)}`} value=${scopes.includes(scope)} onValue=${toggle(scope)} />`)}</fieldset>
  <//><//>`;
}

export function Tokens() {
  const found = useData(() => list("/api/v1/tokens?limit=500"), { every: 60000 });
  const [made, setMade] = useState(null);
  const tokens = found.data?.items ?? [];
  const state = (token) => (token.revoked_at ? ["off", "tokens.revoked"] : token.expires_at && Date.parse(token.expires_at) < Date.now() ? ["off", "tokens.ended"] : ["ok", "tokens.good"]);
  const revoke = (id) => async () => { await remove(`/api/v1/tokens/${id}`); found.reload(); };
  return html`${made && html`<${Section} title=${t("tokens.shown_once", { name: made.name })}><code class="secret">${made.token}</code>
      <div class="actions"><${Act} work=${() => navigator.clipboard.writeText(made.token)} done=${t("copied")}>${t("copy")}<//><button type="button" onClick=${() => setMade(null)}>${t("tokens.hide")}</button></div><//>`}
    <${Section} title=${t("system.tokens")}>
      <${Nothing} of=${found} count=${tokens.length} empty=${t("tokens.none")} />
      ${tokens.length > 0 && html`<${Table} label=${t("system.tokens")} rows=${tokens} id=${(x) => x.id} columns=${[
        { label: t("tokens.name"), cell: (x) => html`<strong>${x.name}</strong>` }, { label: t("tokens.scopes"), cell: (x) => x.scopes.join(", ") },
        { label: t("lots.status"), cell: (x) => html`<${Badge} state=${state(x)[0]}>${t(state(x)[1])}<//>` }, { label: t("tokens.used"), cell: (x) => dateTime(x.last_used_at) }, { label: t("tokens.ends"), cell: (x) => dateTime(x.expires_at) },
        { label: "", cell: (x) => !x.revoked_at && html`<${Act} kind="danger" work=${revoke(x.id)} confirm=${t("tokens.revoke_sure", { name: x.name })}>${t("tokens.revoke")}<//>` },
      ]} />`}
    <//>
    <${NewToken} done=${(token) => { setMade(token); found.reload(); }} />`;
}
