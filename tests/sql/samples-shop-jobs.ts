import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abce";
const json = JSON.stringify;

/** Values for what people do with jobs, and what is read of it. */
export function ofShopJobs({ job_id, process_id }: Populated): Samples["statements"] {
  const from = ["draft", "active", "in_progress", "on_hold", "completed", "cancelled"];
  const moves = json(from.map((status) => ({ action: "activate", from: status, to: "active" })));
  const asked = { role: "owner", job_id };
  const fields = json({ title: "Sample" });
  return {
    "shop/get_job": [
      { role: null, job_id },
      { role: "operator", job_id },
    ],
    "shop/create_job": [
      { role: "owner", job_id: id, fields, steps: json([{ process_id }]), routing_id: null },
      { role: "owner", job_id: id, fields, steps: null, routing_id: null },
    ],
    "shop/update_job": [{ ...asked, moves, fields }],
    "shop/revise_job": [{ ...asked, moves, fields, reason: "Sample" }],
    "shop/move_job": [{ ...asked, action: "activate", moves, reason: null }],
    "shop/duplicate_job": [{ ...asked, new_id: id }],
    "shop/delete_job": [{ job_id: id }],
    "shop/create_job_file": [
      {
        job_id,
        file_id: id,
        file: json({
          sha256: "00".repeat(32),
          size_bytes: 1,
          mime: "text/plain",
          filename: "a.txt",
          storage_key: `jobs/${id}`,
        }),
      },
    ],
    "shop/list_job_files": [{ job_id }, { job_id, after: json(["2026-01-01T00:00:00Z", id]) }],
    "shop/list_job_revisions": [{ job_id }, { job_id, after: json(["2"]) }],
    "shop/list_job_events": [
      { role: null, job_id },
      { role: "operator", job_id, after: json(["2026-01-01T00:00:00Z", "a"]) },
    ],
    "shop/tell_overdue_jobs": [{ limit_rows: 100 }],
  };
}
