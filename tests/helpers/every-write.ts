import type { TestApp } from "./app.ts";
import { ofKyc } from "./every-write-kyc.ts";
import { ofAccounts } from "./writes-accounts.ts";
import type { Person } from "./fixtures.ts";
import { login } from "./login.ts";
import type { Things } from "./things.ts";
import { ofBank } from "./writes-bank.ts";
import { ofChat } from "./writes-chat.ts";
import { ofCodes } from "./writes-codes.ts";
import { ofWires } from "./writes-wires.ts";
import { ofSavingsCash } from "./writes-savings-cash.ts";
import { ofLedger } from "./writes-ledger.ts";
import { ofCollecting } from "./writes-savings-collecting.ts";
import { ofPayments } from "./writes-savings-payments.ts";
import { ofSavingsAccounts } from "./writes-savings-accounts.ts";
import { ofSavingsOnline } from "./writes-savings-online.ts";
import { ofBudgets } from "./writes-budget.ts";
import { ofBudgetTransactions } from "./writes-budget-transactions.ts";
import { ofShopImport } from "./writes-shop-import.ts";
import { ofShopJobs } from "./writes-shop-jobs.ts";
import { ofShopPlan } from "./writes-shop-plan.ts";
import { ofShopTime } from "./writes-shop-time.ts";
import { ofShopMachines } from "./writes-shop-machines.ts";

/** A write of the product, and what it changes of what is cached. */
export type Write = Readonly<{
  /** Method and path, without `/api/v1`. */
  route: string;
  what?: string;
  /** Before anything is read. */
  prepare?: () => Promise<unknown>;
  send: () => Promise<Response>;
  /** Definitions whose answers are others afterwards, for one of the readers at least. */
  changes: readonly string[];
  /** Those that are others only if it was long ago that the clock was started: what they count is rounded. */
  may_change?: readonly string[];
}>;

/** Where the writes are sent to, and whom they concern. */
export type Scene = Readonly<{
  api: TestApp;
  things: Things;
  /** A token of the owner of the first business. */
  owner: string;
  /** At work in the second business, suspended in the first, where a step is still theirs. */
  absentee: Person;
  /** They belong to the second business, and are invited to the first. */
  guests: readonly [entering: Person, loggingIn: Person];
}>;

/** What is sent, as JSON, and with which headers. */
type Sent = Readonly<{ body?: unknown; headers?: Record<string, string> }>;
type Send = (method: string, path: string, sent?: Sent) => Promise<Response>;
/** A scene with who sends. */
export type Desk = Scene & Readonly<{ byOwner: Send; by: (person: Person) => Send }>;

/** Every write of the product, in an order in which each finds what it needs. */
export function everyWrite(scene: Scene): Write[] {
  const sendAs =
    (token: () => Promise<string>): Send =>
    async (method, path, { body, headers } = {}) =>
      scene.api.send(method, `/api/v1${path}`, {
        token: await token(),
        ...(body === undefined ? {} : { body }),
        headers: { "if-match": "*", ...headers },
      });
  const desk: Desk = {
    ...scene,
    byOwner: sendAs(() => Promise.resolve(scene.owner)),
    // In a session of their own, which may end by it.
    by: (person) => sendAs(() => scene.api.token(person)),
  };
  const keyedBy =
    (person: Person): Send =>
    (method, path, sent) =>
      desk.by(person)(method, path, { ...sent, headers: { "idempotency-key": crypto.randomUUID() } });
  const keyed: Send = (method, path, sent) =>
    desk.byOwner(method, path, { ...sent, headers: { "idempotency-key": crypto.randomUUID() } });
  return [
    ...[ofCustomers, ofKyc, ofBusiness, ofUnits, ofMembers, ofPeople, ofSessions, ofCodes, ofOthers].flatMap(
      (of) => of(desk),
    ),
    ...ofLedger(keyed),
    ...ofBank(keyed, scene.things.bank),
    ...ofAccounts(desk),
    ...ofWires(
      {
        owner: keyed,
        manager: keyedBy(scene.api.alpha.people.manager),
        compliance: keyedBy(scene.api.alpha.people.compliance),
      },
      { ...scene.things.bank, customer_id: scene.things.customer_id },
    ),
    ...ofCollecting({ owner: keyed }, scene.things.savings),
    // Afterwards: what was submitted is not undone by an agent, and cash that was spent not at all.
    ...ofSavingsCash(
      {
        owner: keyed,
        manager: keyedBy(scene.api.alpha.people.manager),
        agent: keyedBy(scene.api.alpha.people.agent),
      },
      scene.api,
      scene.things.savings,
    ),
    ...ofPayments(
      { owner: keyed, manager: keyedBy(scene.api.alpha.people.manager) },
      {
        ...scene.things.savings,
        customer_id: scene.things.customer_id,
        agent_id: scene.api.alpha.people.agent.member_id,
      },
    ),
    ...ofSavingsAccounts(desk),
    ...ofSavingsOnline(scene.api),
    // Before steps leave the machine.
    ...ofShopMachines(desk),
    ...ofShopPlan(desk),
    ...ofShopTime(desk),
    ...ofShopJobs(desk),
    ...ofShopImport(desk),
    ...ofBudgetTransactions(desk),
    ...ofChat(desk),
    // Afterwards: the budget goes.
    ...ofBudgets(desk),
  ];
}

