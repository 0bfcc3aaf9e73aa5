import type { Deps } from "../http/deps.ts";
import type { Tag } from "../platform/cache/index.ts";

/**
 * Tags that a statement makes wrong, and the id of the outbox row that it writes with its change (core.record_invalidation).
 * The id is made here, so that the row can be deleted after delivery without the statement telling it.
 */
export type Invalidation = Readonly<{ outbox_id: string; tags: readonly Tag[] }>;

/** Null where nothing cached is concerned. */
export function invalidationOf(tags: readonly Tag[]): Invalidation | null {
  return tags.length === 0 ? null : { outbox_id: newOutboxId(), tags };
}

/** After the commit: nothing older is served here from now on, and nowhere once an awaited tag was heard. */
export async function invalidate(
  deps: Pick<Deps, "cache">,
  invalidation: Invalidation | null,
): Promise<void> {
  if (invalidation === null) return;
  await deps.cache.invalidate(invalidation.tags, { outbox_ids: [BigInt(invalidation.outbox_id)] });
}

/** 62 random bits: rows live a tenth of a second, so two never meet. */
export function newOutboxId(): string {
  const [random = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return String(random >> 2n);
}
