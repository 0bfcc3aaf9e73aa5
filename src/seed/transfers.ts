import type { Account } from "./accounts.ts";
import { type Books, type Line, line, mirror } from "./books.ts";
import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { Random } from "./random.ts";
import type { Rows } from "./rows.ts";
import { transferWords } from "./vocabulary.ts";

/** A movement of money, as people ask for it. The house's end is null. */
export type Movement = Readonly<{
  kind: "deposit" | "withdrawal" | "internal" | "fee" | "interest";
  from: Account | null;
  to: Account | null;
  /** Minor units. */
  amount: number;
  at_ms: number;
  by: string | null;
  reference?: string;
  description?: string;
  /** It will be undone then, by a ledger transaction of this id. */
  reversal?: Readonly<{ id: string; at_ms: number }> | null;
}>;

/** A row of bank.transfers. `settled_ms`: null while it is pending. */
type TransferRow = Readonly<{
  id: string;
  kind: string;
  status: string;
  from: Account | null;
  to: Account | null;
  amount: number;
  fee: number;
  currency: string;
  reference: string;
  memo: string | null;
  category: string | null;
  reversed_by_id: string | null;
  at_ms: number;
  settled_ms: number | null;
  updated_ms: number;
  version: number;
  by: string | null;
}>;

export type Transfer = Readonly<{ id: string; kind: string; lines: readonly Line[] }>;

/** Writes transfers with the ledger transactions of the same id. */
export class TransferWriter {
  readonly #rows: Rows;
  readonly #business_id: string;
  readonly #random: Random;
  readonly #books: Books;

  constructor(rows: Rows, business: Business, books: Books) {
    this.#rows = rows;
    this.#business_id = business.id;
    this.#random = business.plan.bank.random;
    this.#books = books;
  }

  write(movement: Movement): Transfer {
    const { kind, from, to, amount, at_ms, by, reference, reversal = null } = movement;
    const random = this.#random;
    const id = idAt(at_ms, random);
    const lines = this.#linesOf(movement);
    const posting = { id, kind: `bank.${kind}`, at_ms, by };
    const { description } = movement;
    this.#books.post(
      { ...posting, reference: reference ?? null, ...(description && { description }) },
      lines,
    );
    if (kind !== "fee" && kind !== "interest")
      for (const end of [from, to]) if (end !== null) end.moved_ms = at_ms;
    const words = transferWords[kind];
    this.writeRow({
      id,
      kind,
      status: reversal === null ? "posted" : "reversed",
      from,
      to,
      amount,
      fee: 0,
      currency: lines[0]?.balance.currency ?? "",
      reference: reference ?? id,
      memo: words.length > 0 && random.chance(0.6) ? random.pick(words) : null,
      category: kind === "internal" && random.chance(0.5) ? random.pick(categories) : null,
      reversed_by_id: reversal?.id ?? null,
      at_ms,
      settled_ms: at_ms,
      updated_ms: reversal?.at_ms ?? at_ms,
      version: reversal === null ? 1 : 2,
      by,
    });
    return { id, kind, lines };
  }

  /** The mirror image of a transfer, as ledger.reverse of 0013 writes it. */
  reverse({ id, kind, lines }: Transfer, reversal: { id: string; at_ms: number }, by: string | null): void {
    this.#books.post(
      {
        ...reversal,
        kind: `bank.${kind}.reversal`,
        by,
        reverses_id: id,
        source: ["ledger.transaction", id],
        description: "Entered twice",
      },
      mirror(lines),
    );
  }

  #linesOf({ kind, from, to, amount }: Movement): Line[] {
    const currency = (from ?? to)?.currency ?? "";
    const house = (isPaying: boolean) => {
      if (kind === "fee") return this.#books.house("income:bank_fees", currency);
      if (kind !== "interest") return this.#books.house("cash:vault", currency);
      return this.#books.house(isPaying ? "expense:interest" : "income:interest", currency);
    };
    return [line(from ?? house(true), "debit", amount), line(to ?? house(false), "credit", amount)];
  }

  writeRow(row: TransferRow): void {
    this.#rows.add("bank.transfers", [
      this.#business_id,
      row.id,
      row.kind,
      row.status,
      row.from?.account_id ?? null,
      row.to?.account_id ?? null,
      row.amount,
      row.fee,
      row.currency,
      row.reference,
      row.memo,
      row.category,
      row.reversed_by_id,
      row.settled_ms === null ? null : instantText(row.settled_ms),
      row.version,
      instantText(row.at_ms),
      instantText(row.updated_ms),
      row.by,
      row.by,
    ]);
  }
}

const categories = ["rent", "salaries", "supplies", "utilities", "savings", "family", "transport"] as const;
