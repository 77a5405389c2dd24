// Who is signed in, and the own password.
import { html, useState } from "../lib/ui.js";
import { put, user } from "../lib/api.js";
import { t, word } from "../lib/i18n.js";
import { dateTime } from "../lib/format.js";
import { Facts, Field, Form, Section } from "../lib/parts.js";

export function Account() {
  const me = user.value;
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const work = async () => {
    await put("/api/v1/users/me/password", { current_password: old, new_password: fresh });
    setOld("");
    setFresh("");
  };
  return html`<${Section} title=${me.full_name}>
      <${Facts} of=${[
        [t("users.username"), me.username], [t("users.role"), word("role", me.role)], [t("users.department"), me.department],
        [t("users.email"), me.email], [t("users.last_login"), dateTime(me.last_login_at)],
      ]} />
    <//>
    <${Section} title=${t("account.password")}>
      <${Form} work=${work} submit=${t("save")} done=${t("account.changed")}>
        <${Field} label=${t("account.old")} name="current_password" type="password" autocomplete="current-password" required value=${old} onValue=${setOld} />
        <${Field} label=${t("account.new")} name="password" hint=${t("account.rule")} type="password" autocomplete="new-password" required minlength="8" value=${fresh} onValue=${setFresh} />
      <//>
    <//>`;
}
