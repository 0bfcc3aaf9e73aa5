import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams } from "../http/schema.ts";
import { accountMoves, type AccountAction } from "./accounts-moves.ts";
import { Closing, Extension, Renewal, SavingsAccount } from "./accounts.shapes.routes.ts";
import { moveAccount, renewAccount } from "./accounts.ts";
import { describeMoves } from "../core/moves.ts";

const documented = (
  action: AccountAction,
  declared: Pick<
    Parameters<typeof operation>[0],
    "id" | "permission" | "summary" | "description" | "examples"
  > & {
    success?: 201;
    errors?: readonly ("active_account_exists" | "reference_not_found")[];
  },
) =>
  operation({
    tag: "Savings: accounts",
    idempotency: "optional",
    if_match: "optional",
    ...declared,
    description: `${declared.description} ${describeMoves(accountMoves, action, "its agent")}.`,
    errors: ["not_found", "illegal_transition", ...(declared.errors ?? [])],
  });

/** What moves a savings account from state to state. */
export const accountActionRoutes = (deps: Deps) =>
  new Elysia({ name: "savings.account-actions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/savings/:id/close",
      async ({ caller, params, body: { reason } }) =>
        written(await moveAccount(deps, caller, params.id, { action: "close", reason })),
      {
        params: IdParams,
        body: Closing,
        response: { 200: SavingsAccount },
        detail: documented("close", {
          id: "closeSavingsAccount",
          permission: "savings.close",
          summary: "Close a savings account",
          description:
            "Before its last slot is paid. It is cancelled where nothing was paid; what was paid can be asked for.",
          examples: { request: { reason: "Moves to another town" } },
        }),
      },
    )
    .post(
      "/savings/:id/extend",
      async ({ caller, params, body: { cycles } }) =>
        written(await moveAccount(deps, caller, params.id, { action: "extend", cycles })),
      {
        params: IdParams,
        body: Extension,
        response: { 200: SavingsAccount },
        detail: documented("extend", {
          id: "extendSavingsAccount",
          permission: "savings.extend",
          summary: "Add cycles to a savings account",
          description: "Up to 60 altogether; nothing that is paid is lost.",
          examples: { request: { cycles: 1 } },
        }),
      },
    )
    .post(
      "/savings/:id/renew",
      async ({ caller, params, body }) => written(await renewAccount(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: Renewal,
        response: { 201: SavingsAccount },
        detail: documented("renew", {
          id: "renewSavingsAccount",
          permission: "savings.extend",
          success: 201,
          summary: "Open the next run of a savings account",
          description:
            "From today, with the terms that the product has now, and the amount and the cycles that the last run had unless " +
            "others are sent. The account itself stays as it is.",
          errors: ["active_account_exists", "reference_not_found"],
          examples: { request: { cycles: 2 } },
        }),
      },
    );