function ofCustomers({ byOwner, things: { customer_id } }: Desk): Write[] {
  return [
    {
      route: "POST /customers",
      send: () => byOwner("POST", "/customers", { body: { name: "Newcomer" } }),
      changes: ["core.customers.page", "shop.dashboard.activity"],
    },
    {
      route: "PATCH /customers/{id}",
      send: () => byOwner("PATCH", `/customers/${customer_id}`, { body: { name: "canary two" } }),
      changes: [
        "core.customer",
        "core.customers.page",
        "shop.dashboard.activity",
        "savings.account",
        "savings.accounts.page",
        "shop.dashboard.recent_jobs",
        "shop.job",
        "shop.jobs.page",
      ],
    },
    {
      route: "POST /customers/{id}/archive",
      send: () => byOwner("POST", `/customers/${customer_id.toUpperCase()}/archive`),
      changes: ["core.customer", "core.customers.page", "shop.dashboard.activity"],
    },
    {
      route: "POST /customers/{id}/restore",
      send: () => byOwner("POST", `/customers/${customer_id}/restore`),
      changes: ["core.customer", "core.customers.page", "shop.dashboard.activity"],
    },
    {
      route: "POST /customers/import",
      send: () =>
        byOwner("POST", "/customers/import", {
          body: "name\nFrom a file",
          headers: { "content-type": "text/csv" },
        }),
      changes: ["core.customers.page", "shop.dashboard.activity"],
    },
  ];
}

function ofBusiness({ api, byOwner, things }: Desk): Write[] {
  const move = (timezone: string) => byOwner("PATCH", "/business", { body: { timezone } });
  return [
    {
      route: "PATCH /business",
      what: "name",
      send: () => byOwner("PATCH", "/business", { body: { name: "Other & Sons" } }),
      changes: ["core.business", "core.me"],
    },
    {
      route: "PATCH /business",
      what: "to a time zone where it is another day",
      prepare: async () => {
        await move("Pacific/Pago_Pago");
        await api.sql`update shop.jobs set due_on = (now() at time zone 'Pacific/Pago_Pago')::date
          where business_id = ${api.alpha.id}`;
        await api.sql`update ledger.balances set day = (now() at time zone 'Pacific/Pago_Pago')::date, day_used = 7
          where business_id = ${api.alpha.id} and account_id = ${things.bank.account_id}`;
        await api.forget();
      },
      send: () => move("Pacific/Kiritimati"),
      changes: [
        "bank.overview.customer",
        "core.business",
        "core.me",
        "savings.markings",
        "savings.metrics.business",
        "savings.metrics.customer",
        "shop.dashboard.recent_jobs",
        "shop.dashboard.stats",
        "shop.job",
        "shop.jobs.page",
        "shop.machine.oee",
      ],
    },
    {
      route: "PUT /settings/{key}",
      send: () => byOwner("PUT", "/settings/shop.job_number", { body: { value: "J-{n:4}" } }),
      changes: ["core.setting", "core.settings.all"],
    },
  ];
}

