import m0000 from "../../sql/migrations/0000_schema_migrations.sql" with { type: "text" };
import m0001 from "../../sql/migrations/0001_core.sql" with { type: "text" };
import m0002 from "../../sql/migrations/0002_audit.sql" with { type: "text" };
import m0003 from "../../sql/migrations/0003_shop.sql" with { type: "text" };
import m0004 from "../../sql/migrations/0004_performance_indexes.sql" with { type: "text" };
import r0004 from "../../sql/migrations/0004_performance_indexes.rollback.sql" with { type: "text" };
import m0005 from "../../sql/migrations/0005_core_bodies.sql" with { type: "text" };
import m0006 from "../../sql/migrations/0006_cache.sql" with { type: "text" };
import m0007 from "../../sql/migrations/0007_invalidation.sql" with { type: "text" };
import m0008 from "../../sql/migrations/0008_member_names.sql" with { type: "text" };
import m0009 from "../../sql/migrations/0009_deactivation.sql" with { type: "text" };
import m0010 from "../../sql/migrations/0010_ledger.sql" with { type: "text" };
import m0011 from "../../sql/migrations/0011_ledger_posting.sql" with { type: "text" };
import m0012 from "../../sql/migrations/0012_one_time_codes.sql" with { type: "text" };
import m0013 from "../../sql/migrations/0013_ledger_single.sql" with { type: "text" };
import m0014 from "../../sql/migrations/0014_bank.sql" with { type: "text" };
import m0015 from "../../sql/migrations/0015_bank_posting.sql" with { type: "text" };
import m0016 from "../../sql/migrations/0016_bank_requests.sql" with { type: "text" };
import m0017 from "../../sql/migrations/0017_bank_accounts.sql" with { type: "text" };
import m0018 from "../../sql/migrations/0018_bank_wires.sql" with { type: "text" };
import m0019 from "../../sql/migrations/0019_bank_kyc.sql" with { type: "text" };
import m0020 from "../../sql/migrations/0020_counters.sql" with { type: "text" };
import m0021 from "../../sql/migrations/0021_bank_reports.sql" with { type: "text" };
import m0022 from "../../sql/migrations/0022_ledger_reports.sql" with { type: "text" };
import m0023 from "../../sql/migrations/0023_ledger_by_hand.sql" with { type: "text" };
import m0024 from "../../sql/migrations/0024_savings.sql" with { type: "text" };
import m0025 from "../../sql/migrations/0025_savings_terms.sql" with { type: "text" };
import m0026 from "../../sql/migrations/0026_savings_accounts.sql" with { type: "text" };
import m0027 from "../../sql/migrations/0027_savings_collecting.sql" with { type: "text" };
import m0028 from "../../sql/migrations/0028_savings_cash.sql" with { type: "text" };
import m0029 from "../../sql/migrations/0029_savings_payments.sql" with { type: "text" };
import m0030 from "../../sql/migrations/0030_savings_online.sql" with { type: "text" };
import m0031 from "../../sql/migrations/0031_savings_figures.sql" with { type: "text" };
import m0032 from "../../sql/migrations/0032_posting_cost.sql" with { type: "text" };
import m0033 from "../../sql/migrations/0033_savings_import.sql" with { type: "text" };
import m0034 from "../../sql/migrations/0034_savings_visits.sql" with { type: "text" };
import m0035 from "../../sql/migrations/0035_background_cost.sql" with { type: "text" };
import m0036 from "../../sql/migrations/0036_hold_expiry.sql" with { type: "text" };
import m0037 from "../../sql/migrations/0037_shop_work.sql" with { type: "text" };
import m0038 from "../../sql/migrations/0038_shop_jobs.sql" with { type: "text" };
import m0039 from "../../sql/migrations/0039_shop_plan.sql" with { type: "text" };
import m0040 from "../../sql/migrations/0040_shop_time.sql" with { type: "text" };
import m0041 from "../../sql/migrations/0041_shop_machines.sql" with { type: "text" };
import m0042 from "../../sql/migrations/0042_shop_figures.sql" with { type: "text" };
import m0043 from "../../sql/migrations/0043_shop_import.sql" with { type: "text" };
import m0044 from "../../sql/migrations/0044_audit_cost.sql" with { type: "text" };
import m0045 from "../../sql/migrations/0045_shop_open_steps.sql" with { type: "text" };
import m0046 from "../../sql/migrations/0046_events.sql" with { type: "text" };
import m0047 from "../../sql/migrations/0047_code_logins.sql" with { type: "text" };
import m0048 from "../../sql/migrations/0048_budget.sql" with { type: "text" };
import m0049 from "../../sql/migrations/0049_budget_transactions.sql" with { type: "text" };
import m0050 from "../../sql/migrations/0050_budget_chat.sql" with { type: "text" };
import m0051 from "../../sql/migrations/0051_budget_months.sql" with { type: "text" };
import m0052 from "../../sql/migrations/0052_budget_categories.sql" with { type: "text" };
import m0053 from "../../sql/migrations/0053_counting_cost.sql" with { type: "text" };
import m0054 from "../../sql/migrations/0054_pictures.sql" with { type: "text" };

