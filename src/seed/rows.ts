/** The tables that seeds write, in an order in which every foreign key finds its row, with the columns they fill. */
export const tables = {
  "core.businesses": "id code name modules currency timezone created_at updated_at",
  "core.users": "id username phone email full_name password_hash timezone created_at updated_at",
  "core.units": "business_id id name location created_at updated_at created_by updated_by",
  "core.memberships":
    "business_id id user_id unit_id role parent_member_id created_at updated_at created_by updated_by",
  "core.settings": "business_id key value created_at updated_at created_by updated_by",
  "core.customers":
    "business_id id unit_id user_id code name phone email address is_active created_at updated_at created_by updated_by",
  "core.sequences": "business_id name period next_value",
  "shop.processes":
    "business_id id code name group_name is_machine_based is_production default_minutes sort created_at updated_at created_by updated_by",
  "shop.machines":
    "business_id id code name type location status capacity units_per_hour rate_per_hour created_at updated_at created_by updated_by",
  "shop.machine_processes": "business_id machine_id process_id",
  "shop.role_process_permissions":
    "business_id id process_id role can_view can_work can_assign created_at updated_at created_by updated_by",
  "shop.routings": "business_id id name created_at updated_at created_by updated_by",
  "shop.routing_steps": "business_id routing_id position process_id est_minutes depends_on",
  "shop.jobs":
    "business_id id job_number customer_id title description status priority due_on quantity unit price currency revision_no steps_total steps_done hold_reason status_before_hold started_at completed_at created_at updated_at created_by updated_by",
  "shop.job_steps":
    "business_id id job_id process_id position status status_before_block block_reason assigned_to machine_id planned_start planned_end due_at est_minutes qty_target allowance_bps qty_good qty_scrap started_at started_by completed_at completed_by created_at updated_at created_by updated_by",
  "shop.step_dependencies": "business_id step_id depends_on",
  "shop.time_logs":
    "business_id id step_id machine_id operator_id kind reason started_at ended_at exclusive_machine created_at updated_at created_by updated_by",
  "shop.production_reports":
    "business_id id step_id qty_good qty_scrap reported_by created_at updated_at created_by updated_by",
  "shop.job_revisions":
    "business_id job_id revision_no reason changes created_at updated_at created_by updated_by",
  "shop.step_notes": "business_id id step_id author_id note created_at updated_at created_by updated_by",
  "ledger.accounts":
    "business_id id code kind currency owner_type owner_id status shards created_at updated_at created_by updated_by",
  "ledger.balances":
    "business_id account_id shard normal_side posted_debit posted_credit pending_debit pending_credit overdraft_limit max_balance is_open day day_used month month_used wire_day wire_day_used version updated_at",
  "ledger.transactions":
    "business_id id phase kind pending_id reverses_id reference source_type source_id description effective_at posted_at created_by",
  "ledger.entries":
    "business_id account_id transaction_id shard side amount currency phase effective_at balance_after",
  "bank.accounts":
    "business_id id customer_id account_number type currency status nickname daily_limit monthly_limit overdraft_limit interest_bps overdraft_bps frozen_reason closed_reason opened_at activated_at closed_at created_at updated_at created_by updated_by",
  "bank.transfers":
    "business_id id kind status from_account_id to_account_id amount fee currency reference memo category reversed_by_id settled_at version created_at updated_at created_by updated_by",
  "bank.beneficiaries":
    "business_id id customer_id name bank_name bic iban_or_account country created_at updated_at created_by updated_by",
  "bank.watchlist": "business_id id name source created_at updated_at created_by updated_by",
  "bank.wire_transfers":
    "business_id transfer_id customer_id beneficiary_id beneficiary_snapshot status purpose_code target_amount target_currency fx_rate screening_score screening_hits approved_by approved_at reviewed_by reviewed_at submitted_at network_ref rejection_reason needs_review limit_day version created_at updated_at created_by updated_by",
  "bank.wire_transfer_events": "business_id transfer_id at from_status to_status actor_user_id note",
  "core.files":
    "business_id id owner_user_id sha256 size_bytes mime filename storage_key ref_type ref_id readers created_at updated_at created_by updated_by",
  "bank.kyc_documents":
    "business_id id customer_id document_type file_id status is_evidence rejection_code rejection_note reviewed_by reviewed_at issued_on expires_on created_at updated_at created_by updated_by",
  "bank.kyc_profiles":
    "business_id customer_id status level risk enhanced_due_diligence submitted_at reviewed_by reviewed_at reason expires_on created_at updated_at created_by updated_by",
  "savings.products":
    "business_id id name kind currency period_days cycle_markings calendar_month flexible_amount min_marking_amount max_marking_amount commission_rule commission_bps commission_flat commission_cap agent_share_bps parent_share_bps early_fee_bps early_fee_months min_markings_before_payment backdate_days auto_renew is_active created_at updated_at created_by updated_by",
  "savings.agents": "business_id id agent_no receipts cash_id receivable_id commission_id",
  "savings.accounts":
    "business_id id unit_id customer_id agent_id product_id tracking_number run_no marking_amount currency cycles markings_total starts_on ends_on period_days cycle_markings calendar_month flexible_amount min_marking_amount max_marking_amount auto_renew backdate_days commission_rule commission_bps commission_flat commission_cap agent_share_bps parent_share_bps early_fee_bps early_fee_months min_markings_before_payment status markings_paid collected closed_at close_reason version created_at updated_at created_by updated_by",
  "savings.remittances":
    "business_id id agent_id business_date no status expected declared counted submitted_at confirmed_by confirmed_at ledger_transaction_id note version created_at updated_at created_by updated_by",
  "savings.collections":
    "business_id id unit_id savings_account_id agent_id amount currency markings amounts method status client_ref content_hash collected_at business_date receipt_no remittance_id provider provider_ref checkout_url confirmed_at reversed_by reversed_at reversal_id reversal_reason version created_at updated_at created_by updated_by",
  "savings.markings": "business_id savings_account_id collection_id position for_date amount reversed_at",
  "savings.payment_destinations":
    "business_id id customer_id bank_name bank_code account_number account_name bank_account_id created_at updated_at created_by updated_by",
  "savings.payment_requests":
    "business_id id savings_account_id customer_id agent_id unit_id requested_by method destination_id gross commission fees net currency agent_amount parent_agent_id parent_amount status reference decided_by decided_at paid_by paid_at reason failure_code provider provider_ref ledger_transaction_id version created_at updated_at created_by updated_by",
  "savings.commissions":
    "business_id id savings_account_id payment_request_id agent_id parent_agent_id amount agent_amount parent_amount house_amount currency ledger_transaction_id earned_on agent_settlement_id parent_settlement_id created_at updated_at created_by updated_by",
  "savings.expenses":
    "business_id id unit_id member_id category amount currency paid_from status spent_on description remittance_id ledger_transaction_id decided_by decided_at reason version created_at updated_at created_by updated_by",
  "budget.budgets":
    "business_id id owner_id name mode currency timezone is_default first_month created_at updated_at created_by updated_by",
  "budget.category_groups":
    "business_id id budget_id name label icon target_bps is_income sort created_at updated_at created_by updated_by",
  "budget.categories":
    "business_id id budget_id group_id name rollover sort created_at updated_at created_by updated_by",
  "budget.allocations":
    "business_id category_id month budget_id planned created_at updated_at created_by updated_by",
  "budget.transactions":
    "business_id id budget_id category_id amount occurred_on payee memo import_id created_at updated_at created_by updated_by",
  "core.notifications":
    "business_id id user_id type title body ref_type ref_id read_at created_at updated_at created_by updated_by",
} as const;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as TableName[];

export type Value = string | number | boolean | null;

/** Rows in the text format of COPY (https://www.postgresql.org/docs/18/sql-copy.html), collected by table. */
export class Rows {
  readonly #lines = new Map<TableName, string[]>();
  count = 0;

  /**
   * Adds a row: its values in the order of `tables`. Values are made by the seeds themselves and hold no tab or
   * newline, and backslashes are doubled already, so nothing is escaped.
   */
  add(table: TableName, values: Value[]): void {
    for (let i = 0; i < values.length; i++) if (values[i] === null) values[i] = "\\N";
    let lines = this.#lines.get(table);
    if (lines === undefined) this.#lines.set(table, (lines = []));
    // joined at once: text that is added piece by piece is put together far slower at the end
    lines.push(values.join("\t"));
    this.count++;
  }

  /** Hands out what was collected, in the order of `tables`, and starts anew. */
  take(): { table: TableName; text: string }[] {
    const taken = tableNames.flatMap((table) => {
      const lines = this.#lines.get(table);
      return lines === undefined ? [] : [{ table, text: `${lines.join("\n")}\n` }];
    });
    this.#lines.clear();
    this.count = 0;
    return taken;
  }
}
