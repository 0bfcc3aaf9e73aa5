import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { Rows } from "./rows.ts";

const day_ms = 86_400_000;
const told_days = 10;
const read_days = 2;

export type Notice = Readonly<{
  at_ms: number;
  type: string;
  title: string;
  body: string;
  ref_type: "shop.job" | "shop.job_step";
  ref_id: string;
}>;

/** Tells people what happened in the last days, as the server does. */
export class Notices {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #staff: readonly string[];

  constructor(rows: Rows, business: Business) {
    this.#rows = rows;
    this.#business = business;
    this.#staff = ["owner", "admin", "manager"].flatMap((login) => business.people.get(login)?.user_id ?? []);
  }

  /** Tells staff and, where somebody is named, that person. */
  tellStaff(notice: Notice, user_id: string | null): void {
    this.#tell(notice, [...new Set(user_id === null ? this.#staff : [...this.#staff, user_id])]);
  }

  tell(notice: Notice, user_id: string): void {
    this.#tell(notice, [user_id]);
  }

  #tell({ type, title, body, ref_type, ref_id, ...notice }: Notice, people: readonly string[]): void {
    const { id, plan } = this.#business;
    const { random, until_ms } = plan;
    const at_ms = Math.floor(notice.at_ms);
    if (!plan.notices || at_ms < until_ms - told_days * day_ms) return;
    const at = instantText(at_ms);
    const read_at =
      at_ms < until_ms - read_days * day_ms ? instantText(at_ms + random.between(5, 600) * 60_000) : null;
    for (const user_id of people) {
      const row = [id, idAt(at_ms, random), user_id, type, title, body, ref_type, ref_id];
      this.#rows.add("core.notifications", [...row, read_at, at, read_at ?? at, null, null]);
    }
  }
}