/** One step of the schema, forward only. */
export type Migration = Readonly<{
  /** Name of its file without the ending; the number in front is its place. */
  name: string;
  text: string;
  /** Takes it back, where that is promised. */
  rollback_text: string | null;
}>;

/** The table in which migrations are recorded. */
export const bootstrap: string = m0000;

/** Every migration in its order, inside the program, so that the compiled binary needs no files. */
export const migrations: readonly Migration[] = [
  { name: "0001_core", text: m0001, rollback_text: null },
  { name: "0002_audit", text: m0002, rollback_text: null },
  { name: "0003_shop", text: m0003, rollback_text: null },
  { name: "0004_performance_indexes", text: m0004, rollback_text: r0004 },
  { name: "0005_core_bodies", text: m0005, rollback_text: null },
  { name: "0006_cache", text: m0006, rollback_text: null },
  { name: "0007_invalidation", text: m0007, rollback_text: null },
  { name: "0008_member_names", text: m0008, rollback_text: null },
  { name: "0009_deactivation", text: m0009, rollback_text: null },
  { name: "0010_ledger", text: m0010, rollback_text: null },
  { name: "0011_ledger_posting", text: m0011, rollback_text: null },
  { name: "0012_one_time_codes", text: m0012, rollback_text: null },
  { name: "0013_ledger_single", text: m0013, rollback_text: null },
  { name: "0014_bank", text: m0014, rollback_text: null },
  { name: "0015_bank_posting", text: m0015, rollback_text: null },
  { name: "0016_bank_requests", text: m0016, rollback_text: null },
  { name: "0017_bank_accounts", text: m0017, rollback_text: null },
  { name: "0018_bank_wires", text: m0018, rollback_text: null },
  { name: "0019_bank_kyc", text: m0019, rollback_text: null },
  { name: "0020_counters", text: m0020, rollback_text: null },
  { name: "0021_bank_reports", text: m0021, rollback_text: null },
  { name: "0022_ledger_reports", text: m0022, rollback_text: null },
  { name: "0023_ledger_by_hand", text: m0023, rollback_text: null },
  { name: "0024_savings", text: m0024, rollback_text: null },
  { name: "0025_savings_terms", text: m0025, rollback_text: null },
  { name: "0026_savings_accounts", text: m0026, rollback_text: null },
  { name: "0027_savings_collecting", text: m0027, rollback_text: null },
  { name: "0028_savings_cash", text: m0028, rollback_text: null },
  { name: "0029_savings_payments", text: m0029, rollback_text: null },
  { name: "0030_savings_online", text: m0030, rollback_text: null },
  { name: "0031_savings_figures", text: m0031, rollback_text: null },
  { name: "0032_posting_cost", text: m0032, rollback_text: null },
  { name: "0033_savings_import", text: m0033, rollback_text: null },
  { name: "0034_savings_visits", text: m0034, rollback_text: null },
  { name: "0035_background_cost", text: m0035, rollback_text: null },
  { name: "0036_hold_expiry", text: m0036, rollback_text: null },
  { name: "0037_shop_work", text: m0037, rollback_text: null },
  { name: "0038_shop_jobs", text: m0038, rollback_text: null },
  { name: "0039_shop_plan", text: m0039, rollback_text: null },
  { name: "0040_shop_time", text: m0040, rollback_text: null },
  { name: "0041_shop_machines", text: m0041, rollback_text: null },
  { name: "0042_shop_figures", text: m0042, rollback_text: null },
  { name: "0043_shop_import", text: m0043, rollback_text: null },
  { name: "0044_audit_cost", text: m0044, rollback_text: null },
  { name: "0045_shop_open_steps", text: m0045, rollback_text: null },
  { name: "0046_events", text: m0046, rollback_text: null },
  { name: "0047_code_logins", text: m0047, rollback_text: null },
  { name: "0048_budget", text: m0048, rollback_text: null },
  { name: "0049_budget_transactions", text: m0049, rollback_text: null },
  { name: "0050_budget_chat", text: m0050, rollback_text: null },
  { name: "0051_budget_months", text: m0051, rollback_text: null },
  { name: "0052_budget_categories", text: m0052, rollback_text: null },
  { name: "0053_counting_cost", text: m0053, rollback_text: null },
  { name: "0054_pictures", text: m0054, rollback_text: null },
];
