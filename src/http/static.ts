// Immutable assets: https://www.rfc-editor.org/rfc/rfc8246
import { Problem } from "./problem.ts";

/** A file that is part of the program: on disk when run from source, inside the binary when compiled. */
export type AssetFile = Readonly<{ name: string; path: string; media_type: string }>;

export type Assets = {
  /** The URL of a file, which changes with its content. */
  urlOf(name: string): string;
  /** The file behind the last segment of such a URL; a name that is not current is `not_found`. */
  read(segment: string): Response;
};

/**
 * Gives every file a name with the hash of its content, so that browsers and nginx may keep it for a year. The files
 * are read once, for the hash; they are served from where they lie.
 */
export async function openAssets(prefix: string, files: readonly AssetFile[]): Promise<Assets> {
  const bySegment = new Map<string, AssetFile>();
  const urls = new Map<string, string>();
  for (const file of files) {
    const hash = Bun.hash.xxHash3(await Bun.file(file.path).bytes()).toString(36);
    const segment = file.name.replace(/(\.\w+)$/, `-${hash}$1`);
    bySegment.set(segment, file);
    urls.set(file.name, `${prefix}/${segment}`);
  }
  return {
    urlOf(name) {
      const url = urls.get(name);
      if (url === undefined) throw new Error(`no asset is called ${name}`);
      return url;
    },
    read(segment) {
      const file = bySegment.get(segment);
      if (file === undefined) throw new Problem("not_found", { detail: "No such file" });
      return new Response(Bun.file(file.path), {
        headers: { "content-type": file.media_type, "cache-control": "public, max-age=31536000, immutable" },
      });
    },
  };
}