function ofUnits({ byOwner, things }: Desk): Write[] {
  const made = { id: "" };
  return [
    {
      route: "POST /units",
      send: async () => {
        const response = await byOwner("POST", "/units", { body: { name: "Ikeja" } });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: ["core.units.page"],
    },
    {
      route: "PATCH /units/{id}",
      send: () => byOwner("PATCH", `/units/${things.idOf("/api/v1/units/{id}")}`, { body: { name: "Yaba" } }),
      changes: ["core.unit", "core.units.page"],
    },
    {
      route: "DELETE /units/{id}",
      send: () => byOwner("DELETE", `/units/${made.id.toUpperCase()}`),
      changes: ["core.units.page"],
    },
  ];
}

function ofMembers({ api: { alpha, bravo }, byOwner, by, guests: [guest] }: Desk): Write[] {
  const clerk = `/members/${alpha.people.clerk.member_id}`;
  const enter = (business_id: string) =>
    by(guest)("POST", "/me/active-business", { body: { business_id: business_id.toUpperCase() } });
  const full = { full_name: "New Hand", password: "four walls, one roof" };
  return [
    {
      route: "POST /members",
      what: "with a login",
      send: () => byOwner("POST", "/members", { body: { username: "new.hand", ...full, role: "operator" } }),
      changes: ["shop.dashboard.stats"],
    },
    {
      route: "POST /members",
      what: "invitation",
      send: () => byOwner("POST", "/members", { body: { username: guest.username, role: "clerk" } }),
      changes: ["core.me"],
    },
    {
      route: "POST /me/active-business",
      what: "invitation accepted",
      send: () => enter(alpha.id),
      changes: ["core.me", "shop.dashboard.stats"],
    },
    {
      route: "POST /me/active-business",
      what: "back again",
      send: () => enter(bravo.id),
      changes: [],
    },
    {
      route: "PATCH /members/{id}",
      send: () => byOwner("PATCH", clerk, { body: { role: "manager" } }),
      changes: ["core.me", "shop.dashboard.stats"],
    },
    {
      route: "POST /members/{id}/suspend",
      send: () => byOwner("POST", `${clerk}/suspend`),
      changes: ["core.me", "shop.dashboard.stats"],
    },
    {
      route: "POST /members/{id}/reactivate",
      send: () => byOwner("POST", `${clerk}/reactivate`),
      changes: ["core.me", "shop.dashboard.stats"],
    },
  ];
}

function ofPeople({ api: { alpha }, by, absentee }: Desk): Write[] {
  const { operator, admin } = alpha.people;
  const body = { old_password: admin.password, new_password: "four walls, one roof" };
  return [
    {
      route: "PATCH /me",
      send: () => by(operator)("PATCH", "/me", { body: { full_name: "Chidi Eze" } }),
      changes: ["core.me", "shop.job", "shop.step", "shop.step_notes.page"],
    },
    {
      route: "PATCH /me",
      what: "of somebody who is suspended elsewhere",
      send: () => by(absentee)("PATCH", "/me", { body: { full_name: "Ngozi Bello" } }),
      changes: ["core.me", "shop.job"],
    },
    {
      route: "POST /auth/password",
      send: () => by(admin)("POST", "/auth/password", { body }),
      changes: ["core.me"],
    },
  ];
}

function ofSessions({ api, byOwner, by, things, guests: [, guest] }: Desk): Write[] {
  const { agent, operator } = api.alpha.people;
  const enter = ({ username, password }: Pick<Person, "username" | "password">) =>
    api.send("POST", "/api/v1/auth/login", { body: { username, password } });
  return [
    { route: "POST /auth/login", send: () => enter(agent), changes: [] },
    {
      route: "POST /auth/login",
      what: "wrong password",
      send: () => enter({ ...operator, password: "wrong, all of it" }),
      changes: [],
    },
    {
      route: "POST /auth/login",
      what: "invitation accepted",
      prepare: async () => {
        await byOwner("POST", "/members", { body: { username: guest.username, role: "clerk" } });
        // Who has nothing but an invitation accepts it by logging in.
        await api.sql`update core.memberships set status = 'suspended' where id = ${guest.member_id}`;
        await api.forget();
      },
      send: () => enter(guest),
      changes: ["shop.dashboard.stats"],
    },
    {
      route: "POST /auth/refresh",
      send: async () => {
        const { refresh_token } = await login(api, agent);
        return api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } });
      },
      changes: [],
    },
    { route: "POST /auth/logout", send: () => by(agent)("POST", "/auth/logout"), changes: [] },
    {
      route: "DELETE /me/sessions/{id}",
      send: () => byOwner("DELETE", `/me/sessions/${things.idOf("/api/v1/me/sessions/{id}")}`),
      changes: [],
    },
  ];
}

function ofOthers({ byOwner, things }: Desk): Write[] {
  const made = { id: "" };
  const note = `/notifications/${things.idOf("/api/v1/notifications/{id}")}`;
  return [
    {
      route: "POST /files",
      send: async () => {
        const body = new FormData();
        body.set("file", new File(["seven"], "note.txt", { type: "text/plain" }));
        const response = await byOwner("POST", "/files", { body });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: [],
    },
    { route: "DELETE /files/{id}", send: () => byOwner("DELETE", `/files/${made.id}`), changes: [] },
    { route: "POST /notifications/{id}/read", send: () => byOwner("POST", `${note}/read`), changes: [] },
    {
      route: "POST /notifications/read-all",
      send: () => byOwner("POST", "/notifications/read-all"),
      changes: [],
    },
    {
      route: "POST /health/cache/clear",
      send: () => byOwner("POST", "/health/cache/clear"),
      changes: [],
    },
  ];
}
