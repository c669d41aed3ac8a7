"""Makes the README's picture of the report of `make demo`. Needs Chromium and Pillow.

    make demo ARGS=--seed=0
    python docs/demo_picture.py build/demo/report.html docs/images/demo.webp

The picture shows a few sections of the report, as a browser renders them on a light screen.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image

KEPT = ["Training", "Classified patches"]  # headlines of the sections to show
WIDTH, HEIGHT = 1120, 1056  # size of the window in pixels
SCRIPT = """<script>
for (const headline of document.querySelectorAll("h2")) {
  if (KEPT.includes(headline.textContent)) continue;
  while (headline.nextElementSibling && headline.nextElementSibling.tagName !== "H2")
    headline.nextElementSibling.remove();
  headline.remove();
}
for (const words of document.querySelectorAll("h2 + p")) words.remove();
</script>
"""


def main(report, out):
    text = pathlib.Path(report).read_text(encoding="utf-8")
    browser = (
        shutil.which("chromium") or shutil.which("chromium-browser") or sys.exit("no Chromium")
    )
    with tempfile.TemporaryDirectory() as folder:
        page, shot = (pathlib.Path(folder, name) for name in ("page.html", "shot.png"))
        page.write_text(text + SCRIPT.replace("KEPT", str(KEPT)), encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/user",
        ]
        flags += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}"]
        subprocess.run([browser, *flags, str(page)], check=True, capture_output=True, timeout=120)
        Image.open(shot).convert("RGB").save(out, quality=80, method=6)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
