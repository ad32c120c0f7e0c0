// Completes the start page: the address of this server in the commands, and buttons to copy them.
"use strict";

const base = new URL(".", location.href).href;

for (const part of document.querySelectorAll("[data-base]")) {
  part.textContent = base;
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

// Browsers have a clipboard on secure pages only.
if (navigator.clipboard) {
  for (const actions of document.querySelectorAll(".actions")) {
    const button = document.createElement("button");
    button.className = "small";
    button.textContent = "Copy";
    const command = actions.closest("li").querySelector("code");
    button.addEventListener("click", () => copy(button, command.textContent));
    actions.append(button);
  }
}
