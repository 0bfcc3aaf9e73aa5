// Keyset pagination; Link: https://www.rfc-editor.org/rfc/rfc8288
import { timingSafeEqual } from "node:crypto";
import { Problem } from "./problem.ts";

export const defaultLimit = 50;
export const maxLimit = 200;

/** The last row of a page: the values of its sort key, as text, in order. */
export type Keyset = readonly (string | null)[];

/**
 * A page as a list statement returns it: `data` is JSON array text, `last_key` the keyset of its last row as JSON, `totals`,
 * where the list has them, JSON text for `meta`.
 */
export type Page = { data: string; has_more: boolean; last_key: string | null; totals?: string };

/** What a list statement that found nothing means. */
export const emptyPage: Page = { data: "[]", has_more: false, last_key: null };

/** What every list statement takes: the keyset to go on from, as JSON, and the rows of a page. */
export function pageParameters(
  limit: number | undefined,
  after: Keyset | null,
): { after: string | null; limit_rows: number } {
  return { after: after === null ? null : JSON.stringify(after), limit_rows: limit ?? defaultLimit };
}

export type Cursors = {
  /** An opaque cursor, bound to a list: its tenant, filters and order. */
  sign(list: string, last_key: string): string;
  /** The keyset of a cursor of this very list, else `invalid_cursor`. Null without a cursor. */
  read(list: string, cursor: string | undefined): Keyset | null;
};

const signatureLength = 22;

/** Cursors are signed, so that nobody steers a keyset by hand or carries one from one business to another. */
export function createCursors(secret: string): Cursors {
  const signature = (list: string, payload: string) =>
    new Bun.CryptoHasher("sha256", secret)
      .update(`cursor\n${list}\n${payload}`)
      .digest("base64url")
      .slice(0, signatureLength);
  return {
    sign(list, last_key) {
      const payload = Buffer.from(last_key).toString("base64url");
      return `${signature(list, payload)}${payload}`;
    },
    read(list, cursor) {
      if (cursor === undefined) return null;
      const payload = cursor.slice(signatureLength);
      const given = Buffer.from(cursor.slice(0, signatureLength));
      const right = Buffer.from(signature(list, payload));
      if (given.length !== right.length || !timingSafeEqual(given, right))
        throw new Problem("invalid_cursor");
      return JSON.parse(Buffer.from(payload, "base64url").toString()) as Keyset;
    },
  };
}

/**
 * Names a list for its cursors: the path, the tenant, and every query parameter but `cursor` and `limit`, so that a
 * cursor never meets other filters than those it was made with.
 */
export function listName(url: string, business_id: string): string {
  const { pathname, searchParams } = new URL(url);
  const filters = [...searchParams]
    .filter(([name]) => name !== "cursor" && name !== "limit")
    .map((pair) => JSON.stringify(pair))
    .sort((a, b) => (a < b ? -1 : 1));
  return `${business_id} ${pathname} ${filters.join()}`;
}

/** The list envelope as JSON text, and its `Link` header where there is a next page. */
export function envelope(
  page: Page,
  next: { url: string; list: string; cursors: Cursors },
): { text: string; link: string | null } {
  const cursor = nextCursor(page, next);
  return { text: pageText(page, cursor), link: cursor === null ? null : linkTo(next.url, cursor) };
}

/** The cursor of the page after this one; null where there is none. */
export function nextCursor(page: Page, { list, cursors }: { list: string; cursors: Cursors }): string | null {
  return page.has_more && page.last_key !== null ? cursors.sign(list, page.last_key) : null;
}

/** The list envelope as JSON text. `cursor`: of the next page. */
export function pageText({ data, totals }: Page, cursor: string | null): string {
  const first = totals === undefined ? "" : `"totals":${totals},`;
  return `{"data":${data},"meta":{${first}"next_cursor":${JSON.stringify(cursor)},"has_more":${cursor !== null}}}`;
}

/** `Link` to the next page of the list that was asked for by this URL. */
export function linkTo(url: string, cursor: string): string {
  const next = new URL(url);
  next.searchParams.set("cursor", cursor);
  return `<${next.pathname}${next.search}>; rel="next"`;
}
