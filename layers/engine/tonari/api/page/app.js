"use strict";

const LONGEST_SIDE = 1024;         // pixels; the encoder looks at a quarter of that
const SEND_AS_IT_IS = 1_000_000;   // bytes
const BODY_LIMIT = 4_400_000;      // bytes of a picture that a request can carry
const LOOK_AGAIN = 3000;           // ms between two looks at a service that is not ready
const LONGEST_FOR_PART = 3000;     // pixels of a picture of which a part is searched with
const LEAST_PART = 0.03;           // of a side: less is a click, not a box
const MOST_COUNTED = 20;           // fields whose values are counted
const LONG_VALUE = 400;            // characters of a field that are shown at once
const SETTLE = 250;                // ms without typing before a filter takes effect

const base = location.pathname.replace(/\/?(index\.html)?$/, "/");
const find = (selector) => document.querySelector(selector);
const [drop, query, notice, grid, filters] = ["#drop", "#query", "#notice", "#grid", "#filters"].map(find);

// --- the service ---------------------------------------------------------------------------------------------------

class Problem extends Error {
  constructor(title, detail, slug = "") {
    super(title);
    Object.assign(this, { title, detail, slug });
  }
}

async function call(path, parameters = {}, options = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const address = base + path + (given.length ? `?${new URLSearchParams(given)}` : "");
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("No answer", "The service cannot be reached. Check the connection, or whether it is still running.", "offline");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Problem(
    body?.title ?? `The service answered ${response.status}`,
    body?.detail ?? body?.message ?? "Try again in a moment.",
    String(body?.type ?? "").split(":").pop(),
  );
}

const post = (path, parameters, body, type, signal) =>
  call(path, parameters, { method: "POST", body, headers: { "Content-Type": type }, signal });
const itemPath = (id) => `v1/items/${encodeURIComponent(id)}`;
const within = (address) => base + address.replace(/^\//, "");
const filterParameter = () => (Object.keys(chosenFilter()).length ? JSON.stringify(chosenFilter()) : undefined);

const regionParameter = (view) => (view.region ? JSON.stringify(view.region) : undefined);
const kindOf = (view) => (view.start ? "start" : view.id !== undefined ? "item" : view.picture ? "picture" : "text");
const asks = () => service.queries ?? { image: true, text: null, image_and_text: false };

function searchFor(view, signal) {
  const counted = [...new Set([...filters.querySelectorAll(".chip [data-field]")].map((input) => input.dataset.field))];
  const parameters = { k: find("#k").value, filter: filterParameter(), shift: view.shift, region: regionParameter(view),
    disjunctive_facets: counted.length ? JSON.stringify(counted.slice(0, MOST_COUNTED)) : undefined, text: view.text };
  if (kindOf(view) === "text") {
    const body = { text: view.text, k: Number(parameters.k), filter: chosenFilter(), disjunctive_facets: counted.slice(0, MOST_COUNTED) };
    return post("v1/search", {}, JSON.stringify(body), "application/json", signal);
  }
  return kindOf(view) === "picture"
    ? post("v1/search", parameters, view.picture, pictureType(view.picture), signal)
    : call(`${itemPath(view.id)}/similar`, parameters, { signal });
}

const predictable = (view) => ["item", "picture"].includes(kindOf(view)) && Object.keys(service.attributes ?? {}).length > 0;

function predictFor(view, method, signal) {
  return kindOf(view) === "picture"
    ? post("v1/predict", { method, region: regionParameter(view) }, view.picture, pictureType(view.picture), signal)
    : post("v1/predict", {}, JSON.stringify({ id: view.id, method }), "application/json", signal);
}

// --- pictures ------------------------------------------------------------------------------------------------------

const pictureType = (picture) => (picture.type.startsWith("image/") ? picture.type : "image/x-unknown");

async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const address = URL.createObjectURL(file);
    const image = Object.assign(new Image(), { src: address });
    return image.decode().then(() => image, () => null).finally(() => URL.revokeObjectURL(address));
  }
}

