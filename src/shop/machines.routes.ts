import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { IdParams, listParameters, ListOf, strict } from "../http/schema.ts";
import { machineCache } from "./machines.cache.ts";
import { machinePage, processPage } from "./machines.ts";
import { Machine, MachineListItem, MachineStatus, Process } from "./shapes.routes.ts";

/** Machines and processes of the shop, for reading. */
export const machineRoutes = (deps: Deps) => {
  const cached = machineCache(deps);
  return new Elysia({ name: "shop.machines", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/machines",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, machinePage(caller, query)),
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
          cache: "shop.machines.page",
          permission: "shop.read",
          tag: "Shop: machines",
          summary: "List machines",
          description:
            "Machines in use, by code, with the processes each can do and how many steps it is running now.",
          errors: ["invalid_cursor"],
        }),
      },
    )
    .get(
      "/machines/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, machine_id: params.id.toLowerCase() };
        return answered(scope, cached.machine, parts, cachedBytes);
      },
      {
        params: IdParams,
        response: { 200: Machine },
        detail: operation({
          id: "getMachine",
          cache: "shop.machine",
          permission: "shop.read",
          tag: "Shop: machines",
          summary: "One machine",
          description: "Archived ones too, with the steps it is running now.",
          errors: ["not_found"],
        }),
      },
    )
    .get(
      "/processes",
      async ({ caller, scope, query }) =>
        cached.processes.answer(scope, query.cursor, processPage(caller, query)),
      {
        query: strict({ ...listParameters, is_active: t.Optional(t.Boolean()) }),
        response: { 200: ListOf(Process) },
        detail: operation({
          id: "listProcesses",
          cache: "shop.processes.page",
          permission: "shop.read",
          tag: "Shop: machines",
          summary: "List processes",
          description:
            "What steps consist of, in the order the business gave them, with the number of machines for each.",
          errors: ["invalid_cursor"],
        }),
      },
    );
};
