// Bundles every script and style sheet at the top of src/ into dist/, and copies the pages.
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { build } from "esbuild";

const source = new URL("src/", import.meta.url);
const target = new URL("dist/", import.meta.url);
const names = await readdir(source);
const entries = names.filter((name) => /\.(ts|js|css)$/.test(name));

await build({
  entryPoints: entries.map((name) => new URL(name, source).pathname),
  outdir: target.pathname,
  bundle: true,
  minify: true,
  format: "esm",
  // What every browser of the last three years understands.
  target: ["chrome110", "firefox110", "safari16.4"],
  charset: "utf8",
  // Pictures lie beside the style sheet that names them.
  external: ["*.svg", "*.png"],
  legalComments: "none",
  logLevel: "info",
});
await mkdir(target, { recursive: true });
for (const name of names.filter((name) => /\.(html|svg|png|ico)$/.test(name))) {
  await copyFile(new URL(name, source), new URL(name, target));
}