async function shrink(file, most = LONGEST_SIDE) {
  const picture = await decode(file);
  if (!picture) {
    if (file.size <= BODY_LIMIT) return file;
    const size = (file.size / 1e6).toFixed(1);
    throw new Problem("Too large to send", `This browser cannot read ${file.name || "the file"} (${size} MB) to make it smaller, and at most ` +
      `${BODY_LIMIT / 1e6} MB can be sent as it is. Save it as a JPEG and try again.`);
  }
  const longest = Math.max(picture.width, picture.height);
  const plain = ["image/jpeg", "image/png", "image/webp"].includes(file.type);
  if (plain && longest <= most && file.size <= SEND_AS_IT_IS) return file;
  const scale = Math.min(1, most / longest);
  const size = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width: size[0], height: size[1] });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, ...size);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, ...size);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

// --- drawing: text goes in as text, never as markup ------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const label = (field) => field.charAt(0).toUpperCase() + field.slice(1).replaceAll("_", " ");
const nameOf = (item) => String(item.fields?.name || item.fields?.title || item.id);
const byHand = matchMedia("(pointer: coarse)").matches;
const isColour = (field) => /colou?r/i.test(field);
const bounded = (score) => `${100 * Math.min(1, Math.max(0, score))}%`;

function words(field, value) {
  if (value === "") return "(none)";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") {
    const digits = /price|cost/i.test(field) ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 3 };
    return value.toLocaleString("en", digits);
  }
  if (Array.isArray(value)) return value.map((one) => words(field, one)).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function withSwatch(field, value) {
  const text = make("span", {}, words(field, value));
  if (isColour(field) && CSS.supports("color", String(value))) {
    const swatch = make("i", { className: "swatch", ariaHidden: "true" });
    swatch.style.backgroundColor = value;
    text.prepend(swatch);
  }
  return text;
}

function scoreLine(text, score, className = "") {
  const fill = make("i");
  fill.style.width = bounded(score);
  return make("div", { className: `guess ${className}` }, text, make("span", { className: "number" }, score.toFixed(2)),
    make("span", { className: "bar", ariaHidden: "true" }, fill));
}

function telling(fields = {}) {
  const first = [...Object.keys(fields).filter((field) => /price/i.test(field)), ...Object.keys(service.attributes ?? {}),
    ...Object.keys(service.fields ?? {}), ...Object.keys(fields)];
  return [...new Set(first)].filter((field) => !["name", "title", "id"].includes(field) && fields[field] !== undefined &&
    fields[field] !== null && fields[field] !== "" && words(field, fields[field]).length <= 48).slice(0, 4);
}

const LETTERS = /[\p{L}\p{M}\p{N}]+/gu;
const LEAST_STEM = 4;
const ENDINGS = /^(?:s|es|ies|d|ed|ing|er|ers|ly)$/;

function sameWord(one, other) {
  if (one === other) return true;
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  const stem = short.replace(/[ey]$/, "");
  return short.length >= LEAST_STEM && long.startsWith(stem) && ENDINGS.test(long.slice(stem.length));
}

function marked(text, asked = "") {
  const wanted = [...asked.toLowerCase().matchAll(LETTERS)].map(([word]) => word).filter((word) => word.length >= LEAST_STEM || /\P{ASCII}/u.test(word));
  const pieces = [];
  let done = 0;
  for (const found of wanted.length ? text.matchAll(LETTERS) : []) {
    if (!wanted.some((word) => sameWord(word, found[0].toLowerCase()))) continue;
    pieces.push(text.slice(done, found.index), make("mark", {}, found[0]));
    done = found.index + found[0].length;
  }
  return [...pieces, text.slice(done)];
}

function excerpt({ text = "" } = {}) {
  return text ? [make("span", { className: "passage" }, ...marked(text, current.view.text))] : [];
}

function scoreLines({ score, bm25, ranks }) {
  const places = ranks ? Object.entries(ranks).map(([list, rank]) => `${list === "lexical" ? "words" : "meaning"} #${rank}`).join(", ") : "";
  if (typeof score === "number") return [scoreLine(make("span", {}, places ? `similarity (${places})` : "similarity"), score)];
  if (bm25 === undefined && !places) return [];
  return [make("div", { className: "guess" }, make("span", {}, places || "match of words"), make("span", { className: "number" }, bm25?.toFixed(1) ?? ""))];
}

