import { defaultLimit, type Keyset, type Page } from "./pagination.ts";

const rowsAtOnce = 500;

/**
 * Every row of a list, page by page, for an export: memory holds one page however many rows there are, and no
 * connection or transaction stays open while a slow client reads. A row that is there all the time comes exactly once.
 */
export async function* eachRow<R>(
  read: (after: Keyset | null, limit_rows: number) => Promise<Page>,
): AsyncGenerator<R, void, undefined> {
  let after: Keyset | null = null;
  for (let limit_rows = defaultLimit; ; limit_rows = rowsAtOnce) {
    const { data, has_more, last_key } = await read(after, limit_rows);
    yield* JSON.parse(data) as R[];
    if (!has_more || last_key === null) return;
    after = JSON.parse(last_key) as Keyset;
  }
}
