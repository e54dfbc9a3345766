/* global SwaggerUIBundle */
import { info, token, apiPath, options } from "./dev.js";

const find = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get("tenant");

start();

async function start() {
  const known = await info().catch(() => null);
  if (known === null) {
    bySlug();
  } else {
    byChoice(known.tenants);
  }
}

/** Outside development the page knows no tenant: who has a tenant knows its slug, and brings a token. */
function bySlug() {
  find("slug").hidden = false;
  find("open").hidden = false;
  find("slug").value = asked ?? "";
  find("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    open(`/t/${encodeURIComponent(find("slug").value)}/api/v1/openapi.json`);
  });
  if (asked) {
    find("choice").requestSubmit();
  }
}

function byChoice(tenants) {
  const [tenant, role] = [find("tenant"), find("role")];
  const current = () => tenants.find((one) => one.slug === tenant.value);
  options(tenant, tenants.map((one) => one.slug), asked);
  tenant.hidden = false;
  find("as").hidden = false;
  find("choice").addEventListener("submit", (event) => event.preventDefault());
  const reopen = async () => {
    options(role, current().roles, current().roles.includes(role.value) ? role.value : "clinician");
    open(`${apiPath(current())}/openapi.json`, () => signIn(tenant.value, role.value));
  };
  tenant.addEventListener("change", reopen);
  role.addEventListener("change", reopen);
  reopen();
}

let shown = null;

function open(url, then) {
  shown = SwaggerUIBundle({
    url,
    domNode: find("reference"),
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    filter: true,
    validatorUrl: null,
    requestSnippetsEnabled: true,
    presets: [SwaggerUIBundle.presets.apis],
    onComplete: then,
  });
}

async function signIn(tenant, role) {
  try {
    const given = await token(tenant, role);
    shown.preauthorizeApiKey("bearer", given.token);
    find("said").textContent = `Requests carry a token, good for ${Math.round(given.expiresIn / 60)} minutes.`;
  } catch (fault) {
    find("said").textContent = fault.message;
  }
}
