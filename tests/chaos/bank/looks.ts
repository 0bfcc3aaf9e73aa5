import { connect } from "../../helpers/database.ts";
import { until } from "../../helpers/replicas.ts";
import { getText } from "../fleet/rig.ts";
import type { Bank } from "./bank.ts";
import type { Look } from "./judges.ts";
import { lookAtLedger } from "./ledger.ts";

const SQL_GAP_MS = 100;
const REPLICA_GAP_MS = 150;
/** Of the looks through a replica, so many show the trial balance too. */
const TRIAL_EVERY = 5;
const READER = "chaos.manager";

type AccountPage = { data: { id: string; posted: number; available: number }[]; meta: { has_more: boolean } };
type TrialBalance = { currencies: { debit: number; credit: number }[] };

/** Looks at the whole ledger again and again: in one statement of SQL, and through every replica. */
export class Watch {
  readonly looks: Look[] = [];
  /** Looks that the server could not answer. */
  unanswered = 0;
  readonly #bank: Bank;
  readonly #closed: ReadonlySet<string>;
  #running: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(bank: Bank) {
    this.#bank = bank;
    this.#closed = new Set(bank.closed);
  }

  start(): void {
    const { replicas } = this.#bank;
    this.#running = Promise.all([this.#watchSql(), ...replicas.map((name) => this.#watchReplica(name))]);
  }

  /** Looks once more through each replica: all of them are well again. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#running;
    const { replicas } = this.#bank;
    await Promise.all(
      replicas.map((name) => until(`${name} shows the ledger`, () => this.#lookThrough(name, true))),
    );
  }

  async #watchSql(): Promise<void> {
    while (!this.#ended) {
      // A connection of its own: the database goes away with all that it had.
      try {
        await using sql = connect(this.#bank.fleet.database_url);
        while (!this.#ended) {
          this.looks.push(await lookAtLedger(sql, this.#bank));
          await Bun.sleep(SQL_GAP_MS);
        }
      } catch {
        this.unanswered += 1;
        await Bun.sleep(SQL_GAP_MS);
      }
    }
  }

  async #watchReplica(name: string): Promise<void> {
    for (let turn = 0; !this.#ended; turn += 1) {
      await this.#lookThrough(name, turn % TRIAL_EVERY === 0);
      await Bun.sleep(REPLICA_GAP_MS);
    }
  }

  /** @returns whether it was answered */
  async #lookThrough(name: string, with_trial: boolean): Promise<boolean> {
    const page = await this.#get<AccountPage>(name, "/api/v1/ledger/accounts?code=bank:account:&limit=200");
    const trial = with_trial ? await this.#get<TrialBalance>(name, "/api/v1/ledger/trial-balance") : null;
    if (page !== null) this.looks.push(this.#lookOf(name, page, trial));
    return page !== null;
  }

  #lookOf(of: string, { data }: AccountPage, trial: TrialBalance | null): Look {
    const total = data.reduce((sum, { id, posted }) => (this.#closed.has(id) ? sum + posted : sum), 0);
    return {
      of,
      total,
      accounts: data.length,
      least_available: Math.min(...data.map(({ available }) => available)),
      unbalanced:
        trial === null
          ? null
          : trial.currencies.reduce((sum, { debit, credit }) => sum + Math.abs(debit - credit), 0),
    };
  }

  async #get<Body>(replica: string, path: string): Promise<Body | null> {
    const { direct, token } = this.#bank;
    const { status, body } = await direct(replica).send(getText(path, token(READER)));
    if (status === 200) return JSON.parse(body) as Body;
    this.unanswered += 1;
    return null;
  }
}
