// The door.
import { html, useState } from "../lib/ui.js";
import { signIn } from "../lib/api.js";
import { language, t } from "../lib/i18n.js";
import { Field, Form } from "../lib/parts.js";
import { Mark } from "../lib/icons.js";

export function SignIn() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const other = language.value === "ko" ? "en" : "ko";
  const work = async () => {
    try {
      await signIn(name.trim(), password);
    } finally {
      setPassword("");
    }
  };
  return html`<main class="door"><div class="block">
    <div class="brand"><${Mark} /><h1>Nightshift</h1></div>
    <p>${t("signin.about")}</p>
    <${Form} work=${work} submit=${t("signin")}>
      <${Field} label=${t("signin.name")} name="username" value=${name} onValue=${setName} autocomplete="username" required maxlength="50" />
      <${Field} label=${t("signin.password")} name="password" value=${password} onValue=${setPassword} type="password" autocomplete="current-password" required maxlength="128" />
    <//>
    <button type="button" class="plain" lang=${other} onClick=${() => language.set(other)}>${other === "ko" ? "한국어" : "English"}</button>
  </div></main>`;
}
