// A search taken apart: one simulation at a time through select, expand, evaluate and back up, with the tree drawn.

import { get, post } from "./api.js";
import { Board } from "./board.js";
import { byId, capital, copy, html, other, percent, say, setDisabled, svg } from "./dom.js";
import { currentGame, start } from "./play.js";

const PHASES = ["Select", "Expand", "Evaluate", "Back up"];
const [BOX, GAP, LEVEL] = [46, 10, 74];
const ROWS = 10; // of the table
const SMALLEST = 0.75; // scale of a tree that is too wide for its window; one that is wider still is scrolled

let board = null;
let trace = null; // {game, turn, steps}
let at = 0; // 0 before the first simulation, then 1 + 4 * simulation + phase
let layout = null;

// `wishes` are those of a link: size, start, agent, snapshot, simulations.
export async function openSteps(wishes) {
  if (!board) {
    board = new Board(byId("step-board"), { label: "Position of this step" });
    byId("phases").replaceChildren(...PHASES.map((phase) => html("li", {}, phase)));
    byId("step-count").onchange = () => load();
    byId("step-first").onclick = () => go(0);
    byId("step-back").onclick = () => go(at - 1);
    byId("step-next").onclick = () => go(at + 1);
    byId("step-skip").onclick = () => go(1 + 4 * (simulation() + 1));
    byId("step-last").onclick = () => go(Infinity);
    byId("step-link").onclick = copyLink;
  }
  if (wishes) await openPosition(wishes);
  if (trace?.position !== positionOf(currentGame())) await load();
}

async function openPosition({ size = 5, start: position = "", agent = "rollouts", snapshot, simulations = 32 }) {
  const choice = [...byId("step-count").options].find((option) => Number(option.value) >= Number(simulations));
  if (choice) byId("step-count").value = choice.value;
  try {
    await start({ size: Number(size), start: position, agent, snapshot: snapshot === undefined ? null : Number(snapshot), color: "both" });
  } catch (problem) {
    say(problem.message);
  }
}

async function copyLink() {
  const game = currentGame();
  try {
    const { link } = await get(`api/games/${game.id}/link`);
    const wishes = { start: link, agent: game.agent, ...(game.snapshot === null ? {} : { snapshot: game.snapshot }), simulations: byId("step-count").value };
    await copy(`${location.origin}/#steps?${new URLSearchParams(wishes)}`, byId("step-link"));
  } catch (problem) {
    say(problem.message);
  }
}

const positionOf = (game) => game && `${game.id} ${game.stones} ${game.turn} ${game.agent} ${game.snapshot}`;
const simulation = () => Math.floor((at - 1) / 4);

async function load() {
  const game = currentGame();
  trace = null;
  if (!game || game.winner) {
    byId("step-status").textContent = "The game is over: start a new one, or take a move back, to step through a search.";
    return;
  }
  byId("step-status").textContent = "Searching…";
  try {
    const answer = await post(`api/games/${game.id}/steps`, { simulations: Number(byId("step-count").value) });
    trace = { ...answer, game, position: positionOf(game) };
  } catch (problem) {
    byId("step-status").textContent = "There is nothing to step through.";
    say(problem.message);
    return;
  }
  layout = layTree(trace.steps);
  byId("step-about").textContent = `${game.agent_title} · ${capital(trace.turn)} to move after ${trace.moves.length} ${trace.moves.length === 1 ? "move" : "moves"}`;
  go(0);
}

function go(place) {
  if (!trace) return;
  at = Math.max(0, Math.min(place, 4 * trace.steps.length));
  show();
}

// The whole tree, so that a node keeps its place while the tree grows.
function layTree(steps) {
  const root = { key: "", name: "root", depth: 0, parent: null, born: 0, children: [] };
  const nodes = new Map([["", root]]);
  for (const [number, step] of steps.entries()) {
    let above = root;
    for (const move of step.path) {
      const key = `${above.key} ${move}`;
      if (!nodes.has(key)) {
        const node = { key, name: move, depth: above.depth + 1, parent: above, born: number, children: [] };
        nodes.set(key, node);
        above.children.push(node);
      }
      above = nodes.get(key);
    }
  }
  let next = 0;
  let deepest = 0;
  const settle = (node) => {
    deepest = Math.max(deepest, node.depth);
    node.children.forEach(settle);
    node.x = node.children.length ? (node.children[0].x + node.children[node.children.length - 1].x) / 2 : next++;
  };
  settle(root);
  return { nodes, width: Math.max(next, 1) * (BOX + GAP) + GAP, height: (deepest + 1) * LEVEL + 8 };
}

