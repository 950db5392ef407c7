// Runs as they learn, games of their self-play, and the tables of tournaments.

import { get } from "./api.js";
import { Board, replay } from "./board.js";
import { drawFrontier, drawLine, short } from "./charts.js";
import { byId, capital, html, percent, say, setChoices } from "./dom.js";
import { openSetup } from "./play.js";

const CURVES = [
  ["blunders", "Won positions given away", { format: percent, marks: true, from: 0 }],
  ["policy_loss", "Policy loss, nats", {}],
  ["value_loss", "Value loss", { from: 0 }],
  ["search_kl", "Search to network, KL in nats", { from: 0 }],
  ["value_explained", "Outcome explained", { format: percent }],
  ["calibration_error", "Calibration error", { from: 0 }],
  ["game_length", "Stones at the end", {}],
  ["black_wins", "Games that Black wins", { format: percent }],
];

let runs = [];
let chosen = null;
let source = null;
let games = null; // {run, size, snapshots, snapshot, games}
let board = null;
let playing = null;
let tournament = null;
let known = ""; // the snapshots that can be played, as the tournament's figure shows them

export function openLearn(wishes) {
  if (!board) {
    board = new Board(byId("replay-board"), { label: "Game of self-play" });
    byId("replay-snapshot").onchange = () => loadGames(byId("replay-snapshot").value);
    byId("replay-game").onchange = () => showGame(true);
    byId("replay-move").oninput = () => showGame();
    byId("replay-play").onclick = () => (playing ? stopReplay() : startReplay());
    byId("replay-open").onclick = openReplayed;
    byId("tournament").onchange = () => loadTournament();
    byId("tournament-size").onchange = () => showTournament();
  }
  chosen = wishes?.run ?? chosen;
  watch();
  listTournaments();
}

export function closeLearn() {
  source?.close();
  source = null;
  stopReplay();
}

// Follows the list of runs, and the curves of the chosen one.
function watch() {
  source?.close();
  source = new EventSource(`api/runs/stream${chosen === null ? "" : `?run=${encodeURIComponent(chosen)}`}`);
  source.addEventListener("runs", (event) => showRuns(JSON.parse(event.data)));
  source.addEventListener("curves", (event) => showCurves(JSON.parse(event.data)));
  source.addEventListener("problem", (event) => showProblem(JSON.parse(event.data))); // the browser asks again by itself
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    chosen = null; // the run is gone
    setTimeout(() => source && watch(), 2000);
  };
}

function showRuns({ folder, runs: found }) {
  runs = found.sort((a, b) => b.live - a.live);
  byId("runs-about").textContent = runs.length
    ? `${runs.length} in ${folder}. Those with a dot are being trained now.`
    : `There are no runs in ${folder}. Train one with "hexlab train", or name another folder with "hexlab web --runs".`;
  for (const id of ["curves-card", "games-card"]) byId(id).hidden = !runs.length;
  byId("runs").hidden = !runs.length;
  if (runs.length && !runs.some((run) => run.name === chosen)) {
    choose((runs.find((run) => run.live) ?? runs[0]).name);
    return;
  }
  const held = document.activeElement?.dataset.key;
  byId("runs").tBodies[0].replaceChildren(...runs.map(buildRun));
  if (held) document.querySelector(`#runs [data-key="${CSS.escape(held)}"]`)?.focus();
  const run = runs.find((each) => each.name === chosen);
  if (run && (games?.run !== chosen || !games.games.length)) loadGames();
  else if (run && games.kept !== run.snapshots.length) offerSnapshots(run);
  const playable = JSON.stringify(runs.map((each) => [each.key, each.snapshots]));
  if (tournament && playable !== known) showTournament();
  known = playable;
}

function showProblem({ error }) {
  byId("runs-about").textContent = `${capital(error)}.`;
}

