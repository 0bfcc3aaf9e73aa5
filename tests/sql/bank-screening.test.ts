import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { insertBusiness } from "./fixtures.ts";

let database: TestDatabase;
let sql: SQL;
let business: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  ({ business_id: business } = await insertBusiness(sql));
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

describe("accounts", () => {
  const isAccount = async (account: string): Promise<boolean> => {
    const [{ is }] = await sql`select bank.is_account(bank.electronic(${account})) as is`;
    return is;
  };

  // Examples of the registry, with letters in the account and with the longest and the shortest form.
  test.each([
    "GB29 NWBK 6016 1331 9268 19",
    "DE89 3704 0044 0532 0130 00",
    "NO93 8601 1117 947",
    "LC55 HEMM 0001 0001 0012 0012 0002 3015",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "SC18 SSCB 1101 0000 0000 0000 1497 USD",
    "fr14 2004 1010 0505 0001 3m02 606",
    "EG38 0019 0005 0000 0000 2631 8000 2",
  ])("%s is an IBAN", async (iban) => {
    expect(await isAccount(iban)).toBe(true);
  });

  test("an IBAN with any one character changed, or two neighbours exchanged, is none", async () => {
    const iban = "GB29NWBK60161331926819";
    const wrong = [...iban].flatMap((old, at) => {
      // What no longer begins as an IBAN does is a plain account.
      if (at < 4) return [];
      const other = /\d/.test(old) ? String((Number(old) + 1) % 10) : old === "Z" ? "A" : "Z";
      const next = iban[at + 1] ?? old;
      const changed = iban.slice(0, at) + other + iban.slice(at + 1);
      const exchanged = iban.slice(0, at) + next + old + iban.slice(at + 2);
      return next === old ? [changed] : [changed, exchanged];
    });
    wrong.push("GB28NWBK60161331926819", "GB92NWBK60161331926819", "DE29NWBK60161331926819");
    const taken: string[] = [];
    for (const account of wrong) if (await isAccount(account)) taken.push(account);
    expect(taken).toEqual([]);
  });

  test("an IBAN of another length than its country's is none", async () => {
    const check = 98n - (BigInt("370400440532131400") % 97n);
    const short = `DE${String(check).padStart(2, "0")}370400440532`;
    expect(await isAccount(short)).toBe(false);
  });

  test("what does not begin as an IBAN does is a plain account", async () => {
    for (const account of ["0123456789", "US64SVBKUS6S3300958879", "A1B2", "GB-CURRENT-1"])
      expect(await isAccount(account)).toBe(true);
  });
});

describe("screening", () => {
  beforeAll(async () => {
    const other = await insertBusiness(sql);
    await sql`insert into bank.watchlist (business_id, name, source, is_active) values
      (${business}, 'Ján Kováč', 'own', true), (null, 'Østergård Shipping', 'UN', true),
      (null, 'Владимир Иванов', 'UN', true), (${business}, 'Retired Person', 'own', false),
      (${other.business_id}, 'Foreign Entry', 'theirs', true)`;
  });

  const screen = async (name: string): Promise<{ score: number; names: string[] }> => {
    const [row] = await sql`select s.score::float8 as score,
      array(select h ->> 'name' from jsonb_array_elements(s.hits) h) as names from bank.screen(${business}, ${name}) s`;
    return row;
  };

  test.each([
    ["JAN KOVAC", 1, "case and accents"],
    ["Kováč, Ján", 1, "the order of words"],
    ["Jan Kovac Holding and Partners Ltd", 1, "what stands beside it"],
    ["Ostergaard Shipping", 0.95, "another spelling"],
    ["ostergard-shipping a/s", 1, "punctuation, and letters that are not made of two"],
    ["Иванов Владимир Петрович", 1, "another script"],
  ])("%s scores %d: %s", async (name, score) => {
    const found = await screen(name);
    expect(found.score).toBeGreaterThanOrEqual(score - 0.1);
    expect(found.score).toBeLessThanOrEqual(score);
    expect(found.names).toHaveLength(1);
  });

  test("somebody with half of a listed name stays below what waits for a person", async () => {
    for (const name of ["Jan Novak", "Maria Kovac", "Kovac"])
      expect((await screen(name)).score).toBeLessThan(0.75);
  });

  test("nobody is like a name that is off the list, or on another business's", async () => {
    expect(await screen("Retired Person")).toEqual({ score: 0, names: [] });
    expect(await screen("Foreign Entry")).toEqual({ score: 0, names: [] });
    expect(await screen("Adaeze Okafor")).toEqual({ score: 0, names: [] });
  });

  test("a name without a letter or a digit cannot be compared, so a person has to look", async () => {
    expect(await screen("!!! – ???")).toEqual({ score: 1, names: [] });
  });

  test("among 20,000 names the index finds them", async () => {
    await sql`insert into bank.watchlist (name, source) select md5(g::text) || ' ' || md5((g * 7)::text), 'many'
      from generate_series(1, 20000) g`;
    await sql`analyze bank.watchlist`;
    const plan = await sql.unsafe(
      `explain (format text) select * from bank.watchlist c
       where bank.screening_name(c.name) %> $1::text and c.is_active`,
      ["kovac"],
    );
    expect(JSON.stringify(plan)).toContain("watchlist_trgm");
    expect((await screen("Kovac Jan")).score).toBe(1);
  });
});

describe("the fee", () => {
  const fee = async (setting: object | null, amount: number, is_foreign = false): Promise<number> => {
    const text = setting === null ? null : JSON.stringify(setting);
    const [row] =
      await sql`select bank.wire_fee(${text}::text::jsonb, ${amount}::bigint, ${is_foreign})::int as fee`;
    return row.fee;
  };
  const rule = { base: 1_000, bps: 25, foreign: 500, cap: 5_000 };

  test.each([
    [200, false, 1_001, "0.5 is rounded up"],
    [199, false, 1_000, "0.4975 is rounded down"],
    [599, false, 1_001, "1.4975 is rounded down"],
    [600, false, 1_002, "1.5 is rounded up"],
    [100_000, false, 1_250, "base and share"],
    [100_000, true, 1_750, "with the foreign part"],
    [1_600_000, false, 5_000, "at the cap"],
    [1_600_400, false, 5_000, "above the cap"],
    [1_400_000, true, 5_000, "the foreign part counts towards the cap"],
  ])("of %d, foreign %p, is %d: %s", async (amount, is_foreign, expected) => {
    expect(await fee(rule, amount, is_foreign)).toBe(expected);
  });

  test("without a setting there is none", async () => {
    expect(await fee(null, 1_000_000)).toBe(0);
  });

  test.each([
    [100, "USD", "NGN", "1550.25", 155_025],
    [1, "JPY", "NGN", "10.105", 1_011],
    [1_000, "NGN", "JPY", "0.0989", 1],
    [1, "KWD", "USD", "3.25", 0],
    [2, "KWD", "USD", "3.25", 1],
  ])("%d %s in %s at %s is %d, whatever their minor units", async (amount, from, to, rate, expected) => {
    const [row] =
      await sql`select bank.convert(${amount}::bigint, ${from}, ${to}, ${rate}::numeric)::int as amount`;
    expect(row.amount).toBe(expected);
  });
});
