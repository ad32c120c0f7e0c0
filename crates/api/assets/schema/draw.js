// Draws each diagram of the page from the text below it, and closes the text. If drawing fails, the
// text remains open.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;

mermaid.initialize({
  startOnLoad: false,
  securityLevel: "strict",
  deterministicIds: true,
  theme: dark ? "dark" : "neutral",
});

async function draw(figure) {
  const source = figure.querySelector("pre").textContent;
  const canvas = figure.querySelector(".canvas");
  const { svg } = await mermaid.render(`diagram-${figure.dataset.module}`, source);
  canvas.innerHTML = svg;
  canvas.firstElementChild.setAttribute("aria-labelledby", `title-${figure.dataset.module}`);
  canvas.hidden = false;
  figure.querySelector("details").open = false;
}

async function drawAll() {
  // One after the other, since the renderer measures in a shared element.
  for (const figure of document.querySelectorAll("figure[data-module]")) {
    try {
      await draw(figure);
    } catch (error) {
      console.error(`the diagram of ${figure.dataset.module} could not be drawn`, error);
    }
  }
}

drawAll();
