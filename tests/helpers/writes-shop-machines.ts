import type { Desk, Write } from "./every-write.ts";

const machine = ["shop.machine", "shop.machines.page", "shop.machines.board"] as const;

/** It tells of all that is written here. */
const activity = "shop.dashboard.activity";

/** Makes something, and remembers its id for what removes it. */
function making({ byOwner }: Desk, path: string, body: () => object) {
  const made = { id: "" };
  return {
    made,
    send: async () => {
      const response = await byOwner("POST", path, { body: body() });
      Object.assign(made, await response.clone().json());
      return response;
    },
  };
}

/** Every write about machines, processes, routings and permissions: see every-write.ts. */
export function ofShopMachines(desk: Desk): Write[] {
  return [...ofMachines(desk), ...ofDowntime(desk), ...ofProcesses(desk), ...ofRoutings(desk)];
}

function ofMachines(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const { made, send } = making(desk, "/machines", () => ({ code: "LATHE-9", name: "Ninth lathe" }));
  return [
    {
      route: "POST /machines",
      send,
      changes: [activity, "shop.machines.page", "shop.machines.board", "shop.dashboard.stats"],
    },
    {
      route: "PATCH /machines/{id}",
      send: () =>
        byOwner("PATCH", `/machines/${things.machine_id.toUpperCase()}`, { body: { name: "M one" } }),
      changes: [activity, ...machine, "shop.job", "shop.step", "shop.routing"],
    },
    {
      route: "DELETE /machines/{id}",
      send: () => byOwner("DELETE", `/machines/${made.id.toUpperCase()}`),
      changes: [activity, "shop.machines.page", "shop.machines.board", "shop.dashboard.stats"],
    },
  ];
}

function ofDowntime(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const path = `/machines/${things.machine_id}/downtime`;
  const { made, send } = making(desk, path, () => ({ kind: "availability_loss", reason: "Belt" }));
  return [
    {
      route: "POST /machines/{id}/downtime",
      send,
      changes: [activity, ...machine, "shop.machine.oee"],
    },
    {
      route: "POST /machines/{id}/downtime/{log}/end",
      send: () => byOwner("POST", `${path}/${made.id}/end`),
      changes: [activity, "shop.machine", "shop.machines.page"],
    },
  ];
}

function ofProcesses(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const { made, send } = making(desk, "/processes", () => ({ code: "DEBURR", name: "Deburring" }));
  const process_id = things.idOf("/api/v1/processes/{id}");
  return [
    { route: "POST /processes", send, changes: [activity, "shop.processes.page"] },
    {
      route: "PATCH /processes/{id}",
      send: () => byOwner("PATCH", `/processes/${process_id}`, { body: { name: "P one" } }),
      changes: [
        "shop.job.timeline",
        activity,
        "shop.process",
        "shop.processes.page",
        "shop.machine",
        "shop.machines.page",
        "shop.job",
        "shop.step",
        "shop.routing",
        "shop.machine.queue",
      ],
    },
    {
      route: "PUT /role-process-permissions",
      send: () =>
        byOwner("PUT", "/role-process-permissions", {
          body: {
            items: [
              { role: "operator", process_id: made.id, can_view: true, can_work: true, can_assign: false },
            ],
          },
        }),
      changes: [activity, "shop.process_permissions"],
    },
    {
      route: "DELETE /processes/{id}",
      send: () => byOwner("DELETE", `/processes/${made.id}`),
      changes: [activity, "shop.processes.page", "shop.process_permissions"],
    },
  ];
}

function ofRoutings(desk: Desk): Write[] {
  const { byOwner, things } = desk;
  const process_id = things.idOf("/api/v1/processes/{id}");
  const { made, send } = making(desk, "/routings", () => ({ name: "Bracket", steps: [{ process_id }] }));
  return [
    { route: "POST /routings", send, changes: [activity, "shop.routings.page"] },
    {
      route: "PATCH /routings/{id}",
      send: () =>
        byOwner("PATCH", `/routings/${things.idOf("/api/v1/routings/{id}")}`, {
          body: { steps: [{ process_id }, { process_id }] },
        }),
      changes: [activity, "shop.routing", "shop.routings.page"],
    },
    {
      route: "DELETE /routings/{id}",
      send: () => byOwner("DELETE", `/routings/${made.id}`),
      changes: [activity, "shop.routings.page"],
    },
  ];
}
