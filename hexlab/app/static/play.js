// The view in which a person plays.

import { get, post, stream } from "./api.js";
import { Board } from "./board.js";
import { drawChance } from "./charts.js";
import { byId, capital, copy, other, percent, say, setChoices, setDisabled } from "./dom.js";
import { buildOverlays, layFinding, layTruth, lineOf, overlayKind, showFinding, tellLegend } from "./thinking.js";

const STRENGTHS = [1, 8, 64, 256, 1024, 4096];
const KEPT = "hexlab-game";

let game = null;
let finding = null; // what was found last, and the position it is about
let findingStones = null;
let truth = null;
let hint = null;
let agents = [];
let following = null; // the stream that is being read: {path, stop}
let moving = false; // a move is on its way to the server
let slow = false; // the stream that is being read has kept us waiting
let board = null;

export const currentGame = () => game;

export async function openPlay() {
  board = new Board(byId("board"), { label: "Board", choose: play });
  buildOverlays(() => {
    if (solving()) leave();
    study();
  });
  byId("new").onclick = () => openSetup();
  byId("undo").onclick = () => act("undo");
  byId("resign").onclick = () => act("resign");
  byId("swap").onclick = () => play("swap-pieces");
  byId("hint").onclick = showHint;
  byId("solve").onclick = () => (solving() ? (leave(), show()) : solve());
  byId("link").onclick = copyLink;
  byId("setup-cancel").onclick = () => byId("setup").close();
  byId("setup-form").onsubmit = submitSetup;
  const form = byId("setup-form").elements;
  form.size.onchange = () => fillSetup();
  form.agent.onchange = () => fillSetup();
  await loadAgents();
  const kept = sessionStorage.getItem(KEPT);
  const found = kept && (await get(`api/games/${kept}`).catch(() => null));
  if (found) adopt(found);
  else await start({ size: 5, color: "black", agent: "pretrained:5", simulations: 64 });
}

async function loadAgents() {
  agents = (await get("api/agents")).agents;
}

export async function start(options) {
  adopt(await post("api/games", options));
}

function adopt(state) {
  leave();
  [finding, findingStones] = [null, null];
  sessionStorage.setItem(KEPT, state.id);
  take(state);
  if (game.pending) follow(`api/games/${game.id}/stream`);
  else study();
}

// A new state of the game: what belonged to the position before goes.
function take(state) {
  if (!game || state.id !== game.id || state.stones !== game.stones) [truth, hint] = [null, null];
  game = state;
  show();
}

async function play(move) {
  if (!game || moving || game.pending || game.winner || !game.people.includes(game.turn)) return;
  say("");
  moving = true;
  await follow(`api/games/${game.id}/moves`, { method: "POST", body: { move } });
  moving = false;
}

function leave() {
  following?.stop.abort();
  following = null;
}

// Reads a stream of the game until it ends; another one takes its place.
async function follow(path, options = {}) {
  leave();
  const mine = (following = { path, stop: new AbortController() });
  slow = false;
  const patience = setTimeout(() => {
    slow = true;
    show();
  }, 3000);
  try {
    for await (const [event, data] of stream(path, { ...options, signal: mine.stop.signal })) {
      if (following !== mine) return false;
      if (event === "game") take(data);
      else if (event === "truth") {
        truth = data;
        show();
      } else {
        clearTimeout(patience);
        slow = false;
        [finding, findingStones] = [data, game.stones];
        show();
      }
    }
  } catch (problem) {
    if (following === mine) following = null;
    if (problem.name === "AbortError") return false;
    say(problem.message);
    show();
    if (game?.pending) setTimeout(refresh, 1000);
    return false;
  } finally {
    clearTimeout(patience);
  }
  if (following !== mine) return false;
  following = null;
  if (/\/(analysis|truth)$/.test(path)) show();
  else study();
  return true;
}

// Takes the game up again where a stream broke off.
async function refresh() {
  try {
    adopt(await get(`api/games/${game.id}`));
    say("");
  } catch (problem) {
    say(problem.message);
  }
}

