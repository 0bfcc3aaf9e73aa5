import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { createWatchlistEntry, deleteWatchlistEntry, listWatchlist } from "./statements.ts";

/** A page of the names that wires are screened against, newest first. */
export async function watchlistPage(
  deps: Deps,
  caller: Caller,
  query: { limit?: number },
  after: Keyset | null,
): Promise<Page> {
  const parameters = { business_id: caller.business_id, ...pageParameters(query.limit, after) };
  const [row] = await deps.db.report.query(listWatchlist, parameters, caller);
  return row ?? emptyPage;
}

/** Watches for a name. Refuses one that is watched for from the same source (`already_exists`). */
export function watch(
  deps: Deps,
  caller: Caller,
  input: { name: string; source: string },
): Promise<Written | null> {
  return act(deps, caller, createWatchlistEntry, { watchlist_id: deps.id(), ...input });
}

/** Watches for a name no longer; null when the business has no such entry. */
export function unwatch(deps: Deps, caller: Caller, id: string): Promise<Written | null> {
  return act(deps, caller, deleteWatchlistEntry, { watchlist_id: id });
}
