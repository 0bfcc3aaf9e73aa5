import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { permissions } from "../../src/http/policy.ts";
import { memberRoles, type PaymentRequestStatus, paymentRequestStatuses } from "../../src/platform/enums.ts";
import {
  type PaymentRequestAction,
  type PaymentRequestMove,
  paymentRequestMoves,
} from "../../src/savings/payment-request-moves.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import {
  bankMoves,
  brokenPayments,
  decidePayment,
  makePaymentRequest,
  makePaymentRequestIn,
  openPaymentDesk,
  type PaymentDesk,
  type PaymentRequest,
  sentFor,
} from "../helpers/payments.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let desk: PaymentDesk;
/** A request in each status: what is refused leaves it where it is. */
let resting: Map<PaymentRequestStatus, PaymentRequest>;

const moves = bankMoves;
const actions = [...new Set(paymentRequestMoves.map(({ action }) => action))];
const actionOf = (move: PaymentRequestMove) => move.action as PaymentRequestAction;

beforeAll(async () => {
  api = await startTestApp();
  desk = await openPaymentDesk(api);
  const requests = paymentRequestStatuses.map((status) => makePaymentRequestIn(desk, status));
  resting = new Map((await Promise.all(requests)).map((request) => [request.status, request]));
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenPayments(desk)).toEqual([]);
});

const inStatus = (status: PaymentRequestStatus): PaymentRequest => {
  const request = resting.get(status);
  if (request === undefined) throw new Error(`no request is ${status}`);
  return request;
};
const statusOf = async (id: string): Promise<PaymentRequestStatus> => {
  const [{ status }] = await api.sql`select status from savings.payment_requests where id = ${id}`;
  return status;
};
const expectNothingMoved = async (): Promise<void> => {
  for (const [status, { id }] of resting) expect(await statusOf(id)).toBe(status);
};

describe("every move of the table", () => {
  test.each(moves.map((move) => [`${move.action}: ${move.from} → ${move.to}`, move] as const))(
    "%s succeeds for who may make it",
    async (_, move) => {
      const request = await makePaymentRequestIn(desk, move.from);
      const sent = sentFor(move);
      const version = `"${request.version}"`;
      const response = await decidePayment(desk, request.id, actionOf(move), { ...sent, version });
      expect(response.status).toBe(200);
      const moved = (await response.json()) as PaymentRequest;
      expect(moved).toMatchObject({ status: move.to, version: request.version + 1 });
      const { user_id } = api.alpha.people[sent.by];
      expect(moved.decided_by).toBe(move.action === "cancel" ? null : api.alpha.people.manager.user_id);
      if (move.action === "pay") expect(moved.paid_by).toBe(user_id);
      const [account] =
        await api.sql`select status from savings.accounts where id = ${moved.savings_account_id}`;
      expect(account.status).toBe(move.to === "paid" ? "paid_out" : "closed_early");
    },
  );

  test("is refused to every other role, and nothing moves", async () => {
    const tries = moves.flatMap((move) =>
      memberRoles
        .filter((role) => (move.maker === "only" ? role !== "agent" : !move.roles.includes(role)))
        .map(async (by) => {
          const { status } = await decidePayment(desk, inStatus(move.from).id, actionOf(move), {
            body: sentFor(move).body,
            by,
          });
          // To a customer and to a sub-agent it is as if the requests of others were not there.
          const unseen = move.maker === "only" && (by === "customer" || by === "sub_agent");
          return status === (unseen ? 404 : 403)
            ? []
            : [`${move.action} of ${move.from} by ${by}: ${status}`];
        }),
    );
    expect((await Promise.all(tries)).flat()).toEqual([]);
    await expectNothingMoved();
  });

  test("needs If-Match: without it 428, with a stale one 412", async () => {
    const { id } = inStatus("approved");
    const path = `/api/v1/payment-requests/${id}/pay`;
    const keyed = { token: desk.token.manager, headers: { "idempotency-key": crypto.randomUUID() } };
    await expectProblem(api.send("POST", path, keyed), "precondition_required");
    await expectProblem(decidePayment(desk, id, "pay", { version: '"1"' }), "precondition_failed");
    const unkeyed = { token: desk.token.manager, headers: { "if-match": "*" } };
    await expectProblem(api.send("POST", path, unkeyed), "idempotency_key_required");
    await expectNothingMoved();
  });

  test("of a request of another business, or of none, is 404", async () => {
    const stranger = await api.token(api.bravo.people.manager);
    for (const [id, token] of [
      [inStatus("pending").id, stranger],
      [crypto.randomUUID(), desk.token.manager],
    ] as const) {
      const options = { token, headers: { "if-match": "*" }, body: {} };
      await expectProblem(api.send("POST", `/api/v1/payment-requests/${id}/approve`, options), "not_found");
    }
  });
});

