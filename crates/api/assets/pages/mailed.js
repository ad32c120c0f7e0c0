// The script of the pages that mails link to. The token is in the fragment of the link, which
// browsers do not send; it is sent with the form.
"use strict";

let token = "";

// Returns whether a form uses the token of the link.
function usesToken(form) {
  return form.closest("#use") !== null;
}

// Shows the form or one of the sections, and hides the others.
function show(id) {
  for (const part of document.querySelectorAll("main > form, main > section")) {
    part.hidden = part.id !== id;
  }
}

// Shows a section and moves the focus to it, so that screen readers read it.
function showFocused(id) {
  show(id);
  document.getElementById(id).focus();
}

// Removes the token from the address bar, so that it is not copied from there.
function takeToken() {
  token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  show(token === "" ? "gone" : "use");
}

function setStatus(form, text) {
  form.querySelector(".status").textContent = text;
}

// Shows each violation at its field, and returns the others.
function showViolations(form, errors) {
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

function clearMessages(form) {
  setStatus(form, "");
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    document.getElementById(`${input.id}-wrong`).textContent = "";
  }
}

async function showProblem(form, response) {
  const problem = await response.json();
  const errors = problem.errors ?? [];
  // A malformed token is shown like an unknown one.
  if (response.status === 404 || errors.some(({ pointer }) => pointer === "/token")) {
    showFocused("gone");
  } else if (response.status === 429) {
    setStatus(form, `There have been too many requests from your network. Try again in ${response.headers.get("retry-after")} seconds.`);
  } else if (response.status === 422) {
    setStatus(form, showViolations(form, errors).join("; "));
  } else {
    setStatus(form, `${problem.title}. ${problem.detail}`);
  }
}

async function send(form) {
  const body = Object.fromEntries(new FormData(form));
  if (usesToken(form)) {
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
    await showProblem(form, response);
    return;
  }
  form.reset();
  if (usesToken(form)) {
    token = "";
  }
  showFocused(form.dataset.done);
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    clearMessages(form);
    try {
      await send(form);
    } catch {
      setStatus(form, "The server could not be reached. Try again.");
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

// Opening another link to this page does not load it again.
window.addEventListener("hashchange", takeToken);
takeToken();
