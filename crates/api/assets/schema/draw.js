// Draws each diagram of the page from the text that stands below it. Without this script, or where
// drawing fails, the text stays open and says the same.
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
  const { svg } = await mermaid.render(`diagram-${figure.dataset.room}`, source);
  canvas.innerHTML = svg;
  canvas.firstElementChild.setAttribute("aria-labelledby", `title-${figure.dataset.room}`);
  canvas.hidden = false;
  figure.querySelector("details").open = false;
}

async function drawAll() {
  // One after the other: the renderer measures in a place of its own in the document.
  for (const figure of document.querySelectorAll("figure[data-room]")) {
    try {
      await draw(figure);
    } catch (error) {
      console.error(`the diagram of ${figure.dataset.room} could not be drawn`, error);
    }
  }
}

drawAll();
