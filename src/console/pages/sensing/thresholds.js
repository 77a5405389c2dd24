// A sensor's own bounds, and whether the schedule scores it.
import { html, useEffect, useState } from "../../lib/ui.js";
import { may, patch } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { number } from "../../lib/format.js";
import { Facts, Field, Form, Section } from "../../lib/parts.js";

const NAMES = ["low", "high", "score"];
const text = (value) => (value === null || value === undefined ? "" : String(value));

export function Thresholds({ sensor, done }) {
  const stored = sensor.thresholds ?? {};
  const [given, set] = useState({});
  const [enabled, setEnabled] = useState(sensor.enabled);
  useEffect(() => {
    set(Object.fromEntries(NAMES.map((name) => [name, text(stored[name])])));
    setEnabled(sensor.enabled);
  }, [sensor.updated_at]);
  const work = async () => {
    const thresholds = Object.fromEntries(NAMES.map((name) => [name, given[name]?.trim() ? Number(given[name]) : null]));
    await patch(`/api/sensors/${encodeURIComponent(sensor.sensor_id)}`, { thresholds, enabled });
    done();
  };
  if (!may("lead")) {
    return html`<${Section} title=${t("sensors.thresholds")}><${Facts} of=${NAMES.map((name) => [t(`threshold.${name}`), number(stored[name])])} /><//>`;
  }
  return html`<${Section} title=${t("sensors.thresholds")}>
    <${Form} work=${work} submit=${t("save")} done=${t("saved")}>
      ${NAMES.map((name) => html`<${Field} key=${name} label=${t(`threshold.${name}`)} name=${name} hint=${t(`threshold.${name}_hint`)} type="number" step="any" value=${given[name] ?? ""} onValue=${(value) => set({ ...given, [name]: value })} />`)}
      <${Field} label=${t("sensors.scheduled")} as="check" value=${enabled} onValue=${setEnabled} />
    <//>
  <//>`;
}
