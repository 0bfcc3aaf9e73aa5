import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem, problemDocuments } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import { type Caller, withIdempotency } from "../http/scope.ts";
import {
  getTransaction as getStatement,
  listTransactions as listStatement,
  postTransaction as postStatement,
  postTransactions as postManyStatement,
  resolveTransaction as resolveStatement,
  reverseTransaction as reverseStatement,
} from "./statements.ts";
import { ledgerAccountTag } from "./tags.ts";

/** Transactions that one request may ask for. */
export const itemsMax = 500;
/** Lines of one transaction. */
export const linesMax = 100;

/** Amount in minor units of the account's currency. */
export type Line = Readonly<{ account_id: string; side: "debit" | "credit"; amount: number }>;

/** A transaction by hand. Instants are RFC 3339; `effective_at` absent: now. */
export type TransactionInput = Readonly<{
  lines: readonly Line[];
  phase?: "single" | "pending";
  reference?: string;
  description?: string;
  metadata?: Readonly<Record<string, unknown>>;
  effective_at?: string;
  expires_at?: string;
}>;

export type TransactionQuery = Readonly<{
  reference?: string;
  source_type?: string;
  source_id?: string;
  limit?: number;
}>;

/** What refuses a transaction by hand. */
export const postingErrors = [
  "unbalanced",
  "account_not_found",
  "account_owned",
  "account_not_open",
  "insufficient_funds",
  "balance_ceiling",
  "reference_exists",
] as const;

const problems = problemDocuments(postingErrors);

/**
 * Posts a transaction by hand, or with `dry_run` says what would become of it.
 *
 * @throws {Problem} `postingErrors`; `validation` where it holds money until a time that has passed
 */
export async function postTransaction(
  deps: Deps,
  caller: Caller,
  input: TransactionInput,
  { dry_run, instance }: Readonly<{ dry_run: boolean; instance: string }>,
): Promise<Written | null> {
  if (!dry_run) {
    const [item] = itemsOf(deps, [input], "");
    return act(deps, caller, postStatement, { item: JSON.stringify(item) }, tagsOf(caller, [input]));
  }
  const result = await postMany(deps, caller, [input], { atomic: false, dry_run, place: "", instance });
  if (result === null) return null;
  const { data } = JSON.parse(result.body) as { data: readonly object[] };
  return { ...result, body: JSON.stringify({ dry_run, ...data[0] }) };
}

/**
 * Posts transactions by hand: with `atomic` all or none (`batch_refused`, whose `errors` name each), else each by itself.
 * With `dry_run` all are judged, each on what those before it would leave, and nothing is kept.
 */
export function postTransactions(
  deps: Deps,
  caller: Caller,
  items: readonly TransactionInput[],
  options: Readonly<{ atomic: boolean; dry_run: boolean; instance: string }>,
): Promise<Written | null> {
  return postMany(deps, caller, items, { ...options, place: "/items/%s" });
}

async function postMany(
  deps: Deps,
  caller: Caller,
  inputs: readonly TransactionInput[],
  options: Readonly<{ atomic: boolean; dry_run: boolean; instance: string; place: string }>,
): Promise<Written | null> {
  const { atomic, dry_run, instance, place } = options;
  // What is only tried leaves nothing, so the key stays free for what is meant.
  const actor = dry_run ? withIdempotency(caller, null) : caller;
  const parameters = {
    items: JSON.stringify(itemsOf(deps, inputs, place)),
    is_atomic: atomic,
    dry_run,
    place,
    instance,
    problems,
  };
  return act(deps, actor, postManyStatement, parameters, dry_run ? [] : tagsOf(caller, inputs));
}

function itemsOf(deps: Deps, inputs: readonly TransactionInput[], place: string) {
  return inputs.map((input, at) => {
    const { phase = "single", expires_at } = input;
    if (expires_at !== undefined && (phase !== "pending" || Date.parse(expires_at) <= deps.clock.now())) {
      const detail = phase === "pending" ? "is over" : "is of holds (phase pending) alone";
      const pointer = `${place.replace("%s", String(at))}/expires_at`;
      throw new Problem("validation", { errors: [{ pointer, detail }] });
    }
    return { id: deps.id(), ...input };
  });
}

const tagsOf = ({ business_id }: Caller, inputs: readonly TransactionInput[]) => [
  ...new Set(
    inputs.flatMap(({ lines }) => lines.map((line) => ledgerAccountTag(business_id, line.account_id))),
  ),
];

/** Ends a hold, once: moves the money, or so much of it (a hold of two lines), or releases all. */
export async function resolveTransaction(
  deps: Deps,
  caller: Caller,
  transaction_id: string,
  { phase, amount }: Readonly<{ phase: "post" | "void"; amount: number | null }>,
): Promise<Written | null> {
  const tags = await tagsOfTransaction(deps, caller, transaction_id);
  if (tags === null) return null;
  const parameters = {
    resolution_id: deps.id(),
    transaction_id,
    phase,
    amount: amount === null ? null : String(amount),
  };
  return act(deps, caller, resolveStatement, parameters, tags);
}

/** Undoes a transaction by its mirror image, once. */
export async function reverseTransaction(
  deps: Deps,
  caller: Caller,
  transaction_id: string,
  description: string | null,
): Promise<Written | null> {
  const tags = await tagsOfTransaction(deps, caller, transaction_id);
  if (tags === null) return null;
  const parameters = { reversal_id: deps.id(), transaction_id, description };
  return act(deps, caller, reverseStatement, parameters, tags);
}

/** Entries never change, so who reads them before the write reads right. Null: no such transaction. */
async function tagsOfTransaction(deps: Deps, caller: Caller, transaction_id: string) {
  const found = await getTransaction(deps, caller, transaction_id);
  if (found === null) return null;
  const { entries } = JSON.parse(found.body) as { entries: readonly Line[] };
  return tagsOf(caller, [{ lines: entries }]);
}

/** One transaction of the caller's business with its entries, null when there is none. */
export async function getTransaction(
  deps: Deps,
  caller: Caller,
  transaction_id: string,
): Promise<Resource | null> {
  const { business_id } = caller;
  const [row] = await deps.db.fast.query(getStatement, { business_id, transaction_id }, caller);
  return row ?? null;
}

/** A page of transactions of the caller's business, newest first. */
export async function listTransactions(
  deps: Deps,
  caller: Caller,
  query: TransactionQuery,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    reference: query.reference ?? null,
    source_type: query.source_type ?? null,
    source_id: query.source_id ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.report.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}
