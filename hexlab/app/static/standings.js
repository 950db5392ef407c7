// Steps through the games of a tournament; the page holds them all.

import { byId, capital, html, setChoices } from "./dom.js";
import { Board, replay } from "./board.js";

const { size, matches } = JSON.parse(byId("data").textContent);
const games = matches.flatMap((match, number) => match.games.map((game, at) => ({ ...game, match: number, at })));
const board = byId("replay") && new Board(byId("replay-board"), { label: "The game" });
let shown = 0;
let ply = 0;

const player = (game, color) => game[color];
const firstGame = (match) => games.findIndex((game) => game.match === match);

function tellResult(game) {
  const loser = game.winner === "black" ? "white" : "black";
  const result = `${player(game, game.winner)} wins as ${capital(game.winner)}`;
  return game.forfeit ? `${result}: ${player(game, loser)} ${game.forfeit}` : result;
}

function tellMove(game) {
  if (ply === 0) return "Before the first move.";
  const color = ply % 2 ? "black" : "white";
  const who = ply <= game.given ? "the opening" : player(game, color);
  return `Move ${ply} of ${game.moves.length}: ${capital(color)} (${who}) ${game.moves[ply - 1]}.`;
}

function showStep(step) {
  const game = games[shown];
  ply = Math.min(Math.max(step, 0), game.moves.length);
  const [stones, last, turn] = replay(game.moves.slice(0, ply), size);
  board.show({ size, stones, turn, last, path: ply === game.moves.length ? game.path : [] });
  byId("now").textContent = tellMove(game);
  for (const [number, item] of [...byId("moves").children].entries()) {
    const button = item.firstChild;
    if (number + 1 === ply) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  }
  for (const [id, off] of [["go-start", ply === 0], ["go-back", ply === 0], ["go-on", ply === game.moves.length], ["go-end", ply === game.moves.length]]) {
    byId(id).setAttribute("aria-disabled", off);
  }
}

function showGame(number) {
  shown = number;
  const game = games[number];
  const match = matches[game.match];
  const chosen = byId("pick-player").value;
  if (chosen && chosen !== match.first && chosen !== match.second) byId("pick-player").value = "";
  listMatches();
  byId("pick-match").value = game.match;
  setChoices(
    byId("pick-game"),
    match.games.map((one, at) => [at, `${at + 1}. ${one.black} (Black) – ${one.white} (White)`]),
    game.at,
  );
  byId("result").textContent = tellResult(game);
  byId("moves").replaceChildren(
    ...game.moves.map((move, at) =>
      html("li", { class: at < game.given && "given" }, html("button", { onclick: () => showStep(at + 1), "aria-label": `Move ${at + 1}, ${move}` }, move)),
    ),
  );
  showStep(game.moves.length);
}

function listMatches() {
  const name = byId("pick-player").value;
  const choices = matches
    .map((match, number) => [number, `${match.first} ${match.score[0]} : ${match.score[1]} ${match.second}`, match])
    .filter(([, , match]) => !name || match.first === name || match.second === name);
  setChoices(byId("pick-match"), choices);
}

// The address names the game, so that a link opens it and the way back leads to the one before.
const openGame = (number) => (location.hash = `game-${number}`);

function followAddress() {
  const number = Number(location.hash.replace("#game-", ""));
  if (!location.hash.startsWith("#game-") || !games[number]) return;
  showGame(number);
  byId("games").scrollIntoView();
}

function start() {
  byId("replay").hidden = false;
  const names = [...new Set(matches.flatMap((match) => [match.first, match.second]))].sort();
  setChoices(byId("pick-player"), [["", "everyone"], ...names.map((name) => [name, name])], "");
  byId("pick-player").addEventListener("change", () => {
    listMatches();
    openGame(firstGame(Number(byId("pick-match").value)));
  });
  byId("pick-match").addEventListener("change", () => openGame(firstGame(Number(byId("pick-match").value))));
  byId("pick-game").addEventListener("change", () => openGame(firstGame(games[shown].match) + Number(byId("pick-game").value)));
  const steps = { "go-start": () => 0, "go-back": () => ply - 1, "go-on": () => ply + 1, "go-end": () => Infinity };
  for (const [id, next] of Object.entries(steps)) byId(id).addEventListener("click", () => showStep(next()));
  byId("replay").addEventListener("keydown", (event) => {
    const next = { ArrowLeft: ply - 1, ArrowRight: ply + 1, Home: 0, End: Infinity }[event.key];
    if (next === undefined || !event.target.closest("button") || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    showStep(next);
  });
  addEventListener("hashchange", followAddress);
  showGame(0);
  followAddress();
}

if (games.length) start();
