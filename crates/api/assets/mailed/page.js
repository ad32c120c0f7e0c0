// What the pages do that mails link to. The token stands in the link's fragment, which no server
// and no log sees; it is sent when a form is sent, and not before.
"use strict";

const spend = document.getElementById("spend");
let token = "";

// Of the form and the sections one is to be seen.
function show(id) {
  for (const part of document.querySelectorAll("main > form, main > section")) {
    part.hidden = part.id !== id;
  }
}

// Shows a section, to those who listen rather than look as well.
function tell(id) {
  show(id);
  document.getElementById(id).focus();
}

// Takes the token out of the address bar, and with it out of what is copied from there.
function takeToken() {
  token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  show(token === "" ? "gone" : "spend");
}

function say(form, text) {
  form.querySelector(".status").textContent = text;
}

// Puts each violation beside its field; gives back what belongs to none.
function mark(form, errors) {
  const others = [];
  let first = null;
  for (const { pointer, detail } of errors) {
    const input = form.elements.namedItem(pointer.slice(1));
    if (input === null) {
      others.push(`${pointer.slice(1)} ${detail}`);
      continue;
    }
    const text = input.dataset.wrong ?? detail;
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-wrong`).textContent = `It ${text}.`;
    first ??= input;
  }
  first?.focus();
  return others;
}

function clear(form) {
  say(form, "");
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    document.getElementById(`${input.id}-wrong`).textContent = "";
  }
}

async function explain(form, response) {
  const problem = await response.json();
  const errors = problem.errors ?? [];
  // What is no token at all is none that could be used, either.
  if (response.status === 404 || errors.some(({ pointer }) => pointer === "/token")) {
    tell("gone");
  } else if (response.status === 429) {
    say(form, `That was asked for too often from your network. Try again in ${response.headers.get("retry-after")} seconds.`);
  } else if (response.status === 422) {
    say(form, mark(form, errors).join("; "));
  } else {
    say(form, `${problem.title}. ${problem.detail}`);
  }
}

async function send(form) {
  const body = Object.fromEntries(new FormData(form));
  if (form === spend) {
    body.token = token;
  }
  const response = await fetch(form.dataset.post, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
    redirect: "error",
  });
  if (!response.ok) {
    await explain(form, response);
    return;
  }
  form.reset();
  if (form === spend) {
    token = "";
  }
  tell(form.dataset.done);
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    clear(form);
    try {
      await send(form);
    } catch {
      say(form, "The server could not be reached. Try again.");
    } finally {
      button.disabled = false;
    }
  });
}

document.getElementById("show")?.addEventListener("change", ({ target }) => {
  for (const name of ["new_password", "confirm_new_password"]) {
    document.getElementById(name).type = target.checked ? "text" : "password";
  }
});

// Another link to the page that is open already does not load it again.
window.addEventListener("hashchange", takeToken);
takeToken();
