"use strict";

const LONGEST_SIDE = 1024;         // pixels; the encoder looks at a quarter of that
const SEND_AS_IT_IS = 1_000_000;   // bytes
const BODY_LIMIT = 4_400_000;      // bytes of a picture that a request can carry
const LOOK_AGAIN = 3000;           // ms between two looks at a service that is not ready
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

function searchFor(view, signal) {
  const parameters = { k: find("#k").value, filter: filterParameter() };
  return view.id === undefined
    ? post("v1/search", parameters, view.picture, pictureType(view.picture), signal)
    : call(`${itemPath(view.id)}/similar`, parameters, { signal });
}

function predictFor(view, method, signal) {
  return view.id === undefined
    ? post("v1/predict", { method }, view.picture, pictureType(view.picture), signal)
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

async function shrink(file) {
  const picture = await decode(file);
  if (!picture) {
    if (file.size <= BODY_LIMIT) return file;
    const size = (file.size / 1e6).toFixed(1);
    throw new Problem("Too large to send", `This browser cannot read ${file.name || "the file"} (${size} MB) to make it smaller, and at most ` +
      `${BODY_LIMIT / 1e6} MB can be sent as it is. Save it as a JPEG and try again.`);
  }
  const longest = Math.max(picture.width, picture.height);
  const plain = ["image/jpeg", "image/png", "image/webp"].includes(file.type);
  if (plain && longest <= LONGEST_SIDE && file.size <= SEND_AS_IT_IS) return file;
  const scale = Math.min(1, LONGEST_SIDE / longest);
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

function card(item, place) {
  const name = nameOf(item);
  const parts = telling(item.fields);
  const price = parts.filter((field) => /price/i.test(field));
  const image = make("img", { alt: item.view ? `${name} (${item.view})` : name, loading: place < 12 ? "eager" : "lazy", decoding: "async" });
  image.src = within(item.image);
  const text = make("div", { className: "words" }, make("span", { className: "title" }, name));
  if (price.length) text.append(make("span", {}, words(price[0], item.fields[price[0]])));
  const rest = parts.filter((field) => field !== price[0]).map((field) => withSwatch(field, item.fields[field]));
  if (rest.length) text.append(make("span", { className: "soft" }, ...rest.flatMap((part, n) => (n ? [" · ", part] : [part]))));
  if (item.score !== undefined) text.append(scoreLine(make("span", {}, "similarity"), item.score));
  const link = make("a", { className: "item", href: `?item=${encodeURIComponent(item.id)}` }, image, text);
  link.dataset.id = item.id;
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open({ id: item.id, item });
  });
  return make("li", {}, link);
}

function drawItems(items) {
  grid.replaceChildren(...items.map(card));
  grid.ariaBusy = "false";
  find("#nothing").hidden = items.length > 0 || current.view.start;
}

function drawAnswer(answer) {
  drawItems(answer.items);
  const { plan = {}, took_ms: took = {} } = answer;
  const count = (value) => Number(value).toLocaleString("en");
  find("#facts").textContent = [
    `path ${plan.path}${plan.exact ? ", exact" : ""}`, `matching ${count(plan.matching)}`, `scanned ${count(plan.scanned)}`,
    ...Object.entries(took).map(([step, ms]) => `${step} ${Number(ms).toFixed(1)} ms`),
  ].join(" · ");
  find("#status").textContent = `${answer.items.length} items`;
}

function drawPredictions({ predictions }) {
  const one = ([field, { value, score, abstained, alternatives = [] }]) => {
    const [best, ...others] = abstained ? alternatives : [{ value, score }, ...alternatives];
    const text = abstained ? make("span", {}, "perhaps ", withSwatch(field, best.value)) : withSwatch(field, best.value);
    return make("div", {}, make("dt", {}, label(field)), make("dd", {}, scoreLine(text, best.score ?? 0, "first"),
      ...others.slice(0, 3).map((other) => scoreLine(withSwatch(field, other.value), other.score))));
  };
  find("#attributes").replaceChildren(...Object.entries(predictions).map(one));
}

function drawQuery({ start, id, item, address, name }) {
  document.body.classList.toggle("start", Boolean(start));
  find("#toolbar").hidden = Boolean(start) || !ready;
  for (const section of ["#narrow", "#amount", "#predictions"]) find(section).hidden = Boolean(start);
  find("#predictions").hidden ||= !Object.keys(service.attributes ?? {}).length;
  find("#narrow").hidden ||= !filters.childElementCount;
  find(".invitation").textContent = start ? (byHand ? "Take or choose a picture" : "Drop a picture here") : "Another picture?";
  query.hidden = Boolean(start);
  const title = start ? "Or begin with one of these" : id === undefined ? "Nearest to your picture" : `Similar to ${item ? nameOf(item) : id}`;
  find("#heading").textContent = title;
  document.title = start ? "tonari 隣" : `${title} · tonari 隣`;
  if (start) return;
  const image = query.querySelector("img");
  image.hidden = false;
  image.onerror = () => { image.hidden = true; };
  image.src = id === undefined ? address : item ? within(item.image) : `${base}${itemPath(id)}/image`;
  image.alt = id === undefined ? "Your picture" : item ? nameOf(item) : id;
  query.querySelector("figcaption").textContent = id === undefined ? name : item ? nameOf(item) : id;
  const known = Object.entries(item?.fields ?? {}).filter(([field, value]) => field !== "name" && value !== null && value !== "");
  find("#known").replaceChildren(...known.flatMap(([field, value]) =>
    [make("dt", {}, label(field)), make("dd", {}, withSwatch(field, value))]));
  const views = (item?.views ?? []).length > 1 ? item.views.slice(0, 10) : [];
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
  const id = new URLSearchParams(location.search).get("item");
  return id ? { id } : { start: true };
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
  remember("pushState", view.id === undefined ? location.pathname : `?item=${encodeURIComponent(view.id)}`);
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
    find("#facts").textContent = `${service.items.toLocaleString("en")} items in the catalogue, ${service.views.toLocaleString("en")} pictures of them`;
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
  const asked = `${find("#k").value} ${filterParameter()}`;
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
  if (visit.view.start || !Object.keys(service.attributes ?? {}).length) return;
  predicting.abort();
  predicting = new AbortController();
  const { signal } = predicting;
  const method = find("#method :checked").value;
  if (visit.predicted?.method === method) { drawPredictions(visit.predicted); return; }
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
  if (!file) {
    tell(new Problem("That was not a file", "Drop a picture file, choose one, or copy a picture and paste it here."));
    return;
  }
  try {
    const picture = await shrink(file);
    open({ picture, address: URL.createObjectURL(picture), name: file.name || "A picture from the clipboard" });
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
