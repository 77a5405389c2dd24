// A sensor about to be registered.
import { html, useState } from "../../lib/ui.js";
import { post } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { Field, Form, Section } from "../../lib/parts.js";

export function Register({ done }) {
  const [sensor, set] = useState({ sensor_id: "", name: "", unit: "", interval_s: "120" });
  const of = (name) => (value) => set({ ...sensor, [name]: value });
  const work = async () => {
    const body = { sensor_id: sensor.sensor_id.trim(), interval_s: Number(sensor.interval_s) };
    for (const name of ["name", "unit"]) if (sensor[name].trim()) body[name] = sensor[name].trim();
    await post("/api/sensors", body);
    done();
  };
  return html`<${Section} title=${t("sensors.register")}>
    <${Form} work=${work} submit=${t("sensors.register")} done=${t("saved")}>
      <${Field} label=${t("sensors.id")} name="sensor_id" hint="A–Z a–z 0–9 . _ -" value=${sensor.sensor_id} onValue=${of("sensor_id")} required maxlength="64" pattern="[A-Za-z0-9._\\-]+" />
      <${Field} label=${t("sensors.name")} name="name" value=${sensor.name} onValue=${of("name")} maxlength="100" />
      <${Field} label=${t("sensors.unit")} name="unit" value=${sensor.unit} onValue=${of("unit")} maxlength="100" />
      <${Field} label=${t("sensors.interval")} name="interval_s" type="number" min="1" max="86400" value=${sensor.interval_s} onValue=${of("interval_s")} required />
    <//>
  <//>`;
}
