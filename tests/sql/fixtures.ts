import type { SQL } from "bun";

/** Who acts, as the application hands it to `core.begin_act`. */
export type Act = {
  business_id: string;
  user_id: string;
  member_id: string;
  session_id: string;
  request_id: string;
  ip: string;
  key: string | null;
  request_hash: string | null;
};

/** A business with one owner, written as an import (without audit rows), and an act of that owner. */
export async function insertBusiness(sql: SQL): Promise<Act> {
  const [business_id, user_id, member_id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await sql.unsafe("set app.import = 'on'");
  await sql`insert into core.users (id, username, full_name) values (${user_id}, ${`u${user_id}`}, 'Ada Owner')`;
  const code = Array.from(
    crypto.getRandomValues(new Uint8Array(8)),
    (byte) => "ABCDEFGHIJKLMNOP"[byte % 16],
  ).join("");
  await sql`insert into core.businesses (id, code, name, currency, timezone)
    values (${business_id}, ${code}, 'Foundry', 'NGN', 'Africa/Lagos')`;
  await sql`insert into core.memberships (business_id, id, user_id, role)
    values (${business_id}, ${member_id}, ${user_id}, 'owner')`;
  await sql.unsafe("reset app.import");
  const session_id = Bun.randomUUIDv7();
  const request_id = Bun.randomUUIDv7();
  return {
    business_id,
    user_id,
    member_id,
    session_id,
    request_id,
    ip: "192.0.2.7",
    key: null,
    request_hash: null,
  };
}

/** Runs statements as somebody, in one transaction. */
export async function actAs<T>(sql: SQL, act: Act, run: (tx: SQL) => Promise<T>): Promise<T> {
  await sql.unsafe("begin");
  try {
    await sql`select * from core.begin_act(${JSON.stringify(act)}::text::jsonb)`;
    const result = await run(sql);
    await sql.unsafe("commit");
    return result;
  } catch (error) {
    await sql.unsafe("rollback");
    throw error;
  }
}

/** The name of the constraint or refusal that a statement meets. */
export async function refusalOf(statement: Promise<unknown>): Promise<string | undefined> {
  const error = await statement.then(
    () => {
      throw new Error("the statement was expected to be refused");
    },
    (reason: unknown) => reason,
  );
  if (typeof error === "object" && error !== null && "constraint" in error) return String(error.constraint);
  throw error;
}

/** Seals up to `max` rows of the audit trail, and returns how many. */
export const seal = async (connection: SQL, max = 100_000): Promise<number> =>
  (await connection`select core.seal_audit(${max}::int) as sealed`)[0].sealed;

/**
 * Seals until nothing is left, and returns how many rows that were. A transaction that runs in any database of the
 * server, another test's for instance, makes the sealer wait.
 */
export const sealAll = async (connection: SQL): Promise<number> => {
  const give_up_at = performance.now() + 50_000;
  let sealed = 0;
  for (;;) {
    sealed += await seal(connection);
    const [{ unsealed }] =
      await connection`select count(*)::int as unsealed from core.audit_log where seq is null`;
    if (unsealed === 0) return sealed;
    if (performance.now() > give_up_at) throw new Error(`${unsealed} rows cannot be sealed`);
    await Bun.sleep(20);
  }
};
