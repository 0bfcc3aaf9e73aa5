// Assets compressed beforehand: https://nginx.org/en/docs/http/ngx_http_gzip_static_module.html
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file and the path at which browsers ask for it. */
export type AssetCopy = Readonly<{ url: string; path: string }>;

/** Levels above cost seconds for nothing, and this is done once. */
const GZIP_LEVEL = 9;

/**
 * Copies assets below `folder` as `nginx` serves them (setting `assets`), each with its `.gz` beside it. Their names change
 * with their content, so those of former releases may stay: pages that are open still ask for them.
 */
export async function writeAssets(folder: string, assets: readonly AssetCopy[]): Promise<void> {
  for (const { url, path } of assets) {
    const target = join(folder, url);
    mkdirSync(dirname(target), { recursive: true });
    const bytes = await Bun.file(path).bytes();
    // nginx takes the compressed one only where it finds the other, which therefore comes last.
    await Bun.write(`${target}.gz`, Bun.gzipSync(bytes, { level: GZIP_LEVEL }));
    await Bun.write(target, bytes);
  }
}