function card(item, place) {
  const name = nameOf(item);
  const parts = telling(item.fields);
  const price = parts.filter((field) => /price/i.test(field));
  const pictured = item.image ? [make("img", { alt: item.view ? `${name} (${item.view})` : name, loading: place < 12 ? "eager" : "lazy", decoding: "async" })] : [];
  for (const image of pictured) image.src = within(item.image);
  const told = pictured.length ? undefined : item.passage ?? { text: String(item.fields?.text ?? item.fields?.body ?? item.fields?.description ?? "") };
  const text = make("div", { className: "words" }, make("span", { className: "title" }, ...marked(name, current.view.text)), ...excerpt(told));
  if (price.length) text.append(make("span", {}, words(price[0], item.fields[price[0]])));
  const rest = parts.filter((field) => field !== price[0]).map((field) => withSwatch(field, item.fields[field]));
  if (rest.length) text.append(make("span", { className: "soft" }, ...rest.flatMap((part, n) => (n ? [" · ", part] : [part]))));
  text.append(...scoreLines(item));
  const link = itemLink(item.id, { id: item.id, item }, { className: "item" }, ...pictured, text);
  link.dataset.id = item.id;
  return make("li", {}, link);
}

function itemLink(id, view, properties, ...children) {
  const link = make("a", { href: `?item=${encodeURIComponent(id)}`, ...properties }, ...children);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(view);
  });
  return link;
}

function drawItems(items) {
  grid.replaceChildren(...items.map(card));
  grid.classList.toggle("reading", items.length > 0 && items.every((item) => !item.image));
  grid.ariaBusy = "false";
  find("#nothing").hidden = items.length > 0 || current.view.start;
  const filtered = Object.keys(chosenFilter()).length > 0;
  find("#nothing span").textContent = filtered ? "No item passes these filters." : current.view.text ? "No item has any of these words." : "There is no item.";
  find("#nothing button").hidden = !filtered;
}

function drawAnswer(answer) {
  drawItems(answer.items);
  drawStranger(answer);
  drawCounts(answer.facets ?? {});
  const { plan = {}, took_ms: took = {} } = answer;
  const count = (value) => Number(value).toLocaleString("en");
  find("#facts").textContent = [
    `path ${plan.path}${plan.exact ? ", exact" : ""}${plan.vectors === "rotated" ? ", estimated" : ""}`, `matching ${count(plan.matching)}`, `scanned ${count(plan.scanned)}`,
    ...(plan.fusion ? [`words ${count(plan.fusion.lexical)} and meaning ${count(plan.fusion.dense)} fused`] : []),
    ...Object.entries(took).map(([step, ms]) => `${step} ${Number(ms).toFixed(1)} ms`),
  ].join(" · ");
  find("#status").textContent = `${answer.items.length} items`;
}

function drawStranger({ familiar, likeness: { nearest, level } = {} }) {
  const stranger = familiar === false;
  find("#stranger").hidden = !stranger;
  grid.classList.toggle("strange", stranger);
  find("#stranger").textContent = !stranger ? "" : "Like nothing in this catalogue. " + (nearest === null ? "" :
    `The nearest item has similarity ${nearest.toFixed(2)}; 98.5 % of what belongs here has ${level.toFixed(2)} or more. `) +
    "The items below are the nearest nevertheless.";
}

function evidence(field, title, voters = []) {
  if (!voters.length) return [];
  const pictures = voters.map(({ id, score, value, image }) => {
    const said = `${words(field, value)}: ${id}, similarity ${score.toFixed(2)}`;
    if (!image) return itemLink(id, { id }, { title: said, className: "link" }, words(field, value));
    return itemLink(id, { id }, { title: said }, make("img", { alt: said, src: within(image), loading: "lazy", decoding: "async" }));
  });
  return [make("div", { className: "evidence" }, make("span", {}, title), ...pictures)];
}

