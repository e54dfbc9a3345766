import { info, token, apiPath, element, options } from "./dev.js";

const SHOWN_COUNTS = 4;
const USUAL_ROLE = "clinician";
const HOW = {
  shared: "Rows in shared tables. Without this tenant’s capability PostgreSQL shows none of them.",
  schema: "Tables of its own. Their policy names this tenant and opens to its capability alone.",
  database: "A database of its own, behind a login of its own. Nobody else connects.",
};
const numbers = new Intl.NumberFormat("en");
const find = (id) => document.getElementById(id);

start();

async function start() {
  let known = null;
  try {
    known = await info();
  } catch {
    notice("The installation does not answer. Is it still running?");
    return;
  }
  if (known === null) {
    find("running").hidden = true;
    notice("This installation does not run in development mode, or you are not on its machine: "
      + "the page shows nothing of its tenants.");
    return;
  }
  find("version").textContent = known.version;
  find("postgres").textContent = known.postgres ?? "not known";
  find("app").textContent = known.app ?? "none";
  // Three holds make a ship; whoever has more tenants finds them by command.
  find("holds").replaceChildren(...known.tenants.slice(0, 3).map(hold));
  if (known.tenants.length > 3) {
    notice(`${known.tenants.length - 3} more tenants are here: ./bulkhead tenant list`);
  }
  if (known.tenants.length > 1) {
    wall(known.tenants);
  }
  for (const part of document.querySelectorAll("[data-dev]")) {
    part.hidden = false;
  }
}

function notice(text) {
  find("notice").textContent = text;
  find("notice").hidden = false;
}

function hold(tenant) {
  const part = find("hold").content.cloneNode(true);
  const at = (selector) => part.querySelector(selector);
  at("use").setAttribute("href", `#draw-${tenant.isolation}`);
  at(".kind").textContent = tenant.isolation;
  at(".slug").textContent = tenant.slug;
  at(".how").textContent = HOW[tenant.isolation] ?? "";
  counts(part, tenant.counts);
  at(".try").href = `/reference/index.html?tenant=${encodeURIComponent(tenant.slug)}`;
  at(".document").href = `${apiPath(tenant)}/openapi.json`;

  const role = at("select");
  const slip = at(".slip");
  options(role, tenant.roles, tenant.roles.includes(USUAL_ROLE) ? USUAL_ROLE : tenant.roles[0]);
  const copy = (button, write) => button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const given = await token(tenant.slug, role.value);
      await navigator.clipboard.writeText(write(given.token));
      slip.textContent = `Copied. Good for ${Math.round(given.expiresIn / 60)} minutes: ${given.token}`;
    } catch (fault) {
      slip.textContent = fault.message;
    } finally {
      button.disabled = false;
    }
  });
  copy(at(".copy-token"), (text) => text);
  copy(at(".copy-curl"), (text) =>
    `curl -s -H 'Authorization: Bearer ${text}' '${location.origin}${apiPath(tenant)}/${collection(tenant, role.value)}?limit=3'`);
  return part;
}

function counts(part, byCollection) {
  const [shown, rest] = part.querySelectorAll(".counts");
  const more = part.querySelector(".more");
  if (!byCollection) {
    part.querySelector(".total").textContent = "The tenant does not answer now.";
    more.remove();
    return;
  }
  const rows = Object.entries(byCollection).sort(byInterest);
  part.querySelector(".total strong").textContent = numbers.format(rows.reduce((sum, [, count]) => sum + count, 0));
  const line = ([name, count]) => {
    const row = element("div");
    row.append(element("dt", words(name)), element("dd", numbers.format(count)));
    return row;
  };
  shown.append(...rows.slice(0, SHOWN_COUNTS).map(line));
  if (rows.length <= SHOWN_COUNTS) {
    more.remove();
    return;
  }
  more.querySelector("summary").textContent = `and ${rows.length - SHOWN_COUNTS} more`;
  rest.append(...rows.slice(SHOWN_COUNTS).map(line));
}

/** People first, then by size. */
function byInterest([one, few], [other, many]) {
  return (other === "patients") - (one === "patients") || many - few;
}

function wall(tenants) {
  const [from, to, role] = [find("from"), find("to"), find("role")];
  const bySlug = new Map(tenants.map((tenant) => [tenant.slug, tenant]));
  options(from, [...bySlug.keys()]);
  const settle = () => {
    const others = [...bySlug.keys()].filter((slug) => slug !== from.value);
    options(to, others, to.value);
    const roles = bySlug.get(from.value).roles;
    options(role, roles, roles.includes(role.value) ? role.value : USUAL_ROLE);
  };
  from.addEventListener("change", settle);
  settle();
  find("home-body").textContent = "Nothing has been sent yet.";
  find("away-body").textContent = "Nothing has been sent yet.";

  find("crossing").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector("button");
    button.disabled = true;
    try {
      await cross(bySlug.get(from.value), bySlug.get(to.value), role.value);
    } catch (fault) {
      find("stage").dataset.state = "idle";
      find("verdict").textContent = fault.message;
    } finally {
      button.disabled = false;
    }
  });
}

async function cross(home, away, role) {
  const stage = find("stage");
  find("verdict").textContent = "";
  stage.dataset.state = "idle";
  const given = await token(home.slug, role);
  const query = `${collection(home, role)}?limit=1`;
  find("home-title").textContent = `At home, ${home.slug}`;
  find("away-title").textContent = `Next door, ${away.slug}`;
  await show("home", `${apiPath(home)}/${query}`, given.token);

  stage.dataset.state = "sending";
  const [answer] = await Promise.all([call(`${apiPath(away)}/${query}`, given.token), knock()]);
  paint("away", `${apiPath(away)}/${query}`, answer);
  stage.dataset.state = answer.status === 401 ? "refused" : "answered";
  find("verdict").textContent = answer.status === 401
    ? `${away.slug} answered 401: a token of ${home.slug} is no token there.`
    : `${away.slug} answered ${answer.status}. That is not the wall: please report it.`;
}

async function show(side, path, bearer) {
  paint(side, path, await call(path, bearer));
}

async function call(path, bearer) {
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${bearer}` }, cache: "no-store", credentials: "omit" });
  return { status: answer.status, words: answer.statusText, body: await answer.text() };
}

function paint(side, path, answer) {
  find(`${side}-request`).textContent = `GET ${path}`;
  const status = find(`${side}-status`);
  status.textContent = `${answer.status} ${answer.words}`.trim();
  status.classList.toggle("refused", answer.status >= 400);
  find(`${side}-body`).textContent = pretty(answer.body);
}

function knock() {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return new Promise((done) => setTimeout(done, still ? 0 : 700));
}

/** The collection to ask for: the log for who reads only that, patients where there are any, else the first that there is. */
function collection(tenant, role) {
  if (role === "auditor") {
    return "audit";
  }
  const names = Object.keys(tenant.counts ?? {});
  return names.includes("patients") ? "patients" : names[0] ?? "counts";
}

function words(name) {
  const spaced = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return spaced[0].toUpperCase() + spaced.slice(1);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
