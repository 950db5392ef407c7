// A Hex board in SVG: a grid of labeled cells for eyes, pointers, keyboards and screen readers.
// Geometry as in the package's pictures: cells stand on a corner, each row half a cell to the right of the one above. On a phone a large
// board is turned by 60 degrees, with a1 on top: as wide as its rows are long, so that its cells are large enough for a finger.

import { capital, svg } from "./dom.js";

const RADIUS = 20;
const HALF = (RADIUS * Math.sqrt(3)) / 2;
const RIM = 10; // half the width of the edges
const BESIDE = 1.08; // cells from a cell on the edge to its coordinate
const LETTER = 11; // room around a coordinate
const TURNED_FROM = 7; // smallest board that a phone turns
const phone = matchMedia("(max-width: 560px)");

export const cellName = (cell, size) => `${String.fromCharCode(97 + (cell % size))}${Math.floor(cell / size) + 1}`;
export const cellIndex = (name, size) => (Number(name.slice(1)) - 1) * size + name.charCodeAt(0) - 97;

const lying = { place: (row, column) => [(2 * column + row) * HALF, row * 1.5 * RADIUS], first: 0 };
const turned = { place: (row, column) => [(column - row) * HALF, (column + row) * 1.5 * RADIUS], first: 1 };

function corner({ place, first }, row, column, number) {
  const [x, y] = place(row, column);
  const angle = Math.PI / 2 + ((first + number) * Math.PI) / 3;
  return [x + RADIUS * Math.cos(angle), y + RADIUS * Math.sin(angle)];
}

const points = (list) => list.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
const middle = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

// The border in four pieces: top, bottom, left, right. At an obtuse corner two owners share a side of a cell half and half.
function outline(pose, size) {
  const last = size - 1;
  const top = [];
  const left = [];
  for (let step = 0; step < size; step++) {
    top.push(corner(pose, 0, step, 2), corner(pose, 0, step, 3));
    left.push(corner(pose, step, 0, 2), corner(pose, step, 0, 1));
  }
  top.push(middle(corner(pose, 0, last, 3), corner(pose, 0, last, 4)));
  left.push(middle(corner(pose, last, 0, 1), corner(pose, last, 0, 0)));
  const [farX, farY] = pose.place(last, last);
  const turn = (side) => side.map(([x, y]) => [farX - x, farY - y]);
  return [top, turn(top), left, turn(left)];
}

function lengthen(side, by) {
  const beyond = ([x, y], [nextX, nextY]) => {
    const length = Math.hypot(x - nextX, y - nextY);
    return [x + ((x - nextX) / length) * by, y + ((y - nextY) / length) * by];
  };
  return [beyond(side[0], side[1]), ...side, beyond(side[side.length - 1], side[side.length - 2])];
}

export class Board {
  // `choose(name)` makes the board playable; a board that is `small` has neither coordinates nor cells to focus.
  constructor(home, { label, choose, small = false }) {
    this.home = home;
    this.label = label;
    this.choose = choose;
    this.small = small;
    this.size = 0;
    this.focused = 0;
    phone.addEventListener("change", () => this.shown && this.show(this.shown));
    if (small) return;
    home.addEventListener("keydown", (event) => this.steer(event)); // a picture that listens for focus would take it
    home.addEventListener("focusin", () => this.showCursor());
    home.addEventListener("focusout", () => this.cursor.setAttribute("visibility", "hidden"));
  }

