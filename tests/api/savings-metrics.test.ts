import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import type { Person } from "../helpers/fixtures.ts";
import { expectProblem } from "../helpers/problem.ts";
import { collect, openSavings } from "../helpers/savings.ts";

// What each figure is, tests/sql/savings-figures.test.ts says; here, who is shown which of them.
let api: TestApp;
let unit_id: string;
let customer_id: string;
let tokens: Record<"owner" | "agent" | "sub_agent" | "customer" | "manager", string>;

type Metrics = {
  scope: string;
  collections: { today: number; agents_out: number };
  accounts: { active: number };
  top_agents: { agent_id: string }[];
  saved?: number;
  savings_accounts: { savings_account_id: string }[];
};

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, sql } = api;
  const { owner, agent, sub_agent, manager, customer } = alpha.people;
  const token = (person: Person) => api.token(person);
  tokens = {
    owner: await token(owner),
    agent: await token(agent),
    sub_agent: await token(sub_agent),
    manager: await token(manager),
    customer: await token(customer),
  };
  const [unit] =
    await sql`insert into core.units (business_id, name) values (${alpha.id}, 'North') returning id`;
  unit_id = unit.id;
  customer_id = await makeCustomer(sql, alpha, { user_id: customer.user_id });
  // 100 of the agent, 200 of the sub-agent for the customer, 400 of the manager in the unit
  await visit(agent, 100);
  await visit(sub_agent, 200, { customer_id });
  await visit(manager, 400, { unit_id });
});
afterAll(() => api.stop());

async function visit(
  agent: Person,
  marking_amount: number,
  more: { customer_id?: string; unit_id?: string } = {},
): Promise<string> {
  const { alpha, sql } = api;
  const { savings_account_id } = await openSavings(sql, alpha, {
    agent_id: agent.member_id,
    marking_amount,
    ...more,
  });
  const [done] = await collect(sql, alpha, [{ savings_account_id, count: 1 }], agent);
  expect(done).toMatchObject({ refusal: null });
  return savings_account_id;
}

const ask = (query: string, token: string) => api.send("GET", `/api/v1/savings/metrics${query}`, { token });
const read = async (query: string, token: string): Promise<Metrics> => {
  const response = await ask(query, token);
  expect(response.status).toBe(200);
  return (await response.json()) as Metrics;
};

test("staff see the business, an agent with sub-agents, a unit, and a customer", async () => {
  const { agent, sub_agent, manager } = api.alpha.people;
  const figures = async (query: string) => {
    const { scope, collections, accounts, top_agents } = await read(query, tokens.owner);
    return [scope, collections.today, accounts.active, top_agents.map(({ agent_id }) => agent_id)];
  };
  const [agent_id, sub, other] = [agent.member_id, sub_agent.member_id, manager.member_id];
  expect(await figures("")).toEqual(["business", 700, 3, [other, sub, agent_id]]);
  expect(await figures(`?agent_id=${agent_id.toUpperCase()}`)).toEqual(["agent", 300, 2, [sub, agent_id]]);
  expect(await figures(`?agent_id=${sub}`)).toEqual(["agent", 200, 1, [sub]]);
  expect(await figures(`?unit_id=${unit_id}`)).toEqual(["unit", 400, 1, [other]]);
  expect(await read(`?customer_id=${customer_id}`, tokens.manager)).toMatchObject({
    scope: "customer",
    saved: 200,
  });
});

test("an agent sees their own and their sub-agents', a sub-agent and a customer their own", async () => {
  const { agent, sub_agent } = api.alpha.people;
  expect((await read("", tokens.agent)).collections).toMatchObject({ today: 300, agents_out: 2 });
  expect((await read(`?agent_id=${sub_agent.member_id}`, tokens.agent)).collections.today).toBe(200);
  expect((await read("", tokens.sub_agent)).collections).toMatchObject({ today: 200, agents_out: 1 });
  await expectProblem(await ask(`?agent_id=${agent.member_id}`, tokens.sub_agent), "not_found");
  for (const query of ["", `?customer_id=${customer_id}`])
    expect(await read(query, tokens.customer)).toMatchObject({ scope: "customer", saved: 200 });
  // of a customer, an agent sees the accounts that are theirs
  expect(await read(`?customer_id=${customer_id}`, tokens.agent)).toMatchObject({ saved: 200 });
  const another = await makeCustomer(api.sql, api.alpha);
  const account = await visit(api.alpha.people.manager, 50, { customer_id: another });
  expect((await read(`?customer_id=${another}`, tokens.agent)).savings_accounts).toEqual([]);
  const [seen] = (await read(`?customer_id=${another}`, tokens.owner)).savings_accounts;
  expect(seen?.savings_account_id).toBe(account);
});

test("who asks beyond that is refused", async () => {
  const { alpha, bravo, sql } = api;
  const { agent } = alpha.people;
  const refused = async (query: string, token: string, code: "not_found" | "forbidden" | "validation") =>
    expectProblem(await ask(query, token), code);
  const other = await makeCustomer(sql, alpha);
  const foreign = await makeCustomer(sql, bravo);
  await refused(`?customer_id=${other}`, tokens.customer, "not_found");
  for (const token of [tokens.customer, tokens.owner])
    await refused(`?customer_id=${foreign}`, token, "not_found");
  await refused(`?agent_id=${bravo.people.agent.member_id}`, tokens.owner, "not_found");
  await refused(`?unit_id=${crypto.randomUUID()}`, tokens.owner, "not_found");
  await refused(`?unit_id=${unit_id}`, tokens.agent, "forbidden");
  await refused(`?unit_id=${unit_id}`, tokens.customer, "forbidden");
  await refused(`?agent_id=${agent.member_id}`, tokens.customer, "forbidden");
  await refused(`?agent_id=${agent.member_id}&unit_id=${unit_id}`, tokens.owner, "validation");
  await refused("?agent_id=me", tokens.owner, "validation");
  // a login that is no customer, and a role that has nothing to do with savings
  await refused("", await api.token(bravo.people.customer), "not_found");
  await refused("", await api.token(alpha.people.operator), "forbidden");
});
