import type { CellBus } from "./bus.ts";
import { LEASE_MS } from "./cell.ts";
import type { CacheNode } from "./node.ts";
import { confirmScript, generationKey, keyBase, scriptAnswer } from "./script.ts";
import type { Bump, CacheClock, CacheTimer } from "./types.ts";

const POLL_FIRST_MS = 1;
const POLL_LAST_MS = 16;

export type ConfirmDeps = Readonly<{ clock: CacheClock; timer: CacheTimer; replica: string }>;

/** What is needed of one cell. */
export type ConfirmCell = Readonly<{ bus: CellBus; node(): CacheNode | null }>;

/**
 * Resolves when every replica registered in the cells of these bumps has heard them, or at `until` (monotonic), by when
 * every lease older than the commit has ended. A cell whose generation the writer itself has not held for a full lease
 * proves nothing: replicas may still live in another one. Never rejects.
 */
export async function waitConfirmed(
  deps: ConfirmDeps,
  cellAt: (index: number) => ConfirmCell,
  bumps: readonly Bump[],
  until: number,
): Promise<void> {
  await Promise.all(bumps.map((bump) => waitCell(deps, cellAt(bump.cell), bump, until)));
}

async function waitCell(deps: ConfirmDeps, cell: ConfirmCell, bump: Bump, until: number): Promise<void> {
  let wait_ms = POLL_FIRST_MS;
  for (;;) {
    const now = deps.clock.monotonic();
    if (now >= until) return;
    const since = cell.bus.heldSince(now);
    const opened = cell.bus.opened;
    if (since === null || opened?.generation !== bump.generation || now - since < LEASE_MS) {
      // This lease cannot be a lease older by then: only the time counts.
      await sleep(deps.timer, until - now);
      return;
    }
    const node = cell.node();
    const rows = node && (await readRegistry(node, bump.cell, bump.generation).catch(() => null));
    if (rows !== null && allHeard(rows, deps.replica, opened.token, bump.n)) {
      // The lease must have held while the registry was read.
      if (cell.bus.heldSince(deps.clock.monotonic()) === since) return;
    }
    await sleep(deps.timer, Math.min(wait_ms, Math.max(until - deps.clock.monotonic(), 0)));
    wait_ms = Math.min(wait_ms * 2, POLL_LAST_MS);
  }
}

/** Without the writer's own row the registry was lost, and an empty one says nothing of the others. */
function allHeard(rows: Registry, replica: string, token: string, n: number): boolean {
  if (rows.get(replica)?.token !== token) return false;
  for (const [name, row] of rows) if (name !== replica && row.heard < n) return false;
  return true;
}

export type Registry = ReadonlyMap<string, Readonly<{ token: string; heard: number }>>;

/** Every replica of a generation, and the number up to which it has heard. */
export async function readRegistry(node: CacheNode, cell: number, generation: string): Promise<Registry> {
  const makesSense = (reply: unknown): boolean => typeof reply === "object" && reply !== null;
  const key = `${keyBase(cell, generation)}r`;
  const reply = await node.call(["HGETALL", key], undefined, "text", makesSense);
  const rows = new Map<string, { token: string; heard: number }>();
  for (const [replica, row] of Object.entries(reply as Record<string, string>)) {
    const [token = "", heard = "0"] = row.split(" ");
    rows.set(replica, { token, heard: Number(heard) });
  }
  return rows;
}

/** Takes a replica out of the registry, if it is still there under this token. */
export async function strike(
  node: CacheNode,
  cell: number,
  generation: string,
  replica: string,
  token: string,
): Promise<boolean> {
  const reply = await node.script(confirmScript, generationKey(cell), [generation, replica, token, "-1"]);
  return scriptAnswer(reply).value === 1;
}

const sleep = (timer: CacheTimer, delay_ms: number): Promise<void> =>
  new Promise((resolve) => void timer.after(delay_ms, resolve));
