import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict, Text } from "../http/schema.ts";
import { accountMoves, type AccountMoveName } from "./account-moves.ts";
import { moveAccount } from "./accounts.ts";
import { Account } from "./accounts.routes.ts";

const Reason = strict({ reason: Text(500, "Why; staff and compliance can read it") });

const texts: Readonly<Record<AccountMoveName, readonly [summary: string, description: string]>> = {
  activate: [
    "Activate an account",
    "A pending one before KYC level 1 is reached, or a dormant one that nothing has moved yet.",
  ],
  freeze: [
    "Freeze an account",
    "Nothing is posted to it from then on; what is held already may still be settled or voided.",
  ],
  unfreeze: ["Unfreeze an account", "Takes back `freeze`."],
  close: ["Close an account", "For ever, and only when nothing is in it and nothing is held."],
};

const operationOf = (move: AccountMoveName) => {
  const { permission, from, to, needs_reason } = accountMoves[move];
  const [summary, description] = texts[move];
  return operation({
    id: `${move}Account`,
    permission,
    tag: "Bank: accounts",
    idempotency: "optional",
    if_match: "optional",
    summary,
    description: `${description} From ${from.join(", ")} to ${to}.`,
    errors: [
      "not_found",
      "illegal_transition",
      ...(move === "close" ? (["account_not_empty"] as const) : []),
    ],
    ...(needs_reason ? { examples: { request: { reason: "Asked for by the customer" } } } : {}),
  });
};

/** What moves an account from state to state. */
export const accountActionRoutes = (deps: Deps) => {
  const giving = (move: AccountMoveName) => ({
    params: IdParams,
    body: Reason,
    response: { 200: Account },
    detail: operationOf(move),
  });
  return new Elysia({ name: "bank.account-actions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/accounts/:id/activate",
      async ({ caller, params }) => written(await moveAccount(deps, caller, params.id, { move: "activate" })),
      { params: IdParams, response: { 200: Account }, detail: operationOf("activate") },
    )
    .post(
      "/accounts/:id/freeze",
      async ({ caller, params, body: { reason } }) =>
        written(await moveAccount(deps, caller, params.id, { move: "freeze", reason })),
      giving("freeze"),
    )
    .post(
      "/accounts/:id/unfreeze",
      async ({ caller, params, body: { reason } }) =>
        written(await moveAccount(deps, caller, params.id, { move: "unfreeze", reason })),
      giving("unfreeze"),
    )
    .post(
      "/accounts/:id/close",
      async ({ caller, params, body: { reason } }) =>
        written(await moveAccount(deps, caller, params.id, { move: "close", reason })),
      giving("close"),
    );
};
