import { act, orNotFound } from "../core/act.ts";
import { type Fault, importCsv, readDate, readText, type Values } from "../core/csv-import.ts";
import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { importTransactions as importStatement } from "./statements.ts";
import { writtenBelow } from "./tags.ts";
import { ledgerPrefix } from "./transactions.ts";

type Row = Readonly<{
  occurred_on: string;
  /** Minor units of the budget's currency, above 0 in, below 0 out. */
  amount: number;
  payee: string | null;
  memo: string | null;
  /** Its name. */
  category: string | null;
  import_id: string | null;
}>;

const columns = new Set(["occurred_on", "amount", "payee", "memo", "category", "import_id"]);

/** A row each in the audit trail: so many take a second, and no longer. */
export const importLinesMax = 5_000;

/**
 * Writes bank lines from CSV text into a budget of the caller. Lines whose `import_id` is there are left as they are. See
 * `importCsv`.
 *
 * @throws {Problem} `not_found` without such a budget
 */
export const importTransactions = (
  deps: Deps,
  caller: Caller,
  budget_id: string,
  input: Readonly<{ csv: string; dry_run: boolean }>,
): Promise<Written> =>
  importCsv<Row>(deps, caller, input, {
    noun: "transactions",
    max_rows: importLinesMax,
    isKnown: (name) => columns.has(name),
    required: ["occurred_on", "amount"],
    read: readRow,
    unique: [],
    async write(actor, rows, dry_run) {
      const parameters = { budget_id, lines: JSON.stringify(rows), dry_run };
      const tags = dry_run ? [] : writtenBelow(actor.user_id, budget_id);
      return orNotFound(await act(deps, actor, importStatement, parameters, tags));
    },
  });

function readRow(values: Values, fault: Fault): Row {
  for (const column of ["occurred_on", "amount"]) if (values.get(column) === "") fault(column, "is required");
  const import_id = readText(values, "import_id", 200, fault);
  if (import_id?.startsWith(ledgerPrefix) === true)
    fault("import_id", `${ledgerPrefix} is kept for entries of the ledger`);
  return {
    occurred_on: readDate(values, "occurred_on", fault) ?? "",
    amount: readAmount(values, fault),
    payee: readText(values, "payee", 200, fault),
    memo: readText(values, "memo", 500, fault),
    category: readText(values, "category", 100, fault),
    import_id,
  };
}

function readAmount(values: Values, fault: Fault): number {
  const text = values.get("amount") ?? "";
  const amount = /^[+-]?[0-9]{1,16}$/.test(text) ? Number(text) : 0;
  if (amount !== 0 && Number.isSafeInteger(amount)) return amount;
  if (text !== "") fault("amount", "must be a whole number of minor units other than 0");
  return 0;
}
