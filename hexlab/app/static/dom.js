// The few words that the other modules build elements with.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// A list of choices; `choices` are [value, text] pairs. The choice that was made stays if it is still there.
export function setChoices(select, choices, chosen = select.value) {
  const wanted = choices.map(([value, text]) => `${value} ${text}`).join("|");
  if (select.dataset.choices !== wanted) {
    select.replaceChildren(...choices.map(([value, text]) => html("option", { value }, text)));
    select.dataset.choices = wanted;
  }
  if (choices.some(([value]) => String(value) === String(chosen))) select.value = chosen;
}

// A control that loses the keyboard's focus by it hands the focus on.
export function setDisabled(control, disabled, next) {
  const held = document.activeElement === control;
  control.disabled = disabled;
  if (held && disabled) next.focus();
}

export const percent = (share) => `${Math.round(100 * share)} %`;
export const capital = (word) => word[0].toUpperCase() + word.slice(1);
export const other = (color) => (color === "black" ? "white" : "black");

// Puts a text where it can be pasted from, and says so on the button that asked for it.
export async function copy(text, button) {
  if (!navigator.clipboard) return say(text); // browsers keep it from pages without encryption, except those of this machine
  const words = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = words), 2000);
}

export function say(text) {
  const alert = byId("alert");
  alert.textContent = text;
  alert.hidden = !text;
}
