// The temperature from soft to hard, on one explanation: the mask beside its features, and the curves that it gives.
(() => {
  const { fixed, escaped, slider, tell } = window.players;
  const root = document.getElementById("soft-player");
  if (!root?.querySelector("script")) return;
  const data = JSON.parse(root.querySelector("script").textContent), Q = data.phi.length;
  const W = 300, left = 30, right = 296, top = 10, bottom = 136;
  const x = (k) => left + ((right - left) / Q) * k, y = (v) => bottom - (bottom - top) * v;
  const marks = [[1, "1"], [0.5, "&#189;"], [0, "0"]];
  const frame = `<path class="axis" d="M${left} ${top}V${bottom}H${right}M${left} ${y(0.5)}H${right}M${left} ${top}H${right}"/>
    ${marks.map(([v, text]) => `<text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${text}</text>`).join("")}`;
  // the mask lies on its side, so that the features' names are read as they stand
  const first = 92, row = 14, low = row * Q + 4, across = (v) => first + (right - first - 4) * v;
  const bar = (q, v, kind) => `<rect class="${kind}" x="${first}" y="${row * q + 4}" width="${across(v) - first}" height="${row - 4}"/>`;
  const names = `<path class="axis" d="M${first} 2V${low}M${across(0.5)} 2V${low}M${across(1)} 2V${low}"/>
    ${data.names.map((name, q) => `<text class="name" x="${first - 6}" y="${row * q + 13}" text-anchor="end">${escaped(name)}</text>`).join("")}
    ${marks.map(([v, text]) => `<text x="${across(v)}" y="${low + 14}" text-anchor="middle">${text}</text>`).join("")}`;
  const line = (values, kind) => `<path class="${kind}" d="M${values.map((v, k) => `${x(k + 1).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}"/>`;

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Play the temperature from soft to hard");
  root.innerHTML = `<div class="panels">
    <figure><figcaption>Mask r, features in the order of their contributions. Outlined: the hard mask.</figcaption>
      <svg class="mask" viewBox="0 0 ${W} ${low + 20}" role="img" aria-label="A bar for each feature: how much of it the mask lets in"></svg></figure>
    <figure><figcaption>Probability of the class by soft masks, <span class="swatch in"></span> inserted and
      <span class="swatch out"></span> deleted. Dashed: by hard masks.</figcaption>
      <svg class="path" viewBox="0 0 ${W} 170" role="img" aria-label="Curves with soft masks, inserted and deleted, beside hard ones"></svg></figure>
    </div><div class="controls">${slider("T", "Temperature")}${slider("s", "Features", 1)}<button type="button">Play</button></div>`;
  const find = (name) => root.querySelector(name), T = find(".T"), s = find(".s"), button = find("button");
  const draw = () => {
    const k = +T.value, n = +s.value, factor = data.factors[k];
    const r = data.phi.map((phi) => 1 / (1 + Math.exp(-data.T * factor * (phi - data.t[n - 1]))));
    find(".mask").innerHTML = r.map((v, q) => bar(q, v, "in")).join("")
      + r.slice(0, n).map((_, q) => bar(q, 1, "outline")).join("") + names;
    const [up, down] = data.soft[k], [sharp, gone] = data.hard;
    find(".path").innerHTML = `${frame}<path class="axis" d="M${x(n)} ${top}V${bottom}"/>${line(sharp, "in hard")}
      ${line(gone, "out hard")}${line(up, "in")}${line(down, "out")}
      <text x="${(left + right) / 2}" y="${bottom + 24}" text-anchor="middle">s, features inserted or deleted</text>`;
    tell(root, "T", `${factor < 10 ? factor.toPrecision(2) : Math.round(factor)} times the sample's own T`);
    tell(root, "s", `${n} of ${Q}: inserted ${fixed(up[n - 1])}, deleted ${fixed(down[n - 1])}`);
  };
  T.max = data.factors.length - 1;
  T.value = data.factors.indexOf(1);
  s.max = Q;
  s.value = data.s;
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const step = () => {
    if (+T.value >= +T.max) return stop();
    T.value = +T.value + 1;
    draw();
  };
  button.onclick = () => {
    if (timer) return stop();
    if (+T.value >= +T.max) T.value = 0;
    button.textContent = "Stop";
    timer = setInterval(step, 160);
  };
  T.oninput = () => {
    stop();
    draw();
  };
  s.oninput = draw;
  draw();
})();
