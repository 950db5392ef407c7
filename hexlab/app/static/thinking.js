// What a search found, on the board and beside it.

import { Board, cellIndex, cellName } from "./board.js";
import { byId, html, percent } from "./dom.js";

const OVERLAYS = [
  ["none", "Plain"],
  ["prior", "Network"],
  ["visits", "Visits"],
  ["wins", "Wins"],
  ["truth", "Truth"],
];
const LEGENDS = {
  none: "Nothing but stones. Choose a layer to see what the agent thinks of the position.",
  prior: "How likely the network alone, without search, would play each cell, in percent. Darker is more.",
  visits: "The share of the search's visits that each cell got, in percent. Small stones are the moves it expects, in order.",
  wins: "The mover's chance to win by each cell that was tried, in percent: orange above one half, blue below.",
  truth: "With perfect play, ✓ wins and ✗ loses for the side to move.",
};
const ROWS = 6;

export const overlayKind = () => document.querySelector('input[name="overlay"]:checked')?.value ?? "none";

export function buildOverlays(changed) {
  byId("overlays").replaceChildren(
    ...OVERLAYS.map(([value, text]) =>
      html("label", {}, html("input", { type: "radio", name: "overlay", value, onchange: changed, ...(value === "none" ? { checked: true } : {}) }), html("span", {}, text)),
    ),
  );
}

export function tellLegend(kind, note = LEGENDS[kind]) {
  byId("legend").textContent = note;
}

const whole = (share) => String(Math.round(100 * share));

// The layer of a finding on the cells of a board.
export function layFinding(finding, kind) {
  const total = Math.max(1, finding.visits.reduce((sum, visits) => sum + visits, 0));
  const shares = kind === "prior" ? finding.prior : finding.visits.map((visits) => visits / total);
  const most = Math.max(...shares, 3 / finding.prior.filter((share) => share > 0).length); // a policy that knows nothing stays pale
  return finding.prior.map((_, cell) => {
    if (kind === "wins") {
      const share = finding.wins[cell];
      if (share === null) return undefined;
      return { heat: Math.abs(2 * share - 1), tone: share >= 0.5 ? "warm" : "cold", text: whole(share), told: `wins ${percent(share)}` };
    }
    const share = shares[cell];
    const told = kind === "prior" ? `network ${percent(share)}` : `${finding.visits[cell]} visits`;
    return share > 0 ? { heat: share / most, tone: "warm", text: share >= 0.005 ? whole(share) : "", told } : undefined;
  });
}

export function layTruth(truth, size) {
  const layer = [];
  for (const name of truth.winning_moves) layer[cellIndex(name, size)] = { heat: 0.75, tone: "warm", text: "✓", told: "wins", strong: true };
  for (const name of truth.losing_moves) layer[cellIndex(name, size)] = { heat: 0, tone: "cold", text: "✗", told: "loses" };
  return layer;
}

// The first moves of the expected line, as badges of a board.
export function lineOf(finding) {
  const colors = finding.turn === "black" ? ["black", "white"] : ["white", "black"];
  return finding.line.slice(0, 5).map((move, index) => [move, colors[index % 2], String(index + 1)]);
}

const minis = {};

export function showFinding(finding, stones, size, note) {
  byId("about").textContent = note;
  for (const kind of ["prior", "visits"]) {
    minis[kind] ??= new Board(byId(`mini-${kind}`), { label: kind === "prior" ? "Policy of the network alone" : "Shares of the search", small: true });
    minis[kind].show({ size, stones, turn: finding?.turn, overlay: finding ? layFinding(finding, kind) : [] });
  }
  const rows = finding ? rankMoves(finding, size) : [];
  byId("moves").tBodies[0].replaceChildren(...Array.from({ length: ROWS }, (_, index) => buildRow(rows[index])));
  byId("line").textContent = `Expected: ${finding ? finding.line.join(" ") : "–"}${finding?.proven ? " (proven)" : ""}`;
}

function rankMoves(finding, size) {
  const total = Math.max(1, finding.visits.reduce((sum, visits) => sum + visits, 0));
  return finding.prior
    .map((prior, cell) => ({ name: cellName(cell, size), prior, visits: finding.visits[cell], share: finding.visits[cell] / total, wins: finding.wins[cell] }))
    .filter((row) => row.prior > 0 || row.visits > 0)
    .sort((a, b) => (b.name === finding.best) - (a.name === finding.best) || b.visits - a.visits || b.prior - a.prior);
}

function buildRow(row) {
  if (!row) return html("tr", {}, ...Array.from({ length: 5 }, () => html("td", {}, "\u00a0")));
  const meter = (share) => {
    const span = html("span", { class: "meter" }, percent(share));
    span.style.setProperty("--share", `${Math.round(100 * share)}%`);
    return html("td", {}, span);
  };
  return html("tr", {}, html("td", {}, row.name), meter(row.prior), meter(row.share), html("td", {}, String(row.visits)), html("td", {}, row.wins === null ? "–" : percent(row.wins)));
}