const HEARSAY = { true: "its neighbours agree: ", false: "its neighbours say ", null: "its neighbours are not sure: " };

function drawPredictions({ predictions }) {
  const guess = (field, { value, score }, ...before) => scoreLine(make("span", {}, ...before, withSwatch(field, value)), score ?? 0);
  const one = ([field, told]) => {
    const { value, values, score, method, abstained, abstained_because: because, agree, alternatives = [] } = told;
    const lines = [];
    if (because === "unfamiliar") {
      lines.push(make("div", { className: "guess first" }, make("span", {}, "like nothing in this catalogue")));
    } else if (method === "label") {
      const label = make("span", {}, withSwatch(field, values?.length ? values : value), " (its label)");
      lines.push(make("div", { className: "guess first" }, label));
      if (alternatives.length) lines.push(guess(field, alternatives[0], HEARSAY[agree]));
    } else if (abstained || alternatives.length || value !== null) {
      const [best, ...others] = abstained ? alternatives : [{ value, score }, ...alternatives];
      const text = abstained ? make("span", {}, "perhaps ", withSwatch(field, best.value)) : withSwatch(field, best.value);
      lines.push(scoreLine(text, best.score ?? 0, "first"), ...others.slice(0, 3).map((other) => guess(field, other)));
    }
    if (because !== "unfamiliar") lines.push(...evidence(field, "for", told.for), ...evidence(field, "against", told.against));
    return make("div", {}, make("dt", {}, label(field)), make("dd", {}, ...lines));
  };
  find("#attributes").replaceChildren(...Object.entries(predictions).map(one));
}

function drawQuery(view) {
  const { start, id, item, address, name } = view;
  document.body.classList.toggle("start", Boolean(start));
  find("#toolbar").hidden = Boolean(start) || !ready;
  for (const section of ["#narrow", "#amount", "#predictions", "#but"]) find(section).hidden = Boolean(start);
  find("#predictions").hidden ||= !predictable(view);
  drawAsking(view);
  find("#narrow").hidden ||= !filters.childElementCount;
  find(".invitation").textContent = start ? (byHand ? "Take or choose a picture" : "Drop a picture here") : "Another picture?";
  query.hidden = Boolean(start) || kindOf(view) === "text";
  const besides = view.text ? ` and “${view.text}”` : "";
  const but = view.shift ? `, but ${Object.entries(JSON.parse(view.shift)).map(([field, value]) => words(field, value)).join(", ")}` : "";
  const title = start ? (asks().image ? "Or begin with one of these" : "Or begin with one of these articles")
    : kindOf(view) === "text" ? `Found by “${view.text}”`
    : id === undefined ? `Nearest to ${view.region ? "a part of " : ""}your picture${besides}${but}` : `Similar to ${item ? nameOf(item) : id}${besides}${but}`;
  find("#heading").textContent = title;
  drawStranger({});
  document.title = start ? "tonari 隣" : `${title} · tonari 隣`;
  if (start || kindOf(view) === "text") {
    find("#but").hidden = true;
    return;
  }
  find("#but").hidden = !find("#shift").options.length;
  find("#shift").value = view.shift ?? "";
  const image = query.querySelector("img");
  stage.hidden = id !== undefined && (item ? !item.image : !asks().image);
  image.hidden = false;
  image.onerror = () => { image.hidden = true; };
  if (stage.hidden) image.removeAttribute("src");
  else image.src = id === undefined ? address : item ? within(item.image) : `${base}${itemPath(id)}/image`;
  image.alt = id === undefined ? "Your picture" : item ? nameOf(item) : id;
  query.querySelector("figcaption").textContent = id === undefined ? name : item ? nameOf(item) : id;
  image.onload = () => drawPart(current.view.region);
  drawPart(view.region);
  const known = Object.entries(item?.fields ?? {}).filter(([field, value]) => !["name", "title"].includes(field) && value !== null && value !== "");
  find("#known").replaceChildren(...known.flatMap(([field, value]) =>
    [make("dt", {}, label(field)), words(field, value).length <= LONG_VALUE ? make("dd", {}, withSwatch(field, value))
      : make("dd", { className: "long", tabIndex: 0 }, words(field, value))]));
  const views = !stage.hidden && (item?.views ?? []).length > 1 ? item.views.slice(0, 10) : [];
  find("#views").replaceChildren(...views.map((view, place) => {
    const thumbnail = make("img", { alt: view, src: `${base}${itemPath(id)}/image?${new URLSearchParams({ view })}` });
    const button = make("button", { type: "button", ariaPressed: String(place === 0) }, thumbnail);
    if (place === 0) image.src = thumbnail.src;
    button.addEventListener("click", () => {
      for (const other of find("#views").children) other.ariaPressed = String(other === button);
      image.src = thumbnail.src;
    });
    return button;
  }));
}

