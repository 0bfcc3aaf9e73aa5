import type { Definition, LoadContext, Lookup, Parts, SharedBytes } from "../platform/cache/index.ts";
import { answered, respond } from "./cached.ts";
import type { Deps } from "./deps.ts";
import { type Cursors, linkTo, nextCursor, type Page, pageText } from "./pagination.ts";
import { Problem } from "./problem.ts";
import type { RequestScope } from "./scope.ts";

/** A cached list. */
export interface CachedPages<P extends Parts> {
  /**
   * 200 with the page that the cursor names, in the list envelope, as stored: bytes, cursor and entity tag depend on the
   * parts alone. `first` are those of the first page.
   */
  answer(scope: RequestScope, cursor: string | undefined, first: P): Response | Promise<Response>;
}

/** How the pages of one list are cached. */
export type PagesDefinition<P extends Parts> = Omit<Definition<P, string>, "load"> & {
  /** Null: what the list belongs to is not there. */
  load(parts: P, context: LoadContext): Promise<Page | null>;
};

/** Defines a cached list in the table of the cache. */
export function cachePages<P extends Parts>(
  { cache, cursors }: Pick<Deps, "cache" | "cursors">,
  definition: PagesDefinition<P>,
): CachedPages<P> {
  const { name } = definition;
  const pages = cache.endpoint<P>({
    ...definition,
    async load(parts, context) {
      const page = await definition.load(parts, context);
      if (page === null) return null;
      return pageText(page, nextCursor(page, { list: listOf(name, parts), cursors }));
    },
  });
  return {
    answer(scope, cursor, first) {
      const parts = cursor === undefined ? first : partsAt(cursors, cursor, name, first);
      const render = (lookup: Lookup<SharedBytes>): Response => {
        if (lookup.value === null) throw new Problem("not_found");
        const response = respond(scope, lookup.value, lookup, lookup.etag);
        const next = cursorIn(lookup.value);
        if (next !== null) response.headers.set("link", linkTo(scope.request.url, next));
        return response;
      };
      return answered(scope, pages, parts, render);
    },
  };
}

/** What differs between the pages of one list, and between the days on which it is read. */
const moving = new Set(["after", "limit_rows", "today"]);

/** Names a list for its cursors: tenant, filters and order, however a request spelled them. */
function listOf(name: string, parts: Parts): string {
  return `${name} ${JSON.stringify(Object.entries(parts).filter(([part]) => !moving.has(part)))}`;
}

function partsAt<P extends Parts>(cursors: Cursors, cursor: string, name: string, first: P): P {
  return { ...first, after: JSON.stringify(cursors.read(listOf(name, first), cursor)) };
}

const mark = Buffer.from('"next_cursor":"');
const t = "t".charCodeAt(0);

/** The cursor in the `meta` that ends a page; it has no escapes. Null on the last one. */
function cursorIn(page: SharedBytes): string | null {
  // It ends with `true}}`, or with `false}}`.
  if (page.at(-6) !== t) return null;
  const bytes = Buffer.from((page as Uint8Array).buffer, page.byteOffset, page.byteLength);
  const start = bytes.lastIndexOf(mark) + mark.length;
  return bytes.toString("latin1", start, bytes.indexOf('"', start));
}
