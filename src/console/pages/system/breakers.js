// The circuit breakers: what is being kept from what fails.
import { html } from "../../lib/ui.js";
import { get } from "../../lib/api.js";
import { useData, useNow } from "../../lib/live.js";
import { t, word } from "../../lib/i18n.js";
import { count, dateTime, duration } from "../../lib/format.js";
import { Age, Nothing, Section, Tile } from "../../lib/parts.js";

const STATE = { closed: "ok", half_open: "warn", open: "bad" };

export function Breakers() {
  const now = useNow();
  const found = useData(() => get("/api/v1/health/circuit-breakers"), { events: ["system."], every: 5000 });
  return html`<${Section} title=${t("system.breakers")} aside=${html`<${Age} at=${found.at} limit=${20000} />`}>
    <p>${t("breakers.about")}</p>
    <${Nothing} of=${found} count=${found.data?.length} empty=${t("breakers.none")} />
    <div class="tiles">${(found.data ?? []).map((b) => html`<${Tile} key=${b.name} title=${b.name} state=${STATE[b.state]} word=${word("breaker", b.state)}
      reason=${[t("breakers.failures", { n: b.failures }), t("breakers.trips", { n: count(b.trips) }), b.opened_at_us && t("breakers.opened", { at: dateTime(b.opened_at_us / 1000) }),
        b.retry_after_us && t("tree.retry", { span: duration(Math.max(0, b.retry_after_us / 1000 - (now - found.at))) })].filter(Boolean).join(" · ")} at=${found.at} limit=${20000} />`)}</div>
  <//>`;
}
