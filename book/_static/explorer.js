// Two players: why a network says so, by training examples (FE) and by features (ID). Each finds its data inside it.
(() => {
  const { fixed, escaped, slider, tell, curves } = window.players;
  const largest = (values) => values.indexOf(Math.max(...values));
  const signed = (v, most) => {  // a bar from the middle, to the right above 0 and to the left below
    const w = most ? 50 * Math.abs(v) / most : 0;
    return `<span class="signed" aria-hidden="true"><i class="${v < 0 ? "minus" : "plus"}"
      style="left:${v < 0 ? 50 - w : 50}%;width:${w}%"></i></span>`;
  };

  // What both share: a data set and a test row. `draw` is told of every change.
  const setUp = (root, controls, { fit, draw }) => {
    const data = JSON.parse(root.querySelector("script").textContent), find = (name) => root.querySelector(name);
    const options = Object.keys(data).map((name) => `<option value="${name}">${escaped(data[name].title)}</option>`);
    root.innerHTML = `<div class="controls"><label>Data set: <select class="data">${options.join("")}</select></label>
      ${slider("case", "Test row")}${controls}</div><p class="says" aria-live="polite"></p><div class="panels"></div>`;
    root.setAttribute("role", "group");
    const own = () => data[find(".data").value];
    const redraw = () => {
      const set = own(), row = +find(".case").value;
      tell(root, "case", `number ${set.row[row]}, in truth ${set.classes[set.y[row]]}`);
      draw(set, row, find);
    };
    const choose = () => {
      find(".case").max = own().row.length - 1;
      find(".case").value = 0;
      fit(own(), find);
    };
    root.addEventListener("input", (event) => {
      if (event.target.matches(".data")) choose();
      redraw();
    });
    choose();
    redraw();
    return { own, find, redraw };
  };

  // --- FE: h of the U first entries is the softmax of what they contribute to each class ---------------------------

  const softmax = (scores) => {
    const most = Math.max(...scores), powers = scores.map((v) => Math.exp(v - most));
    return powers.map((v) => v / powers.reduce((a, b) => a + b));
  };
  const explained = (set, model, row, U) => {
    const g = model.g[row], scores = set.classes.map(() => 0), parts = model.a.map((a, i) => a * model.k[row][i]);
    parts.slice(0, U).forEach((part, i) => { scores[model.c[i]] += part; });
    const h = U > parts.length ? model.all[row] : softmax(scores);
    const tied = h.filter((v) => v === Math.max(...h)).length > 1;
    return { g, h, parts: parts.slice(0, U), tied, faithful: !tied && largest(g) === largest(h) };
  };
  const strip = (z) => `<svg class="strip" viewBox="0 0 ${z.length} 1" preserveAspectRatio="none" aria-hidden="true">${z.map((v, q) =>
    `<rect class="${v < 0 ? "in" : "out"}" x="${q}" width="1" height="1" opacity="${Math.min(1, Math.abs(v) / 20)}"/>`).join("")}</svg>`;
  const LINES = 12;  // of the table of entries
  const outputs = (set, row, g, h) => {
    const bar = (v, kind) => `<td class="number">${fixed(v)}</td>
      <td class="wide" aria-hidden="true"><i class="bar ${kind}" style="width:${100 * v}%"></i></td>`;
    const lines = set.classes.map((name, c) => `<tr><td>${escaped(name)}</td>${bar(g[c], "in")}${bar(h[c], "out")}</tr>`);
    return `<div><table class="outputs"><caption>What is said, as probabilities</caption>
      <thead><tr><th>class</th><th colspan="2">g</th><th colspan="2">h</th></tr></thead><tbody>${lines.join("")}</tbody></table>
      <p class="key">The row itself, feature by feature: ${strip(set.z[row])}</p></div>`;
  };
  const entries = (set, model, row, parts) => {
    const name = (c) => escaped(set.classes[c]), most = Math.max(...parts.map(Math.abs));
    const lines = parts.slice(0, LINES).map((part, i) => `<tr><td>${name(model.is[i])} ${model.n[i]}${strip(model.z[i])}</td>
      <td>${name(model.c[i])}</td><td class="number">${fixed(model.a[i])}</td><td class="number">${fixed(model.k[row][i])}</td>
      <td class="number">${fixed(part)}</td><td class="wide">${signed(part, most)}</td></tr>`);
    const rest = set.classes.map(() => 0);
    parts.slice(LINES).forEach((part, i) => { rest[model.c[LINES + i]] += part; });
    const more = parts.length > LINES ? `<p class="key">${parts.length - LINES} more of these entries add
      ${rest.map((v, c) => `${fixed(v)} to ${name(c)}`).join(", ")}.</p>` : "";
    return `<div class="scroll" tabindex="0" role="region" aria-label="The examples behind h"><table class="entries">
      <caption>Why: the examples behind h, with influence \u03b1, similarity k and contribution \u03b1 k</caption>
      <thead><tr><th>example</th><th>for</th><th>\u03b1</th><th>k</th><th colspan="2">\u03b1 k</th></tr></thead><tbody>${lines.join("")}</tbody></table>${more}</div>`;
  };
  const examples = (root) => {
    const words = { Ours: "to be explained (Ours)", Pretrain: "for its predictions alone (Pretrain)" };
    const radios = Object.entries(words).map(([name, text], i) => `<label><input type="radio" name="explorer-model"
      value="${name}" ${i ? "" : "checked"}> ${text}</label>`);
    const controls = `${slider("U", "U, entries of the explanation", 1, 10)}
      <fieldset><legend>g was trained</legend>${radios.join("")}</fieldset>
      <button type="button">Next row that is not faithful</button>`;
    const model = (set) => set.models[root.querySelector("[type=radio]:checked").value];
    const { own, find, redraw } = setUp(root, controls, {
      fit: (set, find) => { find(".U").max = model(set).a.length + 1; },  // the last place: all of them
      draw: (set, row, find) => {
        const its = model(set), U = +find(".U").value, { g, h, parts, tied, faithful } = explained(set, its, row, U);
        const name = (values) => `<b>${escaped(set.classes[largest(values)])}</b>`;
        tell(root, "U", U > its.a.length ? `all ${its.entries}, the first ${its.a.length} shown` : `${U}`);
        find(".says").innerHTML = `<b>${faithful ? "Faithful" : "Not faithful"}.</b> g says ${name(g)},
          h ${tied ? "names no class, because several tie" : `says ${name(h)}`}.`;
        find(".panels").innerHTML = outputs(set, row, g, h) + entries(set, its, row, parts);
      },
    });
    root.setAttribute("aria-label", "The examples behind a prediction");
    root.querySelector("button").onclick = () => {
      const set = own(), its = model(set), U = +find(".U").value, now = +find(".case").value, rows = set.row.length;
      const next = set.row.map((_, i) => (now + 1 + i) % rows).find((row) => !explained(set, its, row, U).faithful);
      if (next === undefined) find(".says").textContent = "Every row is faithful at this U.";
      else {
        find(".case").value = next;
        redraw();
      }
    };
  };

  // --- ID: the s features of largest contribution are shown to the network, or hidden from it ----------------------

  const panel = (set, row, s, most) => ([method, model]) => {
    const phi = model.phi[row], order = phi.map((_, q) => q).sort((p, q) => phi[q] - phi[p] || p - q);
    const lines = order.map((q, k) => `<tr class="${k < s ? "chosen" : ""}">
      <td>${k < s ? "\u25cf" : "\u25cb"} ${escaped(set.features[q])}</td><td class="number">${fixed(set.z[row][q] / 10, 1)}</td>
      <td class="number">${fixed(phi[q])}</td><td class="wide">${signed(phi[q], most)}</td></tr>`);
    return `<figure><figcaption><b>${method}</b> says <b>${escaped(set.classes[model.y[row]])}</b>, with probability
      ${fixed(model.deleted[row][0])}.</figcaption>${curves(model.inserted[row], model.deleted[row], s)}
      <table class="features"><thead><tr><th>feature</th><th>value</th><th colspan="2">contribution</th></tr></thead>
      <tbody>${lines.join("")}</tbody></table></figure>`;
  };
  const features = (root) => {
    setUp(root, slider("s", "s, features inserted or deleted"), {
      fit: (set, find) => { find(".s").max = set.features.length; },
      draw: (set, row, find) => {
        const s = +find(".s").value, models = Object.entries(set.models);
        const most = Math.max(...models.flatMap(([, model]) => model.phi[row].map(Math.abs)));
        tell(root, "s", `${s} of ${set.features.length}`);
        find(".says").textContent = s ? "\u25cf marks what is inserted on one curve and deleted on the other."
          : "Move s: features are inserted, and deleted, in the order of their contributions.";
        find(".panels").innerHTML = models.map(panel(set, row, s, most)).join("");
      },
    });
    root.setAttribute("aria-label", "The features behind a prediction");
  };

  for (const [name, start] of Object.entries({ examples, features })) {
    const root = document.getElementById(`explorer-${name}`);
    if (root?.querySelector("script")) start(root);  // once: the page asks for this file beside each player
  }
})();
