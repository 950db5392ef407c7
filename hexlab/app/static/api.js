// Requests to the server, and the events that it streams.

const token = document.querySelector('meta[name="hexlab-token"]').content;

export class Problem extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function send(path, method, body, signal) {
  const headers = method === "GET" ? {} : { "content-type": "application/json", "x-hexlab-token": token };
  let response;
  try {
    response = await fetch(path, { method, headers, body: method === "GET" ? undefined : JSON.stringify(body ?? {}), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server does not answer: is it still running?");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Problem(response.status, capitalize(said.error ?? `the server answered ${response.status}`));
  }
  return response;
}

const capitalize = (sentence) => `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;

export const get = async (path) => (await send(path, "GET")).json();
export const post = async (path, body) => (await send(path, "POST", body)).json();

// Yields [event, data] of a stream of server-sent events, which may be the answer to a POST.
export async function* stream(path, { method = "GET", body, signal } = {}) {
  const response = await send(path, method, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const event = lines.find((line) => line.startsWith("event: ")).slice(7);
      const data = JSON.parse(lines.find((line) => line.startsWith("data: ")).slice(6));
      if (event === "problem") throw new Problem(200, capitalize(data.error));
      yield [event, data];
    }
  }
}