function buildRun(run) {
  const name = html("button", { type: "button", class: "name", "data-key": `name ${run.name}`, onclick: () => choose(run.name), "aria-current": run.name === chosen && "true" }, run.name);
  const first = html("td", {}, run.live ? html("span", { class: "dot", role: "img", "aria-label": "being trained" }) : "", name);
  const open = html("button", { type: "button", onclick: (event) => (event.stopPropagation(), openSetup({ size: run.size, agent: `run:${run.name}` })), "aria-label": `Play ${run.name}`, "data-key": `play ${run.name}` }, "Play");
  if (!run.snapshots.length) open.disabled = true;
  const done = run.iterations ? percent(run.iteration / run.iterations) : "–";
  const cells = [`${run.size}×${run.size}`, run.network, short(run.samples), done].map((text) => html("td", {}, text));
  return html("tr", { class: run.name === chosen && "chosen", onclick: () => choose(run.name) }, first, ...cells, html("td", {}, open));
}

function choose(name) {
  if (name === chosen && source) return;
  chosen = name;
  watch();
}

function showCurves(data) {
  if (data.run !== chosen) return;
  byId("curves-title").textContent = `Curves of ${data.run}, over positions played`;
  byId("curves").replaceChildren(
    ...CURVES.filter(([name]) => name !== "blunders" || data.blunders.length).map(([name, title, options]) => {
      const [xs, ys] = name === "blunders" ? [data.blunders.map(([x]) => x), data.blunders.map(([, y]) => y)] : [data.samples, data.curves[name]];
      const last = ys.findLast((value) => value !== null);
      const now = last === undefined ? "–" : (options.format ?? short)(last);
      return html("figure", { class: "curve" }, html("figcaption", {}, html("span", {}, title), html("span", { class: "now" }, now)), drawLine(xs, ys, { ...options, label: `${title}: now ${now}` }));
    }),
  );
}

async function loadGames(snapshot) {
  const run = runs.find((each) => each.name === chosen);
  const asked = snapshot === undefined ? "" : `&snapshot=${snapshot}`;
  stopReplay();
  try {
    const found = await get(`api/runs/games?run=${encodeURIComponent(run.name)}${asked}`);
    if (run.name !== chosen) return;
    games = { ...found, run: run.name, size: run.size, kept: run.snapshots.length };
  } catch (problem) {
    games = { run: run.name, size: run.size, snapshots: [], snapshot: null, games: [], kept: run.snapshots.length };
    say(problem.message);
  }
  setChoices(byId("replay-snapshot"), games.snapshots.map((number) => [number, String(number)]), games.snapshot);
  setChoices(byId("replay-game"), games.games.map((game, index) => [index, `${index + 1}: ${game.moves.length} moves`]), 0);
  showGame(true);
}

// A run has kept another snapshot: it joins the menu, and the game that is shown stays.
async function offerSnapshots(run) {
  games.kept = run.snapshots.length;
  const found = await get(`api/runs/games?run=${encodeURIComponent(run.name)}`).catch(() => null);
  if (found && games.run === run.name) setChoices(byId("replay-snapshot"), found.snapshots.map((number) => [number, String(number)]), games.snapshot);
}

const replayed = () => games?.games[Number(byId("replay-game").value)];

function showGame(whole = false) {
  const game = replayed();
  const slider = byId("replay-move");
  for (const id of ["replay-move", "replay-play", "replay-open", "replay-game", "replay-snapshot"]) byId(id).disabled = !game;
  if (!game) {
    byId("replay-about").textContent = "No games are kept yet: a run keeps a few whenever it keeps a snapshot.";
    board.show({ size: games.size, stones: ".".repeat(games.size ** 2), turn: "black", busy: true });
    return;
  }
  slider.max = game.moves.length;
  if (whole) slider.value = game.moves.length;
  const count = Number(slider.value);
  slider.setAttribute("aria-valuetext", count ? `after move ${count}, ${game.moves[count - 1]}` : "empty board");
  const [stones, last, turn] = replay(game.moves.slice(0, count), games.size);
  board.show({ size: games.size, stones, last, turn, busy: true });
  const end = count === game.moves.length && game.winner ? `${capital(game.winner)} wins.` : `${capital(turn)} to move.`;
  byId("replay-about").textContent = `Move ${count} of ${game.moves.length}${last ? `, ${last}` : ""}. ${end}`;
}

