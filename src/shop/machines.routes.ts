import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, resource } from "../http/respond.ts";
import { IdParams, listParameters, ListOf, strict } from "../http/schema.ts";
import { getMachine, listMachines, listProcesses } from "./machines.ts";
import { Machine, MachineListItem, MachineStatus, Process } from "./shapes.routes.ts";

/** Machines and processes of the shop, for reading. */
export const machineRoutes = (deps: Deps) =>
  new Elysia({ name: "shop.machines", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/machines",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listMachines),
      {
        query: strict({
          ...listParameters,
          status: t.Optional(MachineStatus),
          process_id: t.Optional(
            t.String({ format: "uuid", description: "Machines that can do this process" }),
          ),
        }),
        response: { 200: ListOf(MachineListItem) },
        detail: operation({
          id: "listMachines",
          permission: "shop.read",
          tag: "Shop: machines",
          summary: "List machines",
          description:
            "Machines in use, by code, with the processes each can do and how many steps it is running now.",
          errors: ["invalid_cursor"],
        }),
      },
    )
    .get("/machines/:id", async ({ caller, params }) => resource(await getMachine(deps, caller, params.id)), {
      params: IdParams,
      response: { 200: Machine },
      detail: operation({
        id: "getMachine",
        permission: "shop.read",
        tag: "Shop: machines",
        summary: "One machine",
        description: "Archived ones too, with the steps it is running now.",
        errors: ["not_found"],
      }),
    })
    .get(
      "/processes",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listProcesses),
      {
        query: strict({ ...listParameters, is_active: t.Optional(t.Boolean()) }),
        response: { 200: ListOf(Process) },
        detail: operation({
          id: "listProcesses",
          permission: "shop.read",
          tag: "Shop: machines",
          summary: "List processes",
          description:
            "What steps consist of, in the order the business gave them, with the number of machines for each.",
          errors: ["invalid_cursor"],
        }),
      },
    );
