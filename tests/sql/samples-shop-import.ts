import type { Samples } from "./samples.ts";

/** Values for the import of jobs. */
export function ofShopImport(): Samples["statements"] {
  const job = { line: 2, id: "0191e7a0-0000-7000-8000-00000000abcd", title: "Imported" };
  const named = [
    job,
    { ...job, customer_code: "C-1", routing: "Printed matter" },
    { ...job, customer_phone: "+2348012345678" },
  ];
  return {
    "shop/import_jobs": named.map((one) => ({ jobs: JSON.stringify([one]), dry_run: one !== job })),
  };
}
