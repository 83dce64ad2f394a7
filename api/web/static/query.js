// What is asked for: the line, examples, a picture and its crop; as an address and as a request.

/** @returns a query that asks for nothing. */
export const nothing = () => ({ line: "", like: [], unlike: [], types: [], kinds: [], picture: null, crop: null, saved: null });

export function fromAddress(search) {
  const said = new URLSearchParams(search);
  return {
    ...nothing(),
    line: said.get("q") ?? "",
    like: said.getAll("like"),
    unlike: said.getAll("unlike"),
    types: said.getAll("type"),
    kinds: said.getAll("kind"),
    saved: said.get("saved"),
  };
}

/** A picture has no address; what else is asked for has. */
export function toAddress(query) {
  const said = new URLSearchParams();
  if (query.saved) return `/?${new URLSearchParams({ saved: query.saved })}`;
  if (query.line.trim()) said.set("q", query.line.trim());
  query.like.forEach((each) => said.append("like", each));
  query.unlike.forEach((each) => said.append("unlike", each));
  query.types.forEach((each) => said.append("type", each));
  query.kinds.forEach((each) => said.append("kind", each));
  return said.size ? `/?${said}` : "/";
}

const example = (said) => (/^\d{1,15}$/.test(said) ? Number(said) : said);

/** The query as `POST /v1/search` takes it. */
export function toJson(query, more = {}) {
  const said = { ...more };
  if (query.line.trim()) said.text = query.line.trim();
  if (query.like.length) said.like = query.like.map(example);
  if (query.unlike.length) said.unlike = query.unlike.map(example);
  if (query.kinds.length) said.kinds = query.kinds;
  if (query.types.length) said.filters = { types: query.types };
  if (query.crop) said.crop = query.crop;
  return said;
}

/** Options of `fetch`: JSON, or a form where there is a picture. */
export function toRequest(query, more = {}) {
  if (!query.picture) {
    return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(toJson(query, more)) };
  }
  const form = new FormData();
  form.append("query", JSON.stringify(toJson(query, more)));
  form.append("image", query.picture, "picture");
  return { method: "POST", body: form };
}
