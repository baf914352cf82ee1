// What the players of this book share: words, a slider with its value, and insertion and deletion curves.
window.players = (() => {
  const minus = (text) => text.replace("-", "\u2212").replace(/^\u2212(0\.0*)$/, "$1");
  const fixed = (v, digits = 2) => minus(v.toFixed(digits));
  const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const slider = (name, label, min = 0, value = min) => `<label>${label}: <output></output>
    <input class="${name}" aria-label="${label}" type="range" min="${min}" value="${value}" step="1"></label>`;
  const tell = (root, name, words) => {  // what a slider stands at, for eyes and for screen readers
    const input = root.querySelector(`input.${name}`);
    input.setAttribute("aria-valuetext", words);
    input.parentElement.querySelector("output").textContent = words;
  };

  // Two curves over s = 0 ... n, faint as a whole and strong up to the s at hand, with their means so far (ID-1, ID-2).
  const W = 300, H = 150, left = 30, right = 292, bottom = 126, top = 10;
  const curves = (inserted, deleted, s) => {
    const n = inserted.length - 1, x = (k) => left + k * (right - left) / n, y = (v) => bottom - (bottom - top) * v;
    const path = (values) => "M" + values.map((v, k) => `${x(k).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    const curve = (values, kind) => `<path class="${kind} faint" d="${path(values)}"/><path class="${kind} so-far"
      d="${path(values.slice(0, s + 1))}"/><circle class="${kind}" cx="${x(s)}" cy="${y(values[s])}" r="4"/>`;
    const tick = (v, text) => `<text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${text}</text>`;
    const mean = (values) => fixed(values.slice(1, s + 1).reduce((a, b) => a + b, 0) / s);
    return `<svg class="curves" viewBox="0 0 ${W} ${H}" role="img"
      aria-label="Probability of the class while s grows: ${fixed(inserted[s])} inserted, ${fixed(deleted[s])} deleted">
      <path class="axis" d="M${left} ${top}V${bottom}H${right}M${left} ${y(0.5)}H${right}M${left} ${top}H${right}M${x(s)} ${top}V${bottom}"/>
      ${tick(1, "1")}${tick(0.5, "&#189;")}${tick(0, "0")}<text x="${right}" y="${H - 8}" text-anchor="end">s = ${n}</text>
      ${curve(inserted, "in")}${curve(deleted, "out")}</svg>
      <p class="key scores"><span class="swatch in"></span> inserted ${fixed(inserted[s])}
      <span class="swatch out"></span> deleted ${fixed(deleted[s])}<br>
      ${s ? `Up to here: Ins ${mean(inserted)}, Del ${mean(deleted)}.` : "Nothing is inserted or deleted yet."}</p>`;
  };
  return { fixed, escaped, slider, tell, curves };
})();
