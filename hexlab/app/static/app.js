// Views, their addresses, and the theme.

import { byId, say } from "./dom.js";
import { closeLearn, openLearn } from "./learning.js";
import { openPlay, openSetup } from "./play.js";
import { openSteps } from "./steps.js";

const TITLES = { play: "Play", steps: "Search", learn: "Learning" };

function route(first = false) {
  const [name, query = ""] = location.hash.slice(1).split("?");
  const view = name in TITLES ? name : "play";
  for (const each of Object.keys(TITLES)) {
    byId(`view-${each}`).hidden = each !== view;
    const link = document.querySelector(`[data-view="${each}"]`);
    if (each === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[view]} · hexlab`;
  if (!first) byId("main").focus({ preventScroll: true });
  say("");
  closeLearn();
  const wishes = query ? Object.fromEntries(new URLSearchParams(query)) : null;
  if (view === "learn") openLearn(wishes);
  else if (wishes) history.replaceState(null, "", `#${view}`); // so that a reload keeps the game
  if (view === "steps") openSteps(wishes);
  if (view === "play" && wishes) openSetup(wishes);
}

const THEMES = ["auto", "light", "dark"];
let theme = localStorage.getItem("hexlab-theme") ?? "auto";

function applyTheme() {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").lastElementChild.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
  byId("theme").setAttribute("aria-label", `Theme: ${theme === "auto" ? "as the system" : theme}`);
}

byId("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  localStorage.setItem("hexlab-theme", theme);
  applyTheme();
});
applyTheme();
window.addEventListener("hashchange", () => route());
try {
  await openPlay();
} catch (problem) {
  say(problem.message);
}
route(true);
