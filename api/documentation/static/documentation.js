// Copy buttons, and the form that sends a request. Nothing is stored: the token lives in its field only.

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without https there is no clipboard: select the text instead.
      window.getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

for (const form of document.querySelectorAll("form.try")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  form.addEventListener("reset", () => { form.querySelector(".outcome").hidden = true; });
  form.querySelector("[data-fill]").addEventListener("click", () => {
    for (const field of form.querySelectorAll("[data-example]")) {
      field.value = field.dataset.example;
      field.closest("details")?.setAttribute("open", "");
    }
  });
}

function valueOf(field) {
  const text = field.value;
  if (field.dataset.type === "boolean") return text === "true";
  // A number that JavaScript would round goes out as its digits, which the service reads as well.
  if (field.dataset.type === "integer" && /^-?\d+$/.test(text.trim()) && Number.isSafeInteger(Number(text))) {
    return Number(text);
  }
  return text;
}

function base64(text) {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

function requestOf(form) {
  const { method, path } = form.dataset;
  const fields = [...form.querySelectorAll("[name]")].filter((field) => field.value.trim() !== "");
  const params = Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  const secrets = fields.filter((field) => "secret" in field.dataset).map((field) => field.name);
  const hidden = Object.fromEntries(secrets.map((name) => [name, "•••"]));
  const bearer = form.querySelector("[data-bearer]")?.value.trim();
  const headers = {};
  const lines = [];
  if (bearer) {
    headers.Authorization = `Bearer ${bearer}`;
    lines.push("Authorization: Bearer •••");
  }
  if (method === "GET") {
    const query = new URLSearchParams(params).toString();
    const url = query ? `${path}?${query}` : path;
    return { url, init: { method, headers }, shown: [`GET ${url}`, ...lines].join("\n") };
  }
  const sensitive = "sensitive" in form.dataset;
  headers["Content-Type"] = sensitive ? "text/plain" : "application/json";
  lines.push(`Content-Type: ${headers["Content-Type"]}`);
  const json = JSON.stringify(params);
  const body = sensitive ? base64(json) : json;
  const seen = JSON.stringify({ ...params, ...hidden }, null, 2);
  const note = sensitive ? `base64 of\n${seen}` : seen;
  return {
    url: path,
    init: { method, headers, body },
    shown: [`${method} ${path}`, ...lines, "", note].join("\n"),
  };
}

async function send(form) {
  const outcome = form.querySelector(".outcome");
  const show = (name, text) => { outcome.querySelector(`[data-shown="${name}"]`).textContent = text; };
  const button = form.querySelector("[type=submit]");
  const { url, init, shown } = requestOf(form);
  for (const name of ["code", "status", "request-id", "duration", "answer"]) show(name, "");
  show("request", shown);
  outcome.hidden = false;
  button.disabled = true;
  const began = performance.now();
  try {
    const response = await fetch(url, {
      ...init,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    const text = await response.text();
    show("duration", `${Math.round(performance.now() - began)} ms`);
    show("code", String(response.status));
    outcome.querySelector('[data-shown="code"]').classList.toggle("good", response.ok);
    show("request-id", response.headers.get("X-Request-Id") ?? "");
    try {
      const answer = JSON.parse(text);
      show("status", answer.status);
      show("answer", JSON.stringify(answer, null, 2));
    } catch {
      show("answer", text);
    }
  } catch (error) {
    show("answer", `No answer came: ${error.message}. What was sent may have arrived.`);
  } finally {
    button.disabled = false;
  }
}
