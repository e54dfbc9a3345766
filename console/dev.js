// What the start page and the reference ask of this installation. /dev/ exists only in development and only on this machine.

export async function info() {
  const answer = await fetch("/dev/info", { cache: "no-store" });
  return answer.ok ? answer.json() : null;
}

export async function token(tenant, role) {
  const answer = await fetch("/dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Bulkhead-Console": "1" },
    body: JSON.stringify({ tenant, role }),
  });
  if (!answer.ok) {
    throw new Error(`No token for ${role} at ${tenant} (${answer.status}).`);
  }
  return answer.json();
}

/** The way to a tenant's API on the origin that this page came from, whatever name of this machine that is. */
export function apiPath(tenant) {
  return new URL(tenant.apiUrl).pathname;
}

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) {
    made.textContent = text;
  }
  if (className) {
    made.className = className;
  }
  return made;
}

export function options(select, words, chosen) {
  select.replaceChildren(...words.map((word) => {
    const option = element("option", word);
    option.value = word;
    option.selected = word === chosen;
    return option;
  }));
}