describe("every other move", () => {
  const illegal = actions.flatMap((action) =>
    paymentRequestStatuses
      .filter((from) => !moves.some((move) => move.action === action && move.from === from))
      .map((from) => [action, from] as const),
  );

  test("is 409 with {from, to, allowed}, and nothing moves", async () => {
    const tries = illegal.map(async ([action, from]) => {
      const move = moves.findLast((candidate) => candidate.action === action);
      if (move === undefined) throw new Error(action);
      const response = await decidePayment(desk, inStatus(from).id, action, sentFor(move));
      const { allowed, ...problem } = (await response.json()) as { allowed?: string[] };
      const legal = new Set(
        moves.filter((legalMove) => legalMove.from === from).map(({ to }) => to as string),
      );
      const given = { action, ...problem, allowed: allowed?.toSorted() };
      expect(given).toMatchObject({
        action,
        status: 409,
        code: "illegal_transition",
        from,
        to: move.to,
        allowed: [...legal].toSorted(),
      });
    });
    await Promise.all(tries);
    await expectNothingMoved();
    const pairs = new Set(moves.map(({ action, from }) => `${action} ${from}`));
    expect(illegal).toHaveLength(actions.length * paymentRequestStatuses.length - pairs.size);
  });

  test("a payment that is on its way does not arrive without a reference", async () => {
    const problem = await expectProblem(decidePayment(desk, inStatus("paying").id, "pay"), "validation");
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(["/provider_ref"]);
    await expectNothingMoved();
  });
});

test("the policy opens a route to exactly those who may make one of its moves", () => {
  const routes = api.app.routes.routes.filter(({ template }) =>
    /\/payment-requests\/\{id\}\/\w+$/.test(template),
  );
  const named = (template: string) => template.slice(template.lastIndexOf("/") + 1) as PaymentRequestAction;
  expect(routes.map(({ template }) => named(template)).toSorted()).toEqual(actions.toSorted());
  for (const { template, declaration } of routes) {
    const may = permissions[declaration.permission as keyof typeof permissions] as readonly string[];
    const roles = moves.filter(({ action }) => action === named(template)).flatMap((move) => move.roles);
    expect([named(template), ...may.toSorted()]).toEqual([
      named(template),
      ...[...new Set(roles)].toSorted(),
    ]);
  }
});

describe("makers and checkers", () => {
  test("who asked for a payment neither decides nor pays it, nor does who gets it", async () => {
    const own = await makePaymentRequest(desk, { by: "manager" });
    const [customer] = await api.sql`insert into core.customers (business_id, name, user_id)
      values (${api.alpha.id}, 'Manager', ${api.alpha.people.manager.user_id}) returning id`;
    const got = await makePaymentRequest(desk, { customer_id: customer.id });
    for (const { id } of [own, got]) {
      await expectProblem(decidePayment(desk, id, "approve"), "maker_checker");
      await expectProblem(decidePayment(desk, id, "reject"), "maker_checker");
      expect((await decidePayment(desk, id, "approve", { by: "owner" })).status).toBe(200);
      await expectProblem(decidePayment(desk, id, "pay"), "maker_checker");
      expect(await statusOf(id)).toBe("approved");
      expect((await decidePayment(desk, id, "pay", { by: "admin" })).status).toBe(200);
    }
  });

  test("the database refuses the same person twice, whoever writes", async () => {
    for (const twice of ["decided_by = requested_by", "paid_by = requested_by"]) {
      const error: unknown = await api.sql
        .unsafe(`update savings.payment_requests set ${twice} where id = $1`, [inStatus("approved").id])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ constraint: "payment_requests_maker_checker" });
    }
  });

  test("of twelve approvals at once one counts, and it is not the maker's", async () => {
    const { id } = await makePaymentRequest(desk, { by: "admin" });
    const many = (["admin", "manager", "owner"] as const).flatMap((by) => [by, by, by, by]);
    const responses = await Promise.all(many.map((by) => decidePayment(desk, id, "approve", { by })));
    const won = many.filter((_, at) => responses[at]?.status === 200);
    expect(won).toHaveLength(1);
    expect(won).not.toContain("admin");
    const [row] = await api.sql`select status, version, decided_by <> requested_by as apart
      from savings.payment_requests where id = ${id}`;
    expect(row).toEqual({ status: "approved", version: 2, apart: true });
  });

  test("of approving, rejecting and cancelling at once one wins; a payment is made once, by one of many", async () => {
    for (let round = 0; round < 4; round += 1) {
      const request = await makePaymentRequest(desk);
      const version = `"${request.version}"`;
      const responses = await Promise.all([
        decidePayment(desk, request.id, "approve", { version }),
        decidePayment(desk, request.id, "reject", { by: "owner", version }),
        decidePayment(desk, request.id, "cancel", { by: "agent", version }),
      ]);
      expect(responses.map(({ status }) => String(status)).toSorted()).toEqual(["200", "412", "412"]);
    }
    const { id } = await makePaymentRequest(desk);
    await decidePayment(desk, id, "approve");
    const paid = await Promise.all(
      (["manager", "owner", "admin", "manager"] as const).map((by) => decidePayment(desk, id, "pay", { by })),
    );
    expect(paid.map(({ status }) => String(status)).toSorted()).toEqual(["200", "409", "409", "409"]);
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
