import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rolesOf, type WireAction, type WireMove, wireMoves } from "../../src/bank/wire-moves.ts";
import { permissions } from "../../src/http/policy.ts";
import { memberRoles, type WireStatus, wireStatuses } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  actorOf,
  decide,
  type Desk,
  imbalances,
  makeWire,
  makeWireIn,
  moneyOf,
  openDesk,
  type Wire,
} from "../helpers/wires.ts";
import { brokenBooks } from "../helpers/ledger.ts";

let api: TestApp;
let desk: Desk;
/** A wire in each status: what is refused leaves it where it is. */
let resting: Map<WireStatus, Wire>;

const moves: readonly WireMove[] = wireMoves;
const actions = [...new Set(wireMoves.map(({ action }) => action))];

beforeAll(async () => {
  api = await startTestApp();
  desk = await openDesk(api);
  const wires = await Promise.all(wireStatuses.map((status) => makeWireIn(desk, status)));
  resting = new Map(wires.map((wire) => [wire.status, wire]));
});
afterAll(() => api.stop());

const inStatus = (status: WireStatus): Wire => {
  const wire = resting.get(status);
  if (wire === undefined) throw new Error(`no wire is ${status}`);
  return wire;
};
const statusOf = async (id: string): Promise<WireStatus> => {
  const [{ status }] = await api.sql`select status from bank.wire_transfers where transfer_id = ${id}`;
  return status;
};

const expectNothingMoved = async (): Promise<void> => {
  for (const [status, { id }] of resting) expect(await statusOf(id)).toBe(status);
};

describe("every move of the table", () => {
  test.each(moves.map((move) => [`${move.action}: ${move.from} → ${move.to}`, move] as const))(
    "%s succeeds for who may make it, and is told as an event",
    async (_, move) => {
      const wire = await makeWireIn(desk, move.from);
      const by = actorOf(move);
      const response = await decide(desk, wire.id, move.action, { by, version: `"${wire.version}"` });
      expect(response.status).toBe(200);
      const moved = (await response.json()) as Wire;
      expect(moved.status).toBe(move.to);
      expect(moved.version).toBe(wire.version + 1);
      expect(moved.events).toHaveLength(wire.events.length + 1);
      expect(moved.events.at(-1)).toMatchObject({
        from_status: move.from,
        to_status: move.to,
        actor_user_id: api.alpha.people[by].user_id,
      });
    },
  );

  test("leaves the ledger balanced, and of the money what its wire says", async () => {
    expect(await imbalances(api)).toEqual([]);
  });

  test("is refused to every other role, 403, and nothing moves", async () => {
    const tries = moves.flatMap((move) =>
      memberRoles
        .filter((role) => (move.only_creator === true ? role !== "owner" : !move.roles.includes(role)))
        .map(async (by) => {
          const { status } = await decide(desk, inStatus(move.from).id, move.action, { by });
          // To a customer it is as if the wire of another customer were not there.
          const expected = by === "customer" && move.only_creator === true ? 404 : 403;
          return status === expected ? [] : [`${move.action} of ${move.from} by ${by}: ${status}`];
        }),
    );
    expect((await Promise.all(tries)).flat()).toEqual([]);
    await expectNothingMoved();
  });

  test("needs If-Match: without it 428, with a stale one 412", async () => {
    const wire = inStatus("on_hold");
    const path = `/api/v1/wire-transfers/${wire.id}/release`;
    const token = desk.token.compliance;
    await expectProblem(api.send("POST", path, { token }), "precondition_required");
    const stale = await decide(desk, wire.id, "release", { by: "compliance", version: '"1"' });
    await expectProblem(stale, "precondition_failed");
  });

  test("of a wire of another business, or of none, is 404", async () => {
    const stranger = await api.token(api.bravo.people.compliance);
    for (const id of [inStatus("on_hold").id, crypto.randomUUID()]) {
      const response = await api.send("POST", `/api/v1/wire-transfers/${id}/release`, {
        token: id === inStatus("on_hold").id ? stranger : desk.token.compliance,
        headers: { "if-match": "*" },
      });
      await expectProblem(response, "not_found");
    }
  });
});

