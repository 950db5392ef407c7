// Small charts in SVG, all of one width in user units so that type keeps its size beside them.

import { percent, svg } from "./dom.js";

const WIDTH = 320;

// Black's chance to win after every move: a column each, black from the bottom, white from the top.
export function drawChance(home, shares) {
  const known = shares.map((share, ply) => [ply, share]).filter(([, share]) => share !== null);
  const now = known.length ? known[known.length - 1][1] : null;
  const text = document.createElement("div");
  text.className = "chance-text";
  const [black, white] = [document.createElement("span"), document.createElement("span")];
  black.textContent = now === null ? "Black –" : `Black ${percent(now)}`;
  white.textContent = now === null ? "White –" : `White ${percent(1 - now)}`;
  text.append(black, white);
  const [height, top] = [56, 20];
  const width = WIDTH / Math.max(shares.length, 16);
  const parts = [
    svg("rect", { x: 0, y: 0, width: WIDTH, height: 12, class: "part-back" }),
    svg("rect", { x: 0, y: top, width: WIDTH, height, class: "part-back" }),
  ];
  if (now !== null) {
    const split = now * WIDTH;
    parts.push(svg("rect", { x: 0, y: 0, width: split, height: 12, class: "part black" }));
    parts.push(svg("rect", { x: split, y: 0, width: WIDTH - split, height: 12, class: "part white" }));
  }
  parts.push(svg("rect", { x: 0.5, y: 0.5, width: WIDTH - 1, height: 11, class: "part-frame" }));
  for (const [ply, share] of known) {
    const edge = top + height * (1 - share);
    const label = `After ${ply} moves: Black ${percent(share)}`;
    parts.push(
      svg("rect", { x: ply * width, y: top, width: width - 1, height: height * (1 - share), class: "part white" }),
      svg("rect", { x: ply * width, y: edge, width: width - 1, height: height * share, class: "part black" }, svg("title", {}, label)),
    );
  }
  parts.push(
    svg("rect", { x: 0.5, y: top + 0.5, width: WIDTH - 1, height: height - 1, class: "part-frame" }),
    svg("line", { x1: 0, x2: WIDTH, y1: top + height / 2, y2: top + height / 2, class: "part-middle" }),
  );
  const told = known.length ? known.map(([ply, share]) => `${ply}: ${percent(share)}`).join(", ") : "nothing yet";
  const label = `Black's chance to win by the number of moves: ${told}`;
  home.replaceChildren(text, svg("svg", { viewBox: `0 0 ${WIDTH} ${top + height + 1}`, role: "img", "aria-label": label }, ...parts));
}

export function short(number) {
  const size = Math.abs(number);
  if (size >= 1e6) return `${Number((number / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((number / 1e3).toPrecision(3))}k`;
  return String(Number(number.toPrecision(3)));
}

function niceTicks(low, high, wanted) {
  const span = high - low || 1;
  const step = [1, 2, 5, 10].map((factor) => factor * 10 ** Math.floor(Math.log10(span / wanted))).find((size) => span / size <= wanted);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * span; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

// A line over x; `ys` may hold null. Returns the figure's drawing.
export function drawLine(xs, ys, { label, format = short, marks = false, from = null }) {
  const [height, left, bottom] = [110, 38, 18];
  const known = xs.map((x, index) => [x, ys[index]]).filter(([, y]) => y !== null && y !== undefined);
  const parts = [];
  if (known.length) {
    const [lowX, highX] = [0, Math.max(...known.map(([x]) => x)) || 1];
    let [low, high] = [Math.min(...known.map(([, y]) => y), from ?? Infinity), Math.max(...known.map(([, y]) => y))];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const toX = (x) => left + ((x - lowX) / (highX - lowX)) * (WIDTH - left - 4);
    const toY = (y) => 6 + (1 - (y - low) / (high - low)) * (height - bottom - 10);
    for (const tick of niceTicks(low, high, 3)) {
      const y = toY(tick);
      parts.push(svg("line", { x1: left, x2: WIDTH, y1: y, y2: y, class: "axis" }), svg("text", { x: left - 5, y: y + 3.5, class: "tick end" }, format(tick)));
    }
    for (const tick of niceTicks(lowX, highX, 3)) parts.push(svg("text", { x: Math.min(toX(tick), WIDTH - 16), y: height - 3, class: "tick middle" }, short(tick)));
    parts.push(svg("polyline", { class: "trace", points: known.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(" ") }));
    if (marks) for (const [x, y] of known) parts.push(svg("circle", { cx: toX(x), cy: toY(y), r: 2.6, class: "mark" }));
  } else {
    parts.push(svg("text", { x: WIDTH / 2, y: height / 2, class: "tick middle" }, "no values yet"));
  }
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...parts);
}

