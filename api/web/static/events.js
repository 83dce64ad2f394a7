// Server-sent events of an answer to POST, for which browsers' own EventSource has no way.

/** Yields `{ event, data }`, the data parsed from JSON, until the stream ends. */
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      held += (value ?? "").replaceAll("\r", "");
      const blocks = held.split("\n\n");
      held = done ? "" : blocks.pop();
      for (const block of blocks) {
        const read = parsed(block);
        if (read) yield read;
      }
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null;
}