describe("every other move", () => {
  const illegal = actions.flatMap((action) =>
    wireStatuses
      .filter((from) => !moves.some((move) => move.action === action && move.from === from))
      .map((from) => [action, from] as const),
  );
  const whoMay = (action: WireAction) => {
    const move = moves.findLast((candidate) => candidate.action === action);
    if (move === undefined) throw new Error(action);
    return { by: actorOf(move), to: move.to };
  };

  test("is 409 with {from, to, allowed}, and nothing moves", async () => {
    const tries = illegal.map(async ([action, from]) => {
      const { by, to } = whoMay(action);
      const response = await decide(desk, inStatus(from).id, action, { by });
      const { allowed, ...problem } = (await response.json()) as { allowed?: string[] };
      const legal = new Set(moves.filter((move) => move.from === from).map((move) => move.to as string));
      const given = { action, ...problem, allowed: allowed?.toSorted() };
      expect(given).toMatchObject({
        action,
        status: 409,
        code: "illegal_transition",
        from,
        to,
        allowed: [...legal].toSorted(),
      });
    });
    await Promise.all(tries);
    await expectNothingMoved();
    expect(illegal).toHaveLength(actions.length * wireStatuses.length - moves.length);
  });
});

describe("the policy", () => {
  test("opens a route to exactly those who may make one of its moves", () => {
    const routes = api.app.routes.routes.filter(({ template }) =>
      /\/wire-transfers\/\{id\}\/\w+$/.test(template),
    );
    const actionOf = (template: string) => template.slice(template.lastIndexOf("/") + 1) as WireAction;
    expect(routes.map(({ template }) => actionOf(template)).toSorted()).toEqual(actions.toSorted());
    for (const { template, declaration } of routes) {
      const action = actionOf(template);
      const may = permissions[declaration.permission as keyof typeof permissions] as readonly string[];
      expect({ action, roles: [...may].toSorted() }).toEqual({ action, roles: rolesOf(action).toSorted() });
    }
  });
});

describe("makers and checkers", () => {
  test("who made a wire does not approve it", async () => {
    const wire = await makeWire(desk, { by: "manager" });
    await expectProblem(decide(desk, wire.id, "approve", { by: "manager" }), "maker_checker");
    expect(await statusOf(wire.id)).toBe("pending_approval");
  });

  test("who approved it does not review it, whatever they have become since", async () => {
    const wire = await makeWireIn(desk, "compliance_review");
    const { member_id } = api.alpha.people.manager;
    await api.sql`update core.memberships set role = 'compliance' where id = ${member_id}`;
    await api.forget();
    for (const action of ["approve", "hold", "reject"])
      await expectProblem(decide(desk, wire.id, action, { by: "manager" }), "maker_checker");
    await api.sql`update core.memberships set role = 'manager' where id = ${member_id}`;
    await api.forget();
    expect(await statusOf(wire.id)).toBe("compliance_review");
  });

  test("the database refuses the same person twice, whoever writes", async () => {
    const { id } = inStatus("approved");
    for (const twice of [
      "approved_by = created_by",
      "reviewed_by = created_by",
      "reviewed_by = approved_by",
    ]) {
      const error: unknown = await api.sql
        .unsafe(`update bank.wire_transfers set ${twice} where transfer_id = $1`, [id])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ constraint: "maker_checker" });
    }
  });

  test("of many approvals at once one counts, and none of them is the maker's", async () => {
    const wire = await makeWire(desk, { by: "admin", to: "watched" });
    const many = (["admin", "manager", "owner"] as const).flatMap((by) => [by, by, by, by]);
    const responses = await Promise.all(many.map((by) => decide(desk, wire.id, "approve", { by })));
    const won = many.filter((_, at) => responses[at]?.status === 200);
    expect(won).toHaveLength(1);
    expect(won).not.toContain("admin");
    const [row] = await api.sql`select status, approved_by, created_by,
      (select count(*)::int from bank.wire_transfer_events e where e.transfer_id = w.transfer_id) as events
      from bank.wire_transfers w where transfer_id = ${wire.id}`;
    expect(row).toMatchObject({ status: "compliance_review", events: 2 });
    expect(row.approved_by).not.toBe(row.created_by);
  });

  test("of approving, rejecting and cancelling at once exactly one wins, and money and limits follow it", async () => {
    const before = await moneyOf(desk);
    const outcomes: WireStatus[] = [];
    for (let round = 0; round < 6; round += 1) {
      const wire = await makeWire(desk, { amount: 50_000 });
      const version = `"${wire.version}"`;
      const responses = await Promise.all([
        decide(desk, wire.id, "approve", { by: "manager", version }),
        decide(desk, wire.id, "reject", { by: "compliance", version }),
        decide(desk, wire.id, "cancel", { by: "owner", version }),
      ]);
      expect(responses.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(responses.filter(({ status }) => status === 412 || status === 409)).toHaveLength(2);
      outcomes.push(await statusOf(wire.id));
    }
    const held = outcomes.filter((status) => status === "approved").length * 50_000;
    const after = await moneyOf(desk);
    expect(after).toEqual({
      posted: before.posted,
      available: before.available - held,
      day: before.day + held,
      month: before.month + held,
      wire_day: before.wire_day + held,
    });
    expect(await imbalances(api)).toEqual([]);
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