async function act(what) {
  say("");
  leave();
  try {
    take(await post(`api/games/${game.id}/${what}`));
    if (game.pending) follow(`api/games/${game.id}/stream`);
    else study();
  } catch (problem) {
    say(problem.message);
  }
}

const here = () => finding !== null && finding.moves === game.moves.length && findingStones === game.stones;
const waits = () => game && !game.pending && !game.winner;

// Looks into the position on the board if a layer asks for it.
async function study() {
  const kind = overlayKind();
  show();
  if (!waits() || kind === "none") return;
  if (kind === "truth") {
    if (game.solvable === "at once" && !settled()) await solve();
  } else if (!here()) {
    await analyze();
  }
}

const analyze = () => follow(`api/games/${game.id}/analysis`, { method: "POST", body: { simulations: game.simulations } });

// The truth comes move by move. Whoever leaves the position or the layer asks no more.
function solve() {
  const asked = follow(`api/games/${game.id}/truth`, { method: "POST" });
  show();
  return asked;
}

const solving = () => following !== null && following.path.endsWith("/truth");
const countFree = () => [...game.stones].filter((stone) => stone === ".").length;
const countSettled = () => (truth ? truth.winning_moves.length + truth.losing_moves.length : 0);
const settled = () => countSettled() === countFree();

async function showHint() {
  if (!waits()) return;
  if (here() || (await analyze())) {
    hint = finding.best;
    show();
  }
}

function tellStatus() {
  const you = game.people.length === 2 ? null : game.people[0];
  if (game.winner) {
    const how = game.resigned ? `, ${capital(game.resigned)} resigns` : "";
    return you ? `${game.winner === you ? "You win" : "You lose"}: ${capital(game.winner)} has won${how}` : `${capital(game.winner)} has won${how}`;
  }
  if (game.pending) return `${capital(game.turn)} is thinking…${slow ? " The first search takes longer." : ""}`;
  if (game.problem) return `The agent cannot move: ${game.problem}`;
  if (hint) return `Hint for ${capital(game.turn)}: ${hint}, ${percent(chanceOf(finding))} to win.`;
  const move = game.moves.at(-1);
  const last = move && `${capital(other(game.turn))} ${move === "swap-pieces" ? "swapped" : `played ${move}`}. `;
  return `${last ?? ""}${you ? `Your move, ${capital(you)}` : `${capital(game.turn)} to move`}.`;
}

const chanceOf = (found) => (found.turn === "black" ? found.black_win : 1 - found.black_win);

function show() {
  if (!game) return;
  const kind = overlayKind();
  let overlay = [];
  let badges = [];
  if (kind === "truth" && truth && !game.winner) overlay = layTruth(truth, game.size);
  else if (["prior", "visits", "wins"].includes(kind) && here() && !game.winner) {
    overlay = layFinding(finding, kind);
    if (kind === "visits") badges = lineOf(finding);
  }
  const busy = game.pending || Boolean(game.winner);
  board.show({ ...game, busy, overlay, badges, ring: hint });
  const status = tellStatus();
  if (byId("status").textContent !== status) byId("status").textContent = status;
  const sides = game.people.length === 2 ? "You play both sides" : `You play ${capital(game.people[0])}`;
  const snapshot = game.snapshot === null ? "" : `, snapshot ${game.snapshot}`;
  byId("opponent").textContent = `${sides} · ${game.agent_title}${snapshot} · ${game.simulations} simulations${game.swap ? " · swap rule" : ""}`;
  const progress = byId("progress");
  const searching = following !== null || game.pending;
  progress.classList.toggle("busy", searching);
  progress.value = solving() ? countSettled() / countFree() : searching && here() ? finding.simulations / game.simulations : 0;
  setDisabled(byId("undo"), !(game.moves.length || game.resigned), byId("new"));
  setDisabled(byId("resign"), Boolean(game.winner), byId("new"));
  setDisabled(byId("hint"), !waits(), byId("new"));
  byId("swap").hidden = !game.swap;
  setDisabled(byId("swap"), !game.can_swap, byId("undo"));
  for (const name of ["sgf", "svg"]) byId(name).href = `api/games/${game.id}/${name === "sgf" ? "game" : "board"}.${name}`;
  drawChance(byId("chance"), game.black_wins);
  const toMove = finding ? `${capital(finding.turn)} to move after ${finding.moves} ${finding.moves === 1 ? "move" : "moves"}` : "";
  const note = finding ? `${toMove}: ${finding.simulations} simulations, ${percent(chanceOf(finding))} to win.` : "The agent has not searched yet.";
  showFinding(finding, finding ? findingStones : game.stones, game.size, note);
  tellTruth(kind);
}