function drawAsking(view) {
  const { image, text, image_and_text: together } = asks();
  find("#ask").hidden = !ready || !text;
  find("#beside").hidden = !together || !["picture", "item"].includes(kindOf(view));
  find("#beside input").checked = !find("#beside").hidden && view.text !== undefined;
  if (document.activeElement !== find("#text")) find("#text").value = view.text ?? "";
  drop.hidden = !image && ["start", "text"].includes(kindOf(view));
  for (const part of [find(".invitation"), find(".buttons")]) part.hidden = !image;
  find("#promise").textContent = image ? "Show a picture: see what lives next door to it, and what it is."
    : "Write what you look for, or begin with an article: see what lives next door to it.";
}

function drawShifts(attributes = {}) {
  const groups = Object.entries(attributes).filter(([, classes]) => classes.length > 1).map(([field, classes]) => {
    const group = make("optgroup", { label: label(field) });
    group.append(...classes.map((value) => make("option", { value: JSON.stringify({ [field]: value }) }, words(field, value))));
    return group;
  });
  find("#shift").replaceChildren(...(groups.length ? [make("option", { value: "" }, "(no change)"), ...groups] : []));
}

function drawCounts(facets) {
  for (const input of filters.querySelectorAll(".chip [data-field]")) {
    const facet = facets[input.dataset.field];
    const value = JSON.parse(input.dataset.value);
    const found = facet?.values?.find((one) => one.value === value);
    const known = found || (facet?.values && facet.values.length === facet.distinct);
    const text = known ? Number(found?.count ?? 0).toLocaleString("en") : "";
    const shown = input.nextElementSibling;
    const count = shown.querySelector(".count") ?? shown.appendChild(make("span", { className: "count" }));
    count.textContent = text;
  }
}

// --- a part of the picture: a box drawn by hand, or four numbers -------------------------------------------------------

const stage = find("#stage");
const part = find("#part");

function pictureOnStage() {
  const image = stage.querySelector("img");
  const [across, down] = [image.clientWidth, image.clientHeight];
  const scale = Math.min(across / image.naturalWidth, down / image.naturalHeight) || 0;
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  return { left: (across - width) / 2, top: (down - height) / 2, width, height };
}

function drawPart(region) {
  const drawable = current.view.id === undefined && !current.view.start;
  stage.classList.toggle("drawable", drawable);
  part.hidden = !drawable;
  const box = find("#box");
  box.hidden = !drawable || !region;
  part.querySelector("[type=reset]").hidden = box.hidden;
  for (const input of part.querySelectorAll("input")) {
    if (input !== document.activeElement) input.value = region ? String(Math.round(1000 * region[input.name]) / 10) : "";
  }
  if (box.hidden) return;
  const on = pictureOnStage();
  Object.assign(box.style, { left: `${on.left + region.x * on.width}px`, top: `${on.top + region.y * on.height}px`,
    width: `${region.width * on.width}px`, height: `${region.height * on.height}px` });
}

function between(from, to) {
  const on = pictureOnStage();
  const frame = stage.getBoundingClientRect();
  const share = (event) => [(event.clientX - frame.left - on.left) / on.width, (event.clientY - frame.top - on.top) / on.height]
    .map((value) => Math.min(1, Math.max(0, value)));
  const [[ax, ay], [bx, by]] = [share(from), share(to)];
  return { x: Math.min(ax, bx), y: Math.min(ay, by), width: Math.abs(ax - bx), height: Math.abs(ay - by) };
}

