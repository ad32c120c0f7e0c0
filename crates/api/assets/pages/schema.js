// Draws each diagram of the page from the text below it, and opens the text if that fails. Shows one
// module at a time, and zooms.
"use strict";

const FONT = "system-ui, sans-serif";

const ZOOM_STEP = 1.25;

// Below this scale, texts are too small to be read.
const SMALLEST_SCALE = 0.75;

const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => location.reload());

// Returns a colour of the stylesheet.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

mermaid.initialize({
  startOnLoad: false,
  securityLevel: "strict",
  deterministicIds: true,
  fontFamily: FONT,
  theme: "base",
  themeVariables: {
    darkMode: dark.matches,
    fontFamily: FONT,
    background: colour("sheet"),
    mainBkg: colour("code"),
    nodeBorder: colour("faint"),
    lineColor: colour("faint"),
    textColor: colour("ink"),
    primaryTextColor: colour("ink"),
    nodeTextColor: colour("ink"),
    rowOdd: colour("sheet"),
    rowEven: colour("code"),
    edgeLabelBackground: colour("sheet"),
    tertiaryColor: colour("sheet"),
  },
});

function addZoom(figure, svg) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const hint = document.createElement("span");
  hint.className = "faint";
  hint.textContent = "Scroll sideways to see all of it.";
  let scale = 1;
  // The width of the page, since the canvas of a hidden module has none.
  const fit = () => (document.querySelector("main").clientWidth - 70) / width;
  const zoom = (to) => {
    scale = Math.min(Math.max(to, 0.1), 4);
    svg.style.maxWidth = "none";
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    hint.hidden = scale <= fit();
  };
  const choices = {
    "−": ["Zoom out", () => zoom(scale / ZOOM_STEP)],
    "+": ["Zoom in", () => zoom(scale * ZOOM_STEP)],
    Fit: ["Fit the width", () => zoom(fit())],
    "1:1": ["Original size", () => zoom(1)],
  };
  const bar = document.createElement("div");
  bar.className = "zoom";
  for (const [text, [label, act]] of Object.entries(choices)) {
    const button = document.createElement("button");
    button.className = "small";
    button.textContent = text;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    button.hidden = text === "Fit" && fit() < SMALLEST_SCALE;
    bar.append(button);
  }
  bar.append(hint);
  figure.prepend(bar);
  zoom(Math.min(Math.max(fit(), SMALLEST_SCALE), 1));
}

async function draw(figure) {
  const source = figure.querySelector("pre").textContent;
  const canvas = figure.querySelector(".canvas");
  const { svg } = await mermaid.render(`diagram-${figure.dataset.module}`, source);
  canvas.innerHTML = svg;
  canvas.firstElementChild.setAttribute("aria-labelledby", `title-${figure.dataset.module}`);
  canvas.hidden = false;
  addZoom(figure, canvas.firstElementChild);
}

// Scrolls the first entity of the shown diagrams into view.
function showFirstEntity() {
  for (const canvas of document.querySelectorAll(".canvas")) {
    const entity = canvas.querySelector(".node")?.getBoundingClientRect();
    if (entity) {
      canvas.scrollLeft += entity.left - canvas.getBoundingClientRect().left - 12;
    }
  }
}

// Shows the module that the address names, or the first one.
function select() {
  const links = [...document.querySelectorAll(".tabs a")];
  const selected = links.find((link) => link.hash === location.hash) ?? links[0];
  for (const link of links) {
    document.querySelector(link.hash).hidden = link !== selected;
    if (link === selected) {
      link.setAttribute("aria-current", "true");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  showFirstEntity();
}

async function drawAll() {
  // One after the other, since the renderer measures in a shared element.
  for (const figure of document.querySelectorAll("figure[data-module]")) {
    try {
      await draw(figure);
    } catch (error) {
      figure.querySelector("details").open = true;
      console.error(`the diagram of ${figure.dataset.module} could not be drawn`, error);
    }
  }
  showFirstEntity();
}

window.addEventListener("hashchange", select);
select();
drawAll();
