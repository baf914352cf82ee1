// The gallery: one image, its maps by two networks, and what each sees while cells are inserted and deleted.
(() => {
  const { fixed, escaped, slider, tell, curves } = window.players;
  const root = document.getElementById("gallery-player");
  if (!root?.querySelector("script")) return;
  const data = JSON.parse(root.querySelector("script").textContent), find = (selector) => root.querySelector(selector);
  const name = (c) => escaped(data.classes[c]);
  const chosen = () => data.explainers[find("[type=radio]:checked").value];

  // An image with a square over each cell, in a colour and as opaque as said.
  const view = (side, image, colour, opacity, words) => {
    const squares = Array.from({ length: side * side }, (_, q) => `<rect x="${q % side}" y="${Math.floor(q / side)}"
      width="1.02" height="1.02" fill="${colour}" opacity="${opacity(q)}"/>`);
    const whole = `width="${side}" height="${side}"`, below = image ? `<image href="${image}" ${whole}/>` : `<rect fill="#ffffff" ${whole}/>`;
    return `<div><svg viewBox="0 0 ${side} ${side}" role="img" aria-label="${words}">${below}${squares.join("")}</svg>
      <p class="key">${words}</p></div>`;
  };
  const panel = (side, n, s) => ([method, model]) => {
    const phi = model.phi[n], most = Math.max(...phi), image = data.images[n];
    const order = phi.map((_, q) => q).sort((p, q) => phi[q] - phi[p] || p - q), first = new Set(order.slice(0, s));
    const dark = (q) => (0.85 * (1 - (most > 0 ? Math.max(0, phi[q]) / most : 0))).toFixed(3);
    const map = view(side, image, "#000000", dark, most > 0 ? "map" : "map, nothing above 0");
    const shown = view(side, image, data.background, (q) => +!first.has(q), "inserted");
    const hidden = view(side, image, data.background, (q) => +first.has(q), "deleted");
    return `<figure><figcaption><b>${method}</b> says <b>${name(model.y[n])}</b>, with probability
      ${fixed(model.deleted[n][0])}.</figcaption><div class="views">${map}${shown}${hidden}</div>
      ${curves(model.inserted[n], model.deleted[n], s)}</figure>`;
  };
  const draw = () => {
    const { side, models } = chosen(), cells = side * side;
    find(".s").max = cells;
    const n = +find(".image").value, s = +find(".s").value;
    tell(root, "image", `${n + 1} of ${data.y.length}, in truth ${data.classes[data.y[n]]}`);
    tell(root, "s", `${s} of ${cells}`);
    find(".panels").innerHTML = Object.entries(models).map(panel(side, n, s)).join("");
  };
  const radios = Object.keys(data.explainers).map((name, i) => `<label><input type="radio" name="gallery-explainer" value="${escaped(name)}"
    ${i ? "" : "checked"}> ${escaped(name)}</label>`);
  root.innerHTML = `<div class="controls"><fieldset><legend>Explained by</legend>${radios.join("")}</fieldset>
    ${slider("image", "Test image")}${slider("s", "s, cells inserted or deleted", 0, 8)}</div>
    <div class="panels"></div>`;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Images, their maps and curves");
  find(".image").max = data.y.length - 1;
  root.addEventListener("input", draw);
  draw();
})();