  build(size) {
    const pose = phone.matches && size >= TURNED_FROM ? turned : lying;
    if (size === this.size && pose === this.pose) return;
    if (size !== this.size) this.focused = Math.floor(size / 2) * size + Math.floor(size / 2);
    [this.size, this.pose] = [size, pose];
    const borders = outline(pose, size);
    const edges = [];
    for (const [number, side] of borders.entries()) {
      const color = number < 2 ? "black" : "white";
      edges.push(svg("polyline", { points: points(lengthen(side, 1.5)), class: `edge rim ${color}` }));
      edges.push(svg("polyline", { points: points(side), class: `edge face ${color}` }));
    }
    this.cells = [];
    const rows = [];
    for (let row = 0; row < size; row++) {
      const group = svg("g", this.small ? {} : { role: "row" });
      for (let column = 0; column < size; column++) group.append(this.buildCell(row, column));
      rows.push(group);
    }
    const coordinates = [];
    if (!this.small) {
      for (let step = 0; step < size; step++) {
        for (const beyond of [-BESIDE, size - 1 + BESIDE]) {
          coordinates.push([pose.place(beyond, step), String.fromCharCode(97 + step)], [pose.place(step, beyond), String(step + 1)]);
        }
      }
    }
    const reach = [...borders.flat().map((at) => [at, RIM]), ...coordinates.map(([at]) => [at, LETTER])];
    const [left, top] = [0, 1].map((axis) => Math.min(...reach.map(([at, room]) => at[axis] - room)));
    const [right, bottom] = [0, 1].map((axis) => Math.max(...reach.map(([at, room]) => at[axis] + room)));
    this.marks = svg("g", { "aria-hidden": "true" });
    this.cursor = svg("polygon", { class: "cursor", visibility: "hidden", "aria-hidden": "true" });
    const role = this.small ? { role: "img", "aria-label": this.label } : { role: "grid", "aria-label": this.label, "aria-rowcount": size, "aria-colcount": size };
    this.picture = svg(
      "svg",
      { viewBox: `${left.toFixed(1)} ${top.toFixed(1)} ${(right - left).toFixed(1)} ${(bottom - top).toFixed(1)}`, ...role },
      svg("g", { "aria-hidden": "true" }, ...edges),
      ...rows,
      svg("g", { "aria-hidden": "true" }, ...coordinates.map(([at, text]) => this.write(at, text))),
      this.marks,
      this.cursor,
    );
    this.home.replaceChildren(this.picture);
  }

  buildCell(row, column) {
    const cell = row * this.size + column;
    const [x, y] = this.pose.place(row, column);
    const shape = Array.from({ length: 6 }, (_, number) => corner(this.pose, row, column, number));
    const value = svg("text", { class: "value", x: x.toFixed(2), y: (y + 3.8).toFixed(2), "aria-hidden": "true" });
    const group = svg(
      "g",
      this.small ? { class: "cell" } : { class: "cell", role: "gridcell", tabindex: cell === this.focused ? 0 : -1, "data-cell": cellName(cell, this.size) },
      svg("polygon", { class: "hex", points: points(shape) }),
      svg("circle", { class: "disc", cx: x.toFixed(2), cy: y.toFixed(2), r: 0.7 * RADIUS }),
      value,
    );
    if (!this.small) group.addEventListener("click", () => this.pick(cell));
    this.cells.push({ group, value, shape });
    return group;
  }

  write([x, y], text) {
    return svg("text", { class: "coordinate", x: x.toFixed(2), y: (y + 4).toFixed(2) }, text);
  }

  pick(cell) {
    this.focus(cell, false);
    if (this.choose && !this.busy) this.choose(cellName(cell, this.size));
  }

  steer(event) {
    const [row, column] = [Math.floor(this.focused / this.size), this.focused % this.size];
    const last = this.size - 1;
    const target = {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      Home: [row, 0],
      End: [row, last],
      PageUp: [0, column],
      PageDown: [last, column],
    }[event.key];
    if (target) {
      event.preventDefault();
      const [down, right] = target.map((step) => Math.min(Math.max(step, 0), last));
      this.focus(down * this.size + right, true);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.pick(this.focused);
    }
  }

  focus(cell, move) {
    this.cells[this.focused].group.setAttribute("tabindex", -1);
    this.focused = cell;
    this.cells[cell].group.setAttribute("tabindex", 0);
    if (move) this.cells[cell].group.focus();
  }