const keysOf = (path) => path.reduce((keys, move) => [...keys, `${keys[keys.length - 1]} ${move}`], [""]);

// Visits, value and status of every node once `count` simulations have been backed up.
function countUp(count) {
  const facts = new Map();
  for (const step of trace.steps.slice(0, count)) {
    const keys = keysOf(step.path).reverse();
    step.backed_up.forEach((fact, index) => facts.set(keys[index], fact));
  }
  return facts;
}

const toShare = (value) => (1 + value) / 2;
const signed = (value) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(3)}`;
const mover = (depth) => (depth % 2 ? other(trace.turn) : trace.turn);

function show() {
  const count = trace.steps.length;
  const [number, phase] = at ? [simulation(), (at - 1) % 4] : [-1, -1];
  const step = at ? trace.steps[number] : null;
  byId("step-status").textContent = at ? `Simulation ${number + 1} of ${count}: ${PHASES[phase].toLowerCase()}` : `Before the first of ${count} simulations`;
  [...byId("phases").children].forEach((chip, index) => {
    if (index === phase) chip.setAttribute("aria-current", "step");
    else chip.removeAttribute("aria-current");
  });
  const [back, next] = [byId("step-back"), byId("step-next")];
  back.disabled = next.disabled = false;
  for (const id of ["step-first", "step-back"]) setDisabled(byId(id), at === 0, next);
  for (const id of ["step-next", "step-last"]) setDisabled(byId(id), at === 4 * count, back);
  setDisabled(byId("step-skip"), number >= count - 1, next.disabled ? back : next);
  byId("step-heading").textContent = at ? PHASES[phase] : "Before the first simulation";
  byId("story").textContent = step ? tell(step, phase) : "The tree is empty. Each simulation adds what the network says about one more position.";
  fillChoices(step, phase);
  showBoard(step);
  drawTree(step, number, phase);
}

function tell(step, phase) {
  const path = step.path.join(", ");
  const leaf = mover(step.path.length);
  if (phase === 0) {
    if (!step.path.length) return "The walk starts at the root. It has not been visited yet, so the walk ends here.";
    return `From the root, the walk goes to the move with the largest Q + U, again and again, until it meets a position without a visit: ${path}. The table shows the choices on the way.`;
  }
  if (phase === 1) {
    if (step.over) return `${capital(step.over)} has won here. A finished game has no moves to add.`;
    return step.expanded ? `The position${path ? ` after ${path}` : ""} joins the tree as a new leaf.` : "The position is in the tree already.";
  }
  if (phase === 2) {
    if (step.over) return `The game is over: ${capital(step.over)} has won, so ${leaf}, to move here, gets ${signed(step.value)}. Nothing is asked of the network.`;
    return `The network says that ${leaf}, to move here, has value ${signed(step.value)}, a chance of ${percent(toShare(step.value))}. The table shows its likeliest moves.`;
  }
  const root = step.backed_up[step.backed_up.length - 1];
  const proof = root.status ? ` The root is proven ${root.status > 0 ? "won" : "lost"}, so the search ends.` : "";
  return `The value goes up the path, and changes its sign at every step, since what is good for one side is bad for the other. The root now has ${root.visits} visits, and ${trace.turn} a chance of ${percent(toShare(root.value))}.${proof}`;
}

function fillChoices(step, phase) {
  let head = ["Move", "Visits", "Prior", "Q", "U", "Q + U"];
  let rows = [];
  if (step && phase === 0) {
    rows = tellWalk(step);
  } else if (step && phase === 2) {
    head = ["Move", "Prior"];
    rows = step.priors.map((row) => [false, row.move, percent(row.prior)]);
  } else if (step && phase === 3) {
    const names = ["root", ...step.path].reverse();
    head = ["Position", "Visits", "Value"];
    rows = step.backed_up.map((fact, index) => [false, index < step.path.length ? `after ${names[index]}` : "root", fact.visits, signed(fact.value)]);
  }
  byId("choices").tHead.rows[0].replaceChildren(...head.map((word) => html("th", { scope: "col" }, word)));
  byId("choices").tBodies[0].replaceChildren(
    ...Array.from({ length: ROWS }, (_, index) => {
      const [chosen, ...cells] = rows[index] ?? [false, ...head.map(() => "\u00a0")];
      const wide = cells.length === 1 ? { colspan: head.length } : {};
      return html("tr", chosen ? { class: "chosen" } : {}, ...cells.map((cell) => html("td", wide, String(cell))));
    }),
  );
}

// Every choice of a walk with the candidates that came next to it, as many as there is room for.
function tellWalk({ path, choices }) {
  const shown = choices.slice(-ROWS / 2);
  const above = choices.length - shown.length;
  return shown.flatMap((rows, index) => {
    const depth = above + index;
    const where = depth ? `After ${path[depth - 1]}, ${capital(mover(depth))} chooses` : `At the root, ${capital(mover(depth))} chooses`;
    const best = rows.slice(0, Math.floor(ROWS / shown.length) - 1);
    return [[false, where], ...best.map((row, rank) => [rank === 0, row.move, row.visits, percent(row.prior), signed(row.q), row.u.toFixed(3), signed(row.q + row.u)])];
  });
}

function showBoard(step) {
  const { game } = trace;
  const ghosts = (step?.path ?? []).map((move, index) => [move, mover(index), String(index + 1)]);
  board.show({ size: game.size, stones: game.stones, turn: trace.turn, last: game.last, busy: true, ghosts });
}

function drawTree(step, number, phase) {
  const facts = countUp(at ? number + (phase === 3) : 0);
  const on = new Set(step ? keysOf(step.path) : []);
  const leaf = step ? keysOf(step.path).pop() : null;
  const shown = [...layout.nodes.values()].filter((node) => facts.has(node.key) || (on.has(node.key) && (phase > 0 || node.key !== leaf || !step.expanded)));
  const centerX = (node) => GAP + BOX / 2 + node.x * (BOX + GAP);
  const topY = (node) => 8 + node.depth * LEVEL;
  const branches = shown
    .filter((node) => node.parent)
    .map((node) => {
      const [x, y, fromX, fromY] = [centerX(node), topY(node), centerX(node.parent), topY(node.parent) + 44];
      const bend = (y + fromY) / 2;
      return svg("path", { class: on.has(node.key) ? "branch on" : "branch", d: `M${fromX} ${fromY}C${fromX} ${bend} ${x} ${bend} ${x} ${y}` });
    });
  const boxes = shown.map((node) => {
    const fact = facts.get(node.key);
    const playing = node.depth ? -fact?.value : fact?.value; // seen by the side that plays the move; at the root by the side to move
    const proof = fact?.status ? (fact.status > 0 === (node.depth === 0) ? " ✓" : " ✗") : "";
    const [x, y] = [centerX(node), topY(node)];
    return svg(
      "g",
      { class: `node${on.has(node.key) ? " on" : ""}${fact ? "" : " fresh"}` },
      svg("rect", { x: x - BOX / 2, y, width: BOX, height: 44, rx: 6 }),
      svg("text", { class: "name", x, y: y + 15 }, `${node.name}${proof}`),
      svg("text", { class: "small", x, y: y + 28 }, fact ? `${fact.visits}` : "new"),
      svg("text", { x, y: y + 40 }, fact ? percent(toShare(playing)) : ""),
    );
  });
  const home = byId("tree");
  home.setAttribute("aria-label", `Search tree with ${shown.length} positions${step ? `; this simulation went ${step.path.join(", ") || "to the root"}` : ""}`);
  const scale = Math.max(SMALLEST, Math.min(1, home.clientWidth / layout.width));
  const picture = { viewBox: `0 0 ${layout.width} ${layout.height}`, width: scale * layout.width, height: scale * layout.height, "aria-hidden": "true" };
  home.replaceChildren(svg("svg", picture, ...branches, ...boxes));
  const target = layout.nodes.get(leaf ?? "");
  home.scrollLeft = scale * centerX(target) - home.clientWidth / 2;
  home.scrollTop = scale * topY(target) - home.clientHeight / 2;
}
