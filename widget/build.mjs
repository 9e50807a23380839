// Builds bot/web/widget.js from the sources, the style sheet and the texts; the same sources give the same bytes.
//   node build.mjs          writes bot/web/widget.js and widget.json
//   node build.mjs --check  only says whether they are up to date
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import { minify } from "terser";
import { parse } from "yaml";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const out = join(root, "bot", "web");
/** Browsers of 2021 and later, so also iPhones that end at iOS 15. */
const TARGET = ["chrome94", "firefox93", "safari15"];

/** What must be readable without the server; the other texts come from it. */
const ALONE = ("lang dir name launcher close input send you transcript waiting failed retry offline gone back contact " +
  "emergency urgent soon called").split(" ");

/** The texts as a patient reads them who is not known yet, with the numbers of all countries. */
function builtIn() {
  const { web } = parse(readFileSync(join(root, "data/channels/texts.yml"), "utf8"));
  // As maps: a JavaScript object would put a key such as "112" first.
  const numbers = parse(readFileSync(join(root, "data/clinical/numbers.yml"), "utf8"), { mapAsMap: true });
  const team = numbers.get("dial").get("team");
  const values = { ...Object.fromEntries(numbers.get("unknown")), team_number: team[0].toLowerCase() + team.slice(1) };
  const fill = (text) => text.trim().replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const texts = Object.fromEntries(ALONE.map((key) => [key, fill(web[key])]));
  const emergency = [...numbers.get("dial").get("unknown").get("emergency")].map(([label, digits]) => ({ label, tel: `tel:${digits}` }));
  return { texts, suggestions: [], contact: { team: { label: team, tel: null }, emergency, note: fill(web.note) } };
}

const css = await transform(readFileSync(join(here, "src/widget.css"), "utf8"), { loader: "css", minify: true, target: TARGET });
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const result = await build({
  entryPoints: [join(here, "src/widget.ts")],
  bundle: true,
  minify: true,
  format: "iife",
  target: TARGET,
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/*! IL-2 Companion widget ${version}, Apache-2.0 */` },
  define: { BUILT_IN: JSON.stringify(builtIn()), CSS: JSON.stringify(css.code.trim().replace(/(--[\w-]+): /g, "$1:")) },
  write: false,
});
const shorter = await minify(result.outputFiles[0].text, { ecma: 2020, compress: { passes: 3 }, format: { comments: /^!/ } });
const script = Buffer.from(shorter.code);
const facts = {
  version,
  bytes: script.length,
  gzip: gzipSync(script, { level: 9 }).length,
  integrity: `sha384-${createHash("sha384").update(script).digest("base64")}`,
};
const files = { "widget.js": script, "widget.json": Buffer.from(`${JSON.stringify(facts, null, 2)}\n`) };

if (process.argv.includes("--check")) {
  const stale = Object.entries(files).filter(([name, content]) => {
    try {
      return !readFileSync(join(out, name)).equals(content);
    } catch {
      return true;
    }
  });
  if (stale.length) {
    console.error(`bot/web/${stale.map(([name]) => name).join(", ")} is not what the sources give. Run: make widget`);
    process.exit(1);
  }
  console.log(`the widget is up to date (${facts.gzip} bytes gzip)`);
} else {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(out, name), content);
  console.log(`bot/web/widget.js: ${facts.bytes} bytes, ${facts.gzip} gzip`);
}
