// Equipment on which nothing may be started because its sensors were abnormal, and who let it go on.
import { html, useState } from "../../lib/ui.js";
import { list, may, post } from "../../lib/api.js";
import { useData } from "../../lib/live.js";
import { t } from "../../lib/i18n.js";
import { said } from "../../lib/said.js";
import { dateTime } from "../../lib/format.js";
import { Act, Age, Badge, Field, Nothing, Section } from "../../lib/parts.js";

function Hold({ hold, name, again }) {
  const [note, set] = useState("");
  const release = async () => { await post(`/api/v1/equipment/${hold.equipment_id}/acknowledge`, note.trim() ? { note: note.trim() } : {}); again(); };
  const review = async () => { await post(`/api/v1/holds/reviews/${encodeURIComponent(hold.event_id)}`); again(); };
  return html`<li><div class="line"><${Badge} state=${hold.is_active ? "bad" : "ok"}>${t(hold.is_active ? "holds.active" : "holds.released")}<//><strong>${name}</strong><${Age} at=${hold.since} /></div>
    <p>${said(hold.reason)}</p>
    ${!hold.is_active && html`<p class="age">${dateTime(hold.released_at)}${hold.release_note ? ` · ${hold.release_note}` : ""}</p>`}
    ${may("lead") && html`<div class="actions">
      ${hold.is_active && html`<${Field} label=${t("holds.note")} value=${note} onValue=${set} maxlength="1000" /><${Act} kind="primary" work=${release} confirm=${t("holds.release_sure", { name })} done=${t("holds.released")}>${t("holds.release")}<//>`}
      <${Act} work=${review} done=${t("holds.reviewed")}>${t("holds.review")}<//></div>`}
  </li>`;
}

export function Holds() {
  const found = useData(() => list("/api/v1/holds?limit=100"), { events: ["production."], every: 60000 });
  const equipment = useData(() => list("/api/v1/equipment?limit=1000"), { every: 600000 });
  const names = new Map((equipment.data?.items ?? []).map((e) => [e.id, `${e.equipment_code} – ${e.equipment_name}`]));
  const holds = found.data?.items ?? [];
  return html`<${Section} title=${t("production.holds")} aside=${html`<${Age} at=${found.at} limit=${90000} />`}>
    <${Nothing} of=${found} count=${holds.length} empty=${`✓ ${t("holds.none")}`} />
    <ul class="list">${holds.map((hold) => html`<${Hold} key=${hold.id} hold=${hold} name=${names.get(hold.equipment_id) ?? `#${hold.equipment_id}`} again=${found.reload} />`)}</ul>
  <//>`;
}
