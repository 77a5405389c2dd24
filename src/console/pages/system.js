// The house: the supervision tree, breakers, devices, the audit, people and machines.
import { html } from "../lib/ui.js";
import { may } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { Tabs } from "../lib/parts.js";
import { to } from "../lib/place.js";
import { Tree } from "./system/tree.js";
import { Breakers } from "./system/breakers.js";
import { Inference } from "./system/inference.js";
import { Audit } from "./system/audit.js";
import { Users } from "./system/users.js";
import { Tokens } from "./system/tokens.js";

const PARTS = { tree: [Tree], breakers: [Breakers], inference: [Inference], audit: [Audit, "admin"], users: [Users, "lead"], tokens: [Tokens, "admin"] };

export function System({ parts }) {
  const open = Object.keys(PARTS).filter((name) => !PARTS[name][1] || may(PARTS[name][1]));
  const chosen = open.includes(parts[0]) ? parts[0] : "tree";
  const [Part] = PARTS[chosen];
  return html`<${Tabs} label=${t("place.system")} chosen=${chosen} of=${open.map((name) => [name, t(`system.${name}`), to("system", name)])} /><${Part} />`;
}