async function takePart(region) {
  const visit = current;
  const { view } = visit;
  view.region = region;
  const most = region ? Math.min(LONGEST_FOR_PART, LONGEST_SIDE / Math.max(region.width, region.height)) : LONGEST_SIDE;
  view.picture = await shrink(view.file, most);
  visit.predicted = undefined;
  if (visit === current) await show();
}

let drawnFrom;
stage.addEventListener("pointerdown", (event) => {
  if (!stage.classList.contains("drawable") || event.button !== 0) return;
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  drawnFrom = event;
});
stage.addEventListener("pointermove", (event) => { if (drawnFrom) drawPart(between(drawnFrom, event)); });
stage.addEventListener("pointercancel", () => { drawnFrom = undefined; drawPart(current.view.region); });
stage.addEventListener("pointerup", (event) => {
  if (!drawnFrom) return;
  const region = between(drawnFrom, event);
  drawnFrom = undefined;
  if (Math.min(region.width, region.height) >= LEAST_PART) takePart(region);
  else drawPart(current.view.region);
});
part.addEventListener("change", () => {
  const inputs = [...part.querySelectorAll("input")];
  const [x, y, width, height] = inputs.map((input) => input.valueAsNumber / 100);
  if (inputs.some((input) => !input.value || !input.validity.valid)) return;
  takePart({ x, y, width: Math.min(width, 1 - x), height: Math.min(height, 1 - y) });
});
part.addEventListener("submit", (event) => event.preventDefault());
part.addEventListener("reset", () => takePart(undefined));
addEventListener("resize", () => drawPart(current.view.region));

function tell(problem, again) {
  notice.replaceChildren(make("strong", {}, problem.title), make("span", {}, problem.detail));
  if (again) {
    const button = make("button", { className: "button", type: "button" }, "Try again");
    button.addEventListener("click", again);
    notice.append(button);
  }
  notice.hidden = false;
}

// --- filters -------------------------------------------------------------------------------------------------------

function numberFilter(field, min, max) {
  const input = (edge, operator, shown) => {
    const element = make("input", { type: "number", step: "any", placeholder: shown, ariaLabel: `${label(field)} ${edge}` });
    Object.assign(element.dataset, { field, operator });
    return element;
  };
  return make("fieldset", {}, make("legend", {}, label(field)), make("div", { className: "range" },
    input("from", "$gte", min), make("span", { className: "soft" }, "to"), input("up to", "$lte", max)));
}

function choiceFilter(field, values) {
  const box = make("div", { className: "chips" }, ...values.map((value) => {
    const input = make("input", { className: "unseen", type: "checkbox" });
    Object.assign(input.dataset, { field, operator: "$in", value: JSON.stringify(value) });
    return make("label", { className: "chip" }, input, withSwatch(field, value));
  }));
  if (values.length <= 12) return make("fieldset", {}, make("legend", {}, label(field)), box);
  const legend = make("legend", { className: "unseen" }, label(field));
  return make("details", {}, make("summary", {}, make("h3", {}, `${label(field)} (${values.length})`)), make("fieldset", {}, legend, box));
}

function drawFilters(fields = {}) {
  const drawn = Object.entries(fields).flatMap(([field, { type, min, max, values }]) => {
    if (type === "number") return min < max ? [numberFilter(field, min, max)] : [];
    const choices = type === "boolean" ? [true, false] : (values ?? []).filter((value) => value !== "");
    return choices.length > 1 ? [choiceFilter(field, choices)] : [];
  });
  filters.replaceChildren(...drawn);
  if (drawn.length) filters.append(make("button", { className: "link", type: "reset" }, "Clear the filters"));
}

function chosenFilter() {
  const filter = {};
  for (const input of filters.querySelectorAll("[data-field]")) {
    const { field, operator, value } = input.dataset;
    if (input.type === "number" && input.value !== "" && input.validity.valid) (filter[field] ??= {})[operator] = input.valueAsNumber;
    if (input.checked) ((filter[field] ??= {})[operator] ??= []).push(JSON.parse(value));
  }
  return filter;
}