function startReplay() {
  const slider = byId("replay-move");
  if (slider.value === slider.max) slider.value = 0;
  byId("replay-play").textContent = "Pause";
  playing = setInterval(() => {
    slider.value = Number(slider.value) + 1;
    showGame();
    if (slider.value === slider.max) stopReplay();
  }, 600);
  showGame();
}

function stopReplay() {
  clearInterval(playing);
  playing = null;
  byId("replay-play").textContent = "Play";
}

function openReplayed() {
  const moves = replayed().moves.slice(0, Number(byId("replay-move").value));
  openSetup({ size: games.size, agent: `run:${games.run}`, snapshot: games.snapshot, start: moves.join(" ") });
}

async function listTournaments() {
  try {
    const { folder, tournaments } = await get("api/tournaments");
    const none = `There are no tables of a tournament in ${folder}: "hexlab reproduce" writes some.`;
    byId("tournament-about").textContent = tournaments.length ? "Reading the tables…" : none;
    for (const id of ["frontier", "ratings"]) byId(id).hidden = !tournaments.length;
    document.querySelector("#tournament-card .filters").hidden = !tournaments.length;
    setChoices(byId("tournament"), tournaments.map((name) => [name, name]));
    if (tournaments.length) await loadTournament();
  } catch (problem) {
    say(problem.message);
  }
}

async function loadTournament() {
  const name = byId("tournament").value;
  if (tournament?.name !== name) {
    byId("tournament-about").textContent = "Reading the tables…";
    try {
      tournament = { name, ...(await get(`api/tournaments/table?name=${encodeURIComponent(name)}`)) };
    } catch (problem) {
      byId("tournament-about").textContent = problem.message;
      for (const id of ["frontier", "ratings"]) byId(id).hidden = true;
      return;
    }
  }
  setChoices(byId("tournament-size"), tournament.boards.map((each) => [each.size, `${each.size}×${each.size}`]), byId("tournament-size").value || tournament.boards.at(-1)?.size);
  showTournament();
}

function showTournament() {
  const table = tournament.boards.find((each) => each.size === Number(byId("tournament-size").value));
  if (!table) return;
  for (const row of table.rows) {
    row.home = runs.find((run) => run.key !== "" && run.key === row.run && run.snapshots.includes(row.snapshot));
    row.playable = Boolean(row.home);
  }
  const open = (row) => openSetup({ size: table.size, agent: `run:${row.home.name}`, snapshot: row.snapshot, simulations: row.simulations });
  const at = table.frontier.simulations;
  byId("tournament-about").textContent =
    `${table.rows.length} agents; Elo with perfect play at 0. The figure shows those at ${at ?? "any number of"} simulations, and the best that training compute buys. ` +
    (table.rows.some((row) => row.playable) ? "Choose an orange point to play the agent." : "Their parameters are not in this folder.");
  for (const id of ["frontier", "ratings"]) byId(id).hidden = false;
  drawFrontier(byId("frontier"), table, open);
  byId("ratings").tBodies[0].replaceChildren(...table.rows.map((row) => buildRating(row, open)));
}

function buildRating(row, open) {
  const name = row.kind === "snapshot" ? `${row.home?.name ?? row.run}, snapshot ${row.snapshot}` : { perfect: "perfect play", random: "random play" }[row.kind] ?? row.agent;
  const [elo, low, high] = [row.elo, row.low, row.high].map((rating) => String(Math.round(rating)).replace("-", "−"));
  const searched = row.kind === "snapshot" ? String(row.simulations) : "–";
  const cells = [name, row.network || "–", searched, elo, `${low} to ${high}`, row.score === null ? "–" : percent(row.score)];
  const button = row.playable ? html("button", { type: "button", onclick: () => open(row), "aria-label": `Play ${name} at ${row.simulations} simulations` }, "Play") : "";
  return html("tr", {}, ...cells.map((cell) => html("td", {}, cell)), html("td", {}, button));
}