function tellTruth(kind) {
  const input = document.querySelector('input[name="overlay"][value="truth"]');
  input.disabled = game.solvable === "no";
  byId("solve").hidden = kind !== "truth" || game.solvable !== "in seconds" || !waits() || settled();
  byId("solve").textContent = solving() ? "Stop" : "Solve";
  if (kind !== "truth") return tellLegend(kind);
  if (game.winner) return tellLegend(kind, "The game is over.");
  if (game.solvable === "no") return tellLegend(kind, `A ${game.size}×${game.size} board is too large for the solver.`);
  const known = truth?.winner ? `${capital(truth.winner)} wins with perfect play${game.swap && game.moves.length < 2 ? ", swaps left out" : ""}. ` : "";
  if (settled()) return tellLegend(kind, `${known}✓ wins and ✗ loses for the side to move.`);
  if (game.solvable === "at once") return tellLegend(kind);
  return tellLegend(kind, `${known}${countSettled()} of ${countFree()} moves are solved${solving() ? "" : "; all of them take up to a minute"}.`);
}

async function copyLink() {
  try {
    await copy((await get(`api/games/${game.id}/link`)).link, byId("link"));
  } catch (problem) {
    say(problem.message);
  }
}

// New game

export async function openSetup(wishes = {}) {
  await loadAgents().catch((problem) => say(problem.message));
  const form = byId("setup-form").elements;
  const sizes = [...new Set(agents.flatMap((agent) => agent.sizes))].sort((a, b) => a - b);
  setChoices(form.size, sizes.map((size) => [size, `${size}×${size}`]), wishes.size ?? game?.size ?? 5);
  setChoices(form.simulations, STRENGTHS.map((count) => [count, count === 1 ? "1 (network alone)" : String(count)]), wishes.simulations ?? game?.simulations ?? 64);
  fillSetup(wishes.agent ?? game?.agent, wishes.snapshot);
  if (wishes.start !== undefined) form.start.value = wishes.start;
  byId("setup-wrong").textContent = "";
  byId("setup").showModal();
}

function fillSetup(agent, snapshot) {
  const form = byId("setup-form").elements;
  const fitting = agents.filter((each) => each.sizes.includes(Number(form.size.value)));
  setChoices(form.agent, fitting.map((each) => [each.key, each.title]), agent ?? form.agent.value);
  const snapshots = fitting.find((each) => each.key === form.agent.value)?.snapshots ?? [];
  setChoices(form.snapshot, [["", "Newest"], ...snapshots.map((number) => [number, number === 0 ? "0 (untrained)" : String(number)])], snapshot ?? "");
  form.snapshot.disabled = !snapshots.length;
}

async function submitSetup(event) {
  event.preventDefault();
  const form = byId("setup-form").elements;
  try {
    await start({
      size: Number(form.size.value),
      color: form.color.value,
      agent: form.agent.value,
      snapshot: form.snapshot.value === "" ? null : Number(form.snapshot.value),
      simulations: Number(form.simulations.value),
      swap: form.swap.checked,
      start: form.start.value,
    });
  } catch (problem) {
    byId("setup-wrong").textContent = problem.message;
    return;
  }
  form.start.value = "";
  byId("setup").close();
  say("");
  location.hash = "#play";
}
