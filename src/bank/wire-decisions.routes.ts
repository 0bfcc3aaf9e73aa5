import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation, type OperationDetail } from "../http/operation.ts";
import type { Permission } from "../http/policy.ts";
import type { ProblemCode } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict } from "../http/schema.ts";
import { describeMoves, type WireAction } from "./wire-moves.ts";
import { NetworkRef, Reason, Wire } from "./wire-shapes.routes.ts";
import { decideWire } from "./wires.ts";

const Why = strict({ reason: Reason });
const Note = t.Optional(strict({ reason: t.Optional(Reason) }));
const Sent = t.Optional(strict({ network_ref: t.Optional(NetworkRef) }));

type Words = { summary: string; description: string; request: object; errors?: readonly ProblemCode[] };

/** What all decisions have in common; who may make which is in the table of moves. */
function decision(action: WireAction, permission: Permission, words: Words): OperationDetail {
  const { summary, description, request, errors = [] } = words;
  return operation({
    id: `${action}Wire`,
    permission,
    tag: "Bank: wires",
    idempotency: "optional",
    if_match: "required",
    summary,
    description: `${describeMoves(action)}. ${description}`,
    errors: ["not_found", "illegal_transition", ...errors],
    examples: { request },
  });
}

const documented = {
  approve: decision("approve", "wires.approve", {
    summary: "Approve a wire",
    description:
      "A wire that is below the threshold, with a screening score under 0.92, goes on to `approved` in the same call.",
    request: { reason: "Invoice seen" },
    errors: ["maker_checker"],
  }),
  hold: decision("hold", "wires.review", {
    summary: "Hold a wire for inquiries",
    description: "The money stays held.",
    request: { reason: "Asked for the contract" },
    errors: ["maker_checker"],
  }),
  release: decision("release", "wires.review", {
    summary: "Put a held wire back into review",
    description: "Takes back `hold`.",
    request: { reason: "The contract came" },
    errors: ["maker_checker"],
  }),
  reject: decision("reject", "wires.review", {
    summary: "Reject a wire",
    description: "What was held is free again, fee included, and the limits get back what it used of them.",
    request: { reason: "The beneficiary is on a list" },
    errors: ["maker_checker"],
  }),
  submit: decision("submit", "wires.settle", {
    summary: "Say that a wire was sent",
    description: "From here on nobody cancels it.",
    request: { network_ref: "eb6305c9-1f7f-49de-aed0-16487c27b42d" },
    errors: ["already_exists"],
  }),
  complete: decision("complete", "wires.settle", {
    summary: "Say that a wire arrived",
    description: "What was held leaves the account.",
    request: { network_ref: "eb6305c9-1f7f-49de-aed0-16487c27b42d" },
    errors: ["already_exists"],
  }),
  return: decision("return", "wires.settle", {
    summary: "Say that a wire came back",
    description:
      "A new transaction brings the amount back; the fee too where `bank.wire_fee` says `refund_on_return`. The limits get " +
      "back what it used of them.",
    request: { reason: "The account is closed" },
    errors: ["account_not_open"],
  }),
  cancel: decision("cancel", "wires.write", {
    summary: "Cancel a wire",
    description: "What was held is free again, fee included, and the limits get back what it used of them.",
    request: { reason: "Paid twice" },
  }),
};

/** Decisions about wires: each moves one from state to state, and its money with it. */
export const wireDecisionRoutes = (deps: Deps) => {
  const settings = { params: IdParams, response: { 200: Wire } };
  return new Elysia({ name: "bank.wire-decisions", prefix: "/api/v1/wire-transfers", normalize: false })
    .use(edge)
    .post(
      "/:id/approve",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "approve", given: body ?? {} })),
      { ...settings, body: Note, detail: documented.approve },
    )
    .post(
      "/:id/hold",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "hold", given: body })),
      { ...settings, body: Why, detail: documented.hold },
    )
    .post(
      "/:id/release",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "release", given: body ?? {} })),
      { ...settings, body: Note, detail: documented.release },
    )
    .post(
      "/:id/reject",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "reject", given: body })),
      { ...settings, body: Why, detail: documented.reject },
    )
    .post(
      "/:id/submit",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "submit", given: body ?? {} })),
      { ...settings, body: Sent, detail: documented.submit },
    )
    .post(
      "/:id/complete",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "complete", given: body ?? {} })),
      { ...settings, body: Sent, detail: documented.complete },
    )
    .post(
      "/:id/return",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "return", given: body })),
      { ...settings, body: Why, detail: documented.return },
    )
    .post(
      "/:id/cancel",
      async ({ caller, params: { id }, body }) =>
        written(await decideWire(deps, caller, { id, action: "cancel", given: body ?? {} })),
      { ...settings, body: Note, detail: documented.cancel },
    );
};
