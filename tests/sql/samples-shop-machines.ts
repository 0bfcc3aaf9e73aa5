import { machineMoves } from "../../src/shop/machine-moves.ts";
import { defaultMachine } from "../../src/shop/machines.ts";
import { defaultProcess } from "../../src/shop/processes.ts";
import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements of machines, processes, routings and permissions. */
export function ofShopMachines({ machine_id, process_id }: Populated): Samples["statements"] {
  const named = { code: "SAMPLE", name: "Sample" };
  const after = json(["A"]);
  const page = { is_active: true, after: null };
  const steps = [{ process_id }];
  return {
    "shop/create_machine": [
      { machine_id: id, machine: json({ ...defaultMachine, ...named, process_ids: [process_id] }) },
    ],
    "shop/update_machine": [
      { machine_id, version: null, patch: json({ name: "Sample" }), moves: json(machineMoves) },
    ],
    "shop/delete_machine": [{ machine_id, version: null }],
    "shop/list_machines": [
      { ...page, status: null, process_id: null },
      { ...page, status: "active", process_id, after },
    ],
    "shop/begin_downtime": [{ machine_id, time_log_id: id, kind: "availability_loss", reason: null }],
    "shop/end_downtime": [{ machine_id, time_log_id: id }],
    "shop/get_machine_board": [
      { days: 7, after: null },
      { days: 90, after },
    ],
    "shop/list_machine_queue": [
      { machine_id, role: null },
      { machine_id, role: "operator" },
    ],
    "shop/get_machine_oee": [{ machine_id, from: "2026-01-01", to: "2026-01-31" }],
    "shop/create_process": [{ process_id: id, process: json({ ...defaultProcess, ...named }) }],
    "shop/update_process": [{ process_id, version: null, patch: json({ sort: 1 }) }],
    "shop/delete_process": [{ process_id, version: null }],
    "shop/list_processes": [page, { ...page, after: json(["0", "A"]) }],
    "shop/create_routing": [{ routing_id: id, routing: json({ name: "Sample", is_active: true, steps }) }],
    "shop/update_routing": [{ routing_id: id, version: null, patch: json({ steps }) }],
    "shop/delete_routing": [{ routing_id: id, version: null }],
    "shop/get_routing": [{ routing_id: id }],
    "shop/list_routings": [page, { ...page, after }],
    "shop/put_process_permissions": [{ version: null, items: "[]" }],
  };
}
