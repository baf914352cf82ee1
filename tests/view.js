// What a page shows at its present width and theme that breaks a rule of the book: {rule: [what breaks it]}.
() => {
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length;
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  const named = (e) => (e.outerHTML.match(/<[^>]*>/)[0] + e.textContent).replace(/\s+/g, " ").slice(0, 120);
  const scrolls = (e) => e && (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const unique = (found) => [...new Set(found)];

  // colours as the browser computes them, [red, green, blue, alpha], one over another
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = new Map();
  const rgba = (text) => {
    if (!seen.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      seen.set(text, [r, g, b, a / 255]);
    }
    return seen.get(text);
  };
  const over = ([r, g, b, a], under) => [...[r, g, b].map((c, i) => a * c + (1 - a) * under[i]), 1];
  const behind = (e) => {
    if (!e) return [255, 255, 255, 1];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(e.parentElement));
  };
  const light = (rgb) =>
    rgb.slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const holders = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (walker.currentNode.data.trim()) holders.add(walker.currentNode.parentElement);
  const texts = [...holders].filter((e) => !e.closest("script, style, mjx-container, .math") && shown(e));
  const size = (e) => parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM?.().a ?? 1);
  const faint = (e) => {
    const style = getComputedStyle(e), under = behind(e);
    return contrast(over(rgba(e.closest("svg") ? style.fill : style.color), under), under) < 4.495;
  };

  const controls = all("a[href], button, input, select, textarea, summary, [role=button], [onclick]");
  const name = (e) =>
    e.ariaLabel || e.title || e.innerText?.trim() || [...(e.labels ?? [])].map((l) => l.innerText).join("") ||
    e.placeholder || [...e.querySelectorAll("img")].map((i) => i.alt).join("") || e.getAttribute("aria-labelledby");
  const edges = (e) => e.getBoundingClientRect();

  return {
    "the page scrolls sideways": document.scrollingElement.scrollWidth > innerWidth ? [innerWidth] : [],
    "it lies beyond the right edge": all("main *")
      .filter((e) => edges(e).right > innerWidth + 1 && !scrolls(e) && !e.closest("svg")).map(named),
    "text is under 10 px": unique(texts.filter((e) => size(e) < 9.99).map(named)),
    "text has a contrast under 4.5": unique(texts.filter(faint).map(named)),
    "a control is under 10 px": controls.filter((e) => Math.min(edges(e).width, edges(e).height) < 9.99).map(named),
    "a control has no name": controls.filter((e) => !name(e)).map(named),
    "a control cannot be reached by keyboard": controls.filter((e) => e.tabIndex < 0).map(named),
    "a figure is filtered or on a slab": all("main img").filter((e) => {
      const style = getComputedStyle(e);
      return style.filter !== "none" || rgba(style.backgroundColor)[3] > 0;
    }).map(named),
  };
}