// --- what is being looked at: one visit per step of the browser's history ------------------------------------------------

let service = {};                  // the last answer of /v1/health
let ready = false;
let current = { view: viewOfAddress(), scroll: 0 };
let searching = new AbortController();
let predicting = new AbortController();
let count = 0;
const visits = new Map();

function viewOfAddress() {
  const asked = new URLSearchParams(location.search);
  const [id, text] = [asked.get("item") || undefined, asked.get("text") || undefined];
  return id || text ? { id, text } : { start: true };
}

function addressOf({ id, text, picture }) {
  const asked = Object.entries({ item: id, text }).filter(([, value]) => value !== undefined);
  return asked.length && !picture ? `?${new URLSearchParams(asked)}` : location.pathname;
}

function remember(step, address) {
  const key = `${performance.timeOrigin}/${count++}`;
  visits.set(key, current);
  history[step]({ visit: key }, "", address);
}

function open(view) {
  current.scroll = scrollY;
  current.left = document.activeElement?.dataset.id;
  current = { view, scroll: 0 };
  remember("pushState", addressOf(view));
  scrollTo(0, 0);
  find("#heading").focus({ preventScroll: true });
  show();
}

function failed(error, visit, signal, again) {
  if (signal.aborted || visit !== current) return;
  if (!(error instanceof Problem)) throw error;
  if (error.slug === "not-ready") { begin(); return; }
  tell(error, ["offline", "store-unavailable"].includes(error.slug) ? again : undefined);
}

async function show() {
  if (!ready) { drawQuery(current.view); return; }
  notice.hidden = true;
  const visit = current;
  drawQuery(visit.view);
  if (visit.view.start) { await showSamples(visit); return; }
  if (visit.view.id !== undefined && !visit.view.item?.views) {
    call(itemPath(visit.view.id)).then((item) => {
      visit.view.item = item;
      if (visit === current) drawQuery(visit.view);
    }, () => {});  // an unknown item is told by the search
  }
  await Promise.all([search(), predict()]);
}

async function showSamples(visit) {
  searching.abort();
  predicting.abort();
  find("#facts").textContent = "";
  visit.samples ??= (await Promise.allSettled((service.samples ?? []).map((id) => call(itemPath(id)))))
    .filter((one) => one.status === "fulfilled").map((one) => one.value);
  if (visit !== current) return;
  drawItems(visit.samples);
  find("#toolbar").hidden = !visit.samples.length;
  if (service.items !== undefined) {
    find("#facts").textContent = `${service.items.toLocaleString("en")} items in the catalogue, ${service.views.toLocaleString("en")} ${asks().image ? "pictures of them" : "passages of text"}`;
  }
}

function comeBack(visit) {
  if (visit !== current) return;
  scrollTo(0, visit.scroll);
  if (visit.left) [...grid.querySelectorAll(".item")].find((link) => link.dataset.id === visit.left)?.focus({ preventScroll: true });
}

async function search() {
  const visit = current;
  if (visit.view.start) return;
  searching.abort();
  searching = new AbortController();
  const { signal } = searching;
  notice.hidden = true;
  find("#toolbar").hidden = false;
  const asked = [find("#k").value, filterParameter(), visit.view.shift, regionParameter(visit.view), visit.view.text].join(" ");
  if (visit.found?.asked === asked) { drawAnswer(visit.found.answer); return; }
  grid.ariaBusy = "true";
  if (!visit.found) { grid.replaceChildren(); find("#facts").textContent = "Looking …"; find("#nothing").hidden = true; }
  try {
    const answer = await searchFor(visit.view, signal);
    if (signal.aborted) return;
    visit.found = { asked, answer };
    drawAnswer(answer);
  } catch (error) {
    if (!signal.aborted) {
      visit.found = undefined;
      grid.replaceChildren();
      grid.ariaBusy = "false";
      find("#toolbar").hidden = true;
      find("#facts").textContent = "";
    }
    failed(error, visit, signal, show);
  }
}

