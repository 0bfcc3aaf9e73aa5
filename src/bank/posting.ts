import { afterTheFirst } from "../core/act.ts";
import { invalidate, invalidationOf } from "../core/invalidation.ts";
import type { Deps } from "../http/deps.ts";
import { Problem, problemDocuments, type ProblemCode } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { PostingQueue } from "../ledger/posting-queue.ts";
import type { TransferKind } from "../platform/enums.ts";
import type { Tag } from "../platform/cache/index.ts";
import { ownUserOf } from "./own.ts";
import { answerMovements, type AnswerMovementsRow } from "./statements.ts";
import { moneyTags } from "./tags.ts";

/** A movement of money that somebody asks for; null is the house's side. Amount in minor units. */
export type Movement = Readonly<{
  kind: Extract<TransferKind, "deposit" | "withdrawal" | "internal">;
  from_account_id: string | null;
  to_account_id: string | null;
  amount: number;
  currency: string;
  reference?: string | undefined;
  memo?: string | undefined;
  category?: string | undefined;
}>;

/** The replica's queue of movements: what arrives while a batch is being written is the next batch. */
export type Posting = Readonly<{
  /**
   * Moves money, once per key, and answers with the transfer (201) or with the problem that refused it (422), which a
   * request with the same key is answered again.
   */
  post(caller: Caller, movement: Movement, instance: string): Promise<Written>;
}>;

const queue_max = 20_000;
/** As the write lane has it: who waited longer is told to come back. */
const deadline_ms = 5_000;

/** What refuses a movement: bank.move, and ledger.post_batch below it. */
const refusals = [
  "insufficient_funds",
  "limit_exceeded",
  "balance_ceiling",
  "account_not_open",
  "account_not_found",
  "currency_mismatch",
  "same_account",
  "reference_not_found",
  "reference_exists",
] as const satisfies readonly ProblemCode[];

/** What the catalogue says of each refusal. */
export const refusalDocuments = problemDocuments(refusals);

/** Makes the queue of a server. */
export function createPosting(deps: Deps): Posting {
  const queue = new PostingQueue<MovementRow, Posted>({
    calls_max: deps.config.database.write_max,
    queue_max,
    deadline_ms,
    write: (rows) => write(deps, rows),
    // Ids come in whatever case PostgreSQL takes them.
    locks: ({ from_account_id, to_account_id }) =>
      [from_account_id, to_account_id].filter((id) => id !== null).map((id) => id.toLowerCase()),
  });
  return {
    async post(caller, movement, instance) {
      const row = movementRow(deps, caller, movement, instance);
      const began_ms = performance.now();
      const answer = await afterTheFirst(async () => {
        const { row: posted, told } = await queue.post(row);
        await told;
        return answered(posted);
      });
      caller.timings.db_ms += performance.now() - began_ms;
      return answer;
    },
  };
}

/** `bank.movement` as it travels. */
export type MovementRow = ReturnType<typeof movementRow>;

export function movementRow(deps: Deps, caller: Caller, movement: Movement, instance: string) {
  const { business_id, user_id, member_id, session_id, request_id, ip, idempotency } = caller;
  return {
    ...movement,
    id: deps.id(),
    own_user_id: ownUserOf(caller),
    business_id,
    user_id,
    member_id,
    session_id,
    request_id,
    ip,
    key: idempotency?.key ?? null,
    request_hash: idempotency?.request_hash ?? null,
    instance,
  };
}

/** `told`: nothing older is served here any more, and the answer may go out. */
type Posted = Readonly<{ row: AnswerMovementsRow; told: Promise<void> }>;

/** One call for all of them. It is over with the commit: the next one need not wait until the cache was told. */
async function write(deps: Deps, rows: readonly MovementRow[]): Promise<readonly Posted[]> {
  const tags = new Set<Tag>();
  for (const { business_id, from_account_id, to_account_id } of rows) {
    for (const tag of moneyTags(business_id, [from_account_id, to_account_id])) tags.add(tag);
  }
  const invalidation = invalidationOf([...tags]);
  const answers = await deps.db.write.query(answerMovements, {
    movements: JSON.stringify(rows),
    problems: refusalDocuments,
    invalidation: JSON.stringify(invalidation),
  });
  // Replays too: whoever wrote first may have died before it told the cache.
  const told = invalidate(deps, invalidation);
  return answers.map((row) => ({ row, told }));
}

/** @throws {Problem} the key is in use, or was used for another request */
function answered({ status, body, version, location, is_replayed }: AnswerMovementsRow): Written {
  if (status === 0) throw new Problem(body as ProblemCode);
  return { status, body, version, location, replayed: is_replayed };
}
