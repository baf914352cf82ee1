// Gate and soft mask side by side: one slider for each knob of softness. Data come from the notebook.
(() => {
  const root = document.getElementById("choice-player");
  if (!root) return;
  const data = JSON.parse(root.dataset.player);
  const W = 300, H = 170, left = 34, bottom = 140, top = 12;
  const x = (u) => left + ((u - data.u[0]) / (data.u.at(-1) - data.u[0])) * (W - left - 6);
  const y = (v) => bottom - (bottom - top) * v;
  const line = (values) => "M" + values.map((v, i) => `${x(data.u[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
  const panel = (kind, caption, name) => `
    <figure>
      <figcaption>${caption}</figcaption>
      <svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${caption}: how much is chosen, and its slope">
        <path class="axis" d="M${left} ${top}V${bottom}H${W - 6}M${left} ${y(0.5)}h${W - left - 6}M${left} ${top}h${W - left - 6}"/>
        <text x="${left - 6}" y="${top + 4}" text-anchor="end">1</text>
        <text x="${left - 6}" y="${y(0.5) + 4}" text-anchor="end">&#189;</text>
        <text x="${left - 6}" y="${bottom + 4}" text-anchor="end">0</text>
        <path class="step" d="M${left} ${y(0)}H${x(0)}V${y(1)}H${W - 6}"/>
        <path class="slope"/><path class="curve ${kind}"/>
        <text x="${x(0)}" y="${bottom + 18}" text-anchor="middle">0</text>
        <text x="${x(1)}" y="${bottom + 18}" text-anchor="middle">1</text>
        <text x="${W - 8}" y="${bottom + 18}" text-anchor="end">${name}</text>
      </svg>
      <label for="choice-${kind}">${kind === "gate" ? "Spread of the noise" : "Temperature"}: <output></output></label>
      <input id="choice-${kind}" type="range" min="0" step="1">
      <p class="says" aria-live="polite"></p>
    </figure>`;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Two knobs of softness");
  root.className = "player";
  root.innerHTML = `<div class="panels">${panel("gate", "Gate, mean over draws", "\u03bc") + panel("soft", "Soft mask", "\u03d5 \u2212 t")}</div>`;
  const share = (v) => `${Math.round(100 * v)}%`;
  const panels = {
    gate: {
      levels: data.sigmas, start: data.sigmas.indexOf(0.5), symbol: "\u03c3",
      says: (k) => {
        const [shut, half, open] = data.shut[k].map(share);
        return `Exactly 0 in ${shut} of draws at centre \u2212\u00bc, in ${half} at \u00bd, in ${open} at 1\u00bc.`;
      },
    },
    soft: {
      levels: data.temperatures, start: data.temperatures.indexOf(4), symbol: "T",
      says: (k) => `Never exactly 0: ${data.soft[k][0][data.u.indexOf(-0.5)].toFixed(3)} is let in half a unit below.`,
    },
  };
  root.querySelectorAll("figure").forEach((figure, i) => {
    const kind = ["gate", "soft"][i], { levels, start, symbol, says } = panels[kind];
    const slider = figure.querySelector("input"), find = (name) => figure.querySelector(name);
    const draw = () => {
      const k = +slider.value, words = `${symbol} = ${levels[k]}`;
      find(".curve").setAttribute("d", line(data[kind][k][0]));
      find(".slope").setAttribute("d", line(data[kind][k][1]));
      find("output").textContent = words;
      find(".says").textContent = says(k);
      slider.setAttribute("aria-valuetext", words);
    };
    slider.max = levels.length - 1;
    slider.value = start;
    slider.oninput = draw;
    draw();
  });
})();