async function predict() {
  const visit = current;
  if (!predictable(visit.view)) return;
  predicting.abort();
  predicting = new AbortController();
  const { signal } = predicting;
  const method = find("#method :checked").value || undefined;
  if (visit.predicted && visit.predicted.method === method) { drawPredictions(visit.predicted); return; }
  if (!visit.predicted) find("#attributes").replaceChildren();
  try {
    const { predictions } = await predictFor(visit.view, method, signal);
    if (signal.aborted) return;
    visit.predicted = { method, predictions };
    drawPredictions(visit.predicted);
  } catch (error) {
    if (!signal.aborted) find("#predictions").hidden = true;
    failed(error, visit, signal, show);
  }
}

async function take(file) {
  if (!asks().image) {
    tell(new Problem("This catalogue has no pictures", "It is asked by words, or by one of its items."));
    return;
  }
  if (!file) {
    tell(new Problem("That was not a file", "Drop a picture file, choose one, or copy a picture and paste it here."));
    return;
  }
  try {
    const picture = await shrink(file);
    open({ picture, file, address: URL.createObjectURL(picture), name: file.name || "A picture from the clipboard" });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(error);
  }
}

async function begin() {
  ready = false;
  try {
    service = await call("v1/health");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.slug !== "not-ready") { tell(error, begin); return; }
    if (notice.dataset.waiting !== "yes") {
      tell(new Problem("The first build is running", "Every picture of the catalogue passes through the encoder once. This page goes on by itself as soon as that is done."));
      notice.dataset.waiting = "yes";
    }
    setTimeout(begin, LOOK_AGAIN);
    return;
  }
  delete notice.dataset.waiting;
  ready = true;
  drawFilters(service.fields);
  drawShifts(service.attributes);
  find("#narrow").open = matchMedia("(min-width: 800px)").matches;
  await show();
}

// --- hands -----------------------------------------------------------------------------------------------------------

for (const input of [find("#file"), find("#camera")]) {
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = "";
  });
}

addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files[0]);
});

addEventListener("paste", (event) => {
  const file = event.clipboardData.files[0];
  if (file) take(file);
});

const pasteButton = find("#paste");
pasteButton.hidden = !navigator.clipboard?.read;
pasteButton.addEventListener("click", async () => {
  const nothing = new Problem("No picture to paste", "Copy a picture first, and let this page read the clipboard when the browser asks.");
  try {
    for (const entry of await navigator.clipboard.read()) {
      const type = entry.types.find((one) => one.startsWith("image/"));
      if (type) { await take(await entry.getType(type)); return; }
    }
    tell(nothing);
  } catch {
    tell(nothing);
  }
});

let settling;
const soon = () => { clearTimeout(settling); settling = setTimeout(search, SETTLE); };
filters.addEventListener("input", soon);
filters.addEventListener("reset", soon);
filters.addEventListener("submit", (event) => event.preventDefault());
find("[data-clear]").addEventListener("click", () => filters.reset());
find("#k").addEventListener("change", search);
find("#shift").addEventListener("change", () => {
  current.view.shift = find("#shift").value || undefined;
  drawQuery(current.view);
  search();
});
find("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = find("#text").value.trim() || undefined;
  const { id, item, picture, file, address, name, region } = current.view;
  const beside = !find("#beside").hidden && find("#beside input").checked;
  if (beside) open({ id, item, picture, file, address, name, region, text });
  else if (text) open({ text });
  else find("#text").focus();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key === "/" && !typing && !find("#ask").hidden && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    find("#text").select();
    find("#text").focus();
  }
});
find("#method").addEventListener("change", predict);
find("#home").addEventListener("click", (event) => { event.preventDefault(); open({ start: true }); });

addEventListener("popstate", (event) => {
  current.scroll = scrollY;
  current = visits.get(event.state?.visit) ?? { view: viewOfAddress(), scroll: 0 };
  const visit = current;
  show().then(() => comeBack(visit));
});

history.scrollRestoration = "manual";
remember("replaceState", location.href);
drawQuery(current.view);
begin();
