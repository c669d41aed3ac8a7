// What is wrong with the page that is open, as a list of words; `scheme` is "light" or "dark".
(scheme) => {
  const faults = [];
  const name = (element) =>
    `${element.tagName.toLowerCase()}.${element.className} "${element.textContent.trim().slice(0, 40)}"`;

  const numbers = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const luminance = (color) =>
    numbers(color).slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      const [, , , alpha = 1] = numbers(color);
      if (alpha > 0.99) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element) => {
    const [one, other] = [getComputedStyle(element).color, ground(element)].map(luminance);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };

  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) faults.push(`the page is ${page.scrollWidth} wide`);
  if ((luminance(ground(document.body)) < 0.2) !== (scheme === "dark"))
    faults.push(`its ground is not ${scheme}`);

  const framed = (element) => {
    for (; element !== document.body; element = element.parentElement)
      if (/auto|scroll/.test(getComputedStyle(element).overflowX)) return true;
    return false;
  };
  for (const element of document.querySelectorAll("article *, footer *, .sidebar-tree *")) {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === "hidden") continue;
    const inMain = element.closest("article, footer");
    if (inMain && box.right > innerWidth + 1 && !framed(element))
      faults.push(`beyond the edge: ${name(element)}`);
    const cuts = (overflow, inside, outside) =>
      /hidden|clip/.test(overflow) && inside > outside + 1 && element.textContent.trim();
    if (cuts(style.overflowX, element.scrollWidth, element.clientWidth))
      faults.push(`cut text: ${name(element)}`);
    if (cuts(style.overflowY, element.scrollHeight, element.clientHeight))
      faults.push(`cut text: ${name(element)}`);
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (inMain && hasText && !element.closest(".highlight, .headerlink") && contrast(element) < 4.5)
      faults.push(`contrast ${contrast(element).toFixed(1)}: ${name(element)}`);
  }
  for (const image of document.images)
    if (!image.complete || !image.naturalWidth) faults.push(`no picture: ${image.src}`);
  return faults;
}