// Elo against training compute: a point an agent, the frontier as a line. One point at a time takes the keyboard's focus.
export function drawFrontier(home, board, open) {
  const rows = board.rows.filter((row) => row.flops > 0 && (board.frontier.simulations === null || row.simulations === board.frontier.simulations));
  if (!rows.length) {
    home.replaceChildren();
    return;
  }
  const width = Math.min(760, home.clientWidth); // a narrow figure keeps the size of its type
  const [height, left, bottom] = [width < 500 ? 280 : 340, 50, 44];
  const logs = rows.map((row) => Math.log10(row.flops));
  const elos = [...rows.map((row) => row.elo), 0];
  const [lowX, highX] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
  const [low, high] = [Math.min(...elos) - 30, Math.max(...elos) + 30];
  const toX = (log) => left + ((log - lowX) / (highX - lowX)) * (width - left - 16);
  const toY = (elo) => 12 + (1 - (elo - low) / (high - low)) * (height - bottom - 12);
  const parts = [];
  for (const tick of niceTicks(low, high, 6)) {
    parts.push(svg("line", { x1: left, x2: width - 16, y1: toY(tick), y2: toY(tick), class: tick === 0 ? "zero" : "axis" }));
    parts.push(svg("text", { x: left - 8, y: toY(tick) + 3.5, class: "tick end" }, String(tick).replace("-", "−")));
  }
  for (let power = lowX; power <= highX; power++) {
    parts.push(svg("text", { x: toX(power), y: height - bottom + 18, class: "tick middle" }, "10", svg("tspan", { dy: -4, "font-size": 7 }, String(power))));
  }
  parts.push(svg("text", { x: (left + width) / 2, y: height - 6, class: "tick middle" }, "training compute, FLOPs"));
  parts.push(svg("text", { x: left + 6, y: toY(0) - 6, class: "tick" }, "perfect play"));
  const line = board.frontier.log10_flops.map((log, index) => [log, board.frontier.elo[index]]).filter(([, elo]) => elo !== null);
  parts.push(svg("polyline", { class: "frontier-line", points: line.map(([log, elo]) => `${toX(log).toFixed(1)},${toY(elo).toFixed(1)}`).join(" ") }));
  const ordered = rows.map((row, index) => [logs[index], row]).sort(([a], [b]) => a - b);
  const dots = ordered.map(([log, row], index) => {
    const label = `${row.network} network, snapshot ${row.snapshot}, ${row.simulations} simulations: Elo ${Math.round(row.elo)} (${Math.round(row.low)} to ${Math.round(row.high)})`;
    const dot = svg(
      "g",
      { class: `point${row.playable ? " playable" : ""}`, role: row.playable ? "link" : "img", tabindex: index ? -1 : 0, "aria-label": label },
      svg("circle", { cx: toX(log).toFixed(1), cy: toY(row.elo).toFixed(1), r: 5 }),
      svg("title", {}, row.playable ? `${label}. Open it.` : `${label}. Its parameters are not in this folder.`),
    );
    if (row.playable) dot.addEventListener("click", () => open(row));
    return dot;
  });
  dots.forEach((dot, index) =>
    dot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const row = ordered[index][1];
      if (step && dots[index + step]) {
        event.preventDefault();
        dot.setAttribute("tabindex", -1);
        dots[index + step].setAttribute("tabindex", 0);
        dots[index + step].focus();
      } else if ((event.key === "Enter" || event.key === " ") && row.playable) {
        event.preventDefault();
        open(row);
      }
    }),
  );
  const label = `Elo against training compute on ${board.size} by ${board.size}: ${rows.length} agents and their frontier`;
  home.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label }, ...parts, ...dots));
}