  showCursor() {
    const { group, shape } = this.cells[this.focused];
    this.cursor.setAttribute("points", points(shape));
    this.cursor.setAttribute("visibility", group.matches(":focus-visible") ? "visible" : "hidden");
  }

  // Shows a position. `overlay` gives for cells {heat: 0..1, tone, text, told, strong}; `ghosts` are stones to come and
  // `badges` small ones at the top of a cell, as [name, color, text].
  show(shown) {
    const { size, stones, turn, last = null, path = [], busy = false, overlay = [], ghosts = [], badges = [], ring = null } = shown;
    this.shown = shown;
    this.build(size);
    this.busy = busy || !this.choose;
    this.home.classList.toggle("busy", this.busy);
    this.home.classList.toggle("next-black", turn === "black");
    this.home.classList.toggle("next-white", turn === "white");
    if (!this.small) this.picture.setAttribute("aria-readonly", this.busy);
    for (const [cell, { group, value }] of this.cells.entries()) {
      const stone = { B: "black", W: "white" }[stones[cell]];
      const laid = stone ? undefined : overlay[cell];
      const heat = laid?.heat ?? 0;
      group.setAttribute(
        "class",
        ["cell", stone ?? (this.choose ? "open" : ""), laid ? laid.tone ?? "warm" : "", heat > 0.45 ? "hot" : "", laid?.strong ? "strong" : ""].join(" "),
      );
      group.style.setProperty("--heat", `${Math.round(100 * heat)}%`);
      value.textContent = (!this.small && laid?.text) || "";
      if (!this.small) {
        const name = cellName(cell, size);
        const here = stone ? `${capital(stone)}${name === last ? ", last move" : ""}` : "empty";
        group.setAttribute("aria-label", `${name}, ${here}${laid?.told ? `, ${laid.told}` : ""}${name === ring ? ", hint" : ""}`);
      }
    }
    this.mark(stones, last, path, ghosts, badges, ring);
  }

  mark(stones, last, path, ghosts, badges, ring) {
    const at = (name) => this.pose.place(Math.floor(cellIndex(name, this.size) / this.size), cellIndex(name, this.size) % this.size);
    const circle = (name, radius, style) => {
      const [x, y] = at(name);
      return svg("circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: radius, class: style });
    };
    const drawn = [];
    if (path.length) {
      const way = points((path.length > 1 ? path : [path[0], path[0]]).map(at));
      drawn.push(svg("polyline", { points: way, class: "winning under" }), svg("polyline", { points: way, class: "winning over" }));
    } else if (last) {
      const black = stones[cellIndex(last, this.size)] === "B";
      drawn.push(circle(last, 4.2, `last ${black ? "on-black" : "on-white"}`));
    }
    const stone = (style, [name, color, text], radius, lift, drop) => {
      const [x, y] = at(name);
      const words = svg("text", { x: x.toFixed(2), y: (y - lift + drop).toFixed(2) }, text);
      return svg("g", { class: `${style} ${color}` }, svg("circle", { cx: x.toFixed(2), cy: (y - lift).toFixed(2), r: radius }), words);
    };
    for (const ghost of ghosts) drawn.push(stone("ghost", ghost, 0.6 * RADIUS, 0, 4));
    for (const badge of badges) drawn.push(stone("ghost badge", badge, 5.4, 11, 2.6));
    if (ring) drawn.push(circle(ring, 0.8 * RADIUS, "ring"));
    this.marks.replaceChildren(...drawn);
  }
}

// The stones after some moves from the empty board, for replays: [stones, last, turn].
export function replay(moves, size) {
  const stones = Array(size * size).fill(".");
  let last = null;
  for (const [ply, move] of moves.entries()) {
    if (move === "swap-pieces") {
      const cell = cellIndex(last, size);
      stones[cell] = ".";
      last = cellName((cell % size) * size + Math.floor(cell / size), size);
    } else {
      last = move;
    }
    stones[cellIndex(last, size)] = "BW"[ply % 2];
  }
  return [stones.join(""), last, moves.length % 2 ? "white" : "black"];
}
