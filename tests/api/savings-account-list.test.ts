import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import { collect, makeProduct, openSavings, type SavingsOptions } from "../helpers/savings.ts";

let api: TestApp;
let manager: string;
let today: string;

beforeAll(async () => {
  api = await startTestApp();
  manager = await api.token(api.alpha.people.manager);
  [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
});
afterAll(() => api.stop());

const dayFrom = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
const open = async (options: SavingsOptions = {}): Promise<string> =>
  (await openSavings(api.sql, api.alpha, { starts_on: today, ...options })).savings_account_id;
const visit = async (savings_account_id: string, count: number): Promise<void> => {
  const [done] = await collect(api.sql, api.alpha, [{ savings_account_id, count }]);
  expect(done?.refusal ?? null).toBeNull();
};

describe("the list", () => {
  const list = async (query: string, token = manager, accept = "application/json") => {
    const response = await api.send("GET", `/api/v1/savings?${query}`, { token, headers: { accept } });
    expect(response.status).toBe(200);
    return response;
  };
  const ids = async (query: string): Promise<string[]> =>
    ((await (await list(query)).json()) as { data: { id: string }[] }).data.map(({ id }) => id);

  test("finds by number, by the beginning of a phone number, and by part of a name", async () => {
    const named = async (name: string, phone: string | null) => {
      const customer_id = await makeCustomer(api.sql, api.alpha, { name });
      await api.sql`update core.customers set phone = ${phone} where id = ${customer_id}`;
      return openSavings(api.sql, api.alpha, { customer_id });
    };
    const ngozi = await named("Ngozi Zubair", "+2348055512345");
    const zainab = await named("Zainab Ogungozi", "+2348055598765");
    const searches = [
      [ngozi.tracking_number, [ngozi]],
      ["gozi", [zainab, ngozi]],
      ["zu", [ngozi]],
      ["%2B23480555", [zainab, ngozi]],
      ["234 8055 512", [ngozi]],
      ["nobody at all", []],
      ["%25", []],
    ] as const;
    for (const [q, found] of searches) {
      const right = found.map(({ savings_account_id }) => savings_account_id);
      expect([q, await ids(`q=${q}`)]).toEqual([q, right]);
    }
  });

  test("filters by state, unit, agent, customer, product and first day, together", async () => {
    const unit_id = Bun.randomUUIDv7();
    await api.sql`insert into core.units (business_id, id, name) values (${api.alpha.id}, ${unit_id}, 'Yaba')`;
    const product_id = await makeProduct(api.sql, api.alpha);
    const early = await open({ product_id, unit_id, starts_on: "2025-02-01" });
    const late = await open({ product_id, starts_on: "2025-02-03" });
    await api.sql`update savings.accounts set status = 'cancelled' where id = ${late}`;
    const [{ customer_id }] = await api.sql`select customer_id from savings.accounts where id = ${early}`;
    const of = (query: string) => ids(`product_id=${product_id}&${query}`);
    expect(await of("sort=created_at")).toEqual([early, late]);
    expect(await of("")).toEqual([late, early]);
    expect(await of("status=active,completed")).toEqual([early]);
    expect(await of("status=cancelled,active")).toEqual([late, early]);
    expect(await of(`unit_id=${unit_id.toUpperCase()}`)).toEqual([early]);
    expect(await of(`customer_id=${customer_id}`)).toEqual([early]);
    expect(await of("starts_from=2025-02-02")).toEqual([late]);
    expect(await of("starts_to=2025-02-02")).toEqual([early]);
    expect(await of(`agent_id=${api.alpha.people.manager.member_id}`)).toEqual([]);
  });

  test("of a round says who is behind, and sorts by the last day and by what is paid", async () => {
    const { member_id } = api.alpha.people.admin;
    const made = async (days: number, count: number): Promise<string> => {
      const id = await open({ agent_id: member_id, starts_on: dayFrom(today, -days) });
      if (count > 0) await visit(id, count);
      return id;
    };
    const [four, one, none, ahead] = [
      await made(3, 0),
      await made(2, 2),
      await made(5, 6),
      await made(-4, 3),
    ];
    const of = (query: string) => ids(`agent_id=${member_id}&${query}`);
    expect(await of("behind_gte=1&sort=created_at")).toEqual([four, one]);
    expect(await of("behind_gte=2")).toEqual([four]);
    expect(await of("behind_gte=5")).toEqual([]);
    expect(await of("sort=ends_on")).toEqual([none, four, one, ahead]);
    expect(await of("sort=-ends_on")).toEqual([ahead, one, four, none]);
    expect(await of("sort=markings_paid")).toEqual([four, one, ahead, none]);
    expect(await of("sort=-markings_paid")).toEqual([none, ahead, one, four]);
    for (const query of ["behind_gte=1", "sort=ends_on", "sort=-markings_paid"])
      await expectProblem(api.send("GET", `/api/v1/savings?${query}`, { token: manager }), "validation");
  });

  test("in pages, in every order, has each account once; as CSV all of them", async () => {
    const { member_id } = api.alpha.people.owner;
    const all = new Set<string>();
    for (let made = 0; made < 5; made += 1) all.add(await open({ agent_id: member_id }));
    for (const sort of [
      "created_at",
      "-created_at",
      "ends_on",
      "-ends_on",
      "markings_paid",
      "-markings_paid",
    ]) {
      const walked: string[] = [];
      for (let cursor: string | null = ""; cursor !== null;) {
        const next: string = cursor === "" ? "" : `&cursor=${cursor}`;
        const page = (await (await list(`agent_id=${member_id}&sort=${sort}&limit=2${next}`)).json()) as {
          data: { id: string }[];
          meta: { next_cursor: string | null };
        };
        walked.push(...page.data.map(({ id }) => id));
        cursor = page.meta.next_cursor;
      }
      expect([sort, walked.toSorted()]).toEqual([sort, [...all].toSorted()]);
    }
    const csv = await (await list(`agent_id=${member_id}&limit=1`, manager, "text/csv")).text();
    const [head = "", ...records] = csv.trimEnd().split("\r\n");
    expect(head).toStartWith("id,tracking_number,run_no,status,customer_id,customer_name,");
    expect(records.map((record) => record.split(",")[0] ?? "").toSorted()).toEqual([...all].toSorted());
  });
});
